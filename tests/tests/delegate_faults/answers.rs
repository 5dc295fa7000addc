//! What a plugin prints and how it exits.

use serde_json::{Value, json};
use suites::scene::Scene;

use crate::trio;

/// A result that would be in order.
fn result() -> Value {
    json!({"cniVersion": "1.0.0", "interfaces": [{"name": "net1", "sandbox": "/run/netns/c1"}]})
}

#[test]
fn an_answer_that_is_no_result_fails_the_add_with_an_excerpt() {
    // cni-runtime #32, #35, #36
    let scene = Scene::new();
    for (printed, cause) in [
        ("", "printed no result"),
        (" \n\t", "printed no result"),
        ("this is no JSON", "plugin printed \"this is no JSON\""),
        ("{\"cniVersion\": \"1.0.0\"", "plugin printed"),
        ("[]", "plugin printed \"[]\""),
        ("true", "plugin printed \"true\""),
        ("{\"cniVersion\": \"1.0.0\"} trailing", "trailing"),
        (
            "{\"cniVersion\": \"1.0.0\"}{\"cniVersion\": \"1.0.0\"}",
            "trailing",
        ),
        (
            "leading {\"cniVersion\": \"1.0.0\"}",
            "plugin printed \"leading",
        ),
        ("two\nlines", "plugin printed \"two\\nlines\""),
        ("\u{1b}[31mred", "\\u{1b}[31mred"),
    ] {
        trio::fails(
            &scene,
            &trio::conf(&scene, json!({"stdout": printed})),
            999,
            &[cause],
        );
    }
    scene.nothing_left();
}

#[test]
fn a_result_that_cannot_be_used_fails_the_add_and_names_the_field() {
    // cni-runtime #65, #67, #70, #71
    let scene = Scene::new();
    for (result, cause) in [
        (json!({"cniVersion": "5.0.0"}), "5.0.0"),
        (json!({"cniVersion": "1.2.0"}), "1.2.0"),
        (
            json!({"ips": [{"address": "192.0.2.1/24", "interface": 1}], "interfaces": [{"name": "x"}]}),
            "interface",
        ),
        (json!({"ips": [{"address": "192.0.2.1"}]}), "ips[0].address"),
        (
            json!({"ips": [{"address": "999.0.2.1/24"}]}),
            "ips[0].address",
        ),
        (json!({"ips": [null]}), "ips[0]"),
        (json!({"ips": "192.0.2.1/24"}), "ips"),
        (json!({"routes": [{"gw": "192.0.2.1"}]}), "routes[0].dst"),
        (json!({"interfaces": [null]}), "interfaces[0]"),
        (json!({"dns": []}), "dns"),
    ] {
        let on_add = json!({"create_link": false, "result": result});
        trio::fails(&scene, &trio::conf(&scene, on_add), 999, &[cause]);
    }
    scene.nothing_left();
}

#[test]
fn null_and_an_empty_object_are_empty_results() {
    // T3.3, cni-runtime #33, #34
    let scene = Scene::new();
    for printed in ["null", "{}", "{\"cniVersion\": \"0.2.0\"}"] {
        let conf = trio::conf(&scene, json!({"stdout": printed}));
        scene.call("ADD", &conf).result();
        scene.call("DEL", &conf).silent();
        scene.nothing_left();
    }
}

#[test]
fn an_error_is_one_although_the_plugin_exits_with_0() {
    // cni-runtime #38
    let scene = Scene::new();
    let on_add = json!({"stdout": "{\"code\": 7, \"msg\": \"no such master\"}"});
    trio::fails(&scene, &trio::conf(&scene, on_add), 7, &["no such master"]);
    scene.nothing_left();
}

#[test]
fn a_result_is_none_where_the_plugin_exits_with_1() {
    // cni-runtime #37
    let scene = Scene::new();
    let on_add = json!({"stdout": result().to_string(), "stderr": "lost the race", "exit": 1});
    trio::fails(
        &scene,
        &trio::conf(&scene, on_add),
        999,
        &["exit status 1", "lost the race"],
    );
    scene.nothing_left();
}

#[test]
fn the_last_error_object_counts_whatever_was_printed_before() {
    // cni-runtime #36
    let scene = Scene::new();
    let printed = format!(
        "starting\n{}{{\"code\": 101, \"msg\": \"the real reason\"}}",
        result()
    );
    let on_add = json!({"stdout": printed, "exit": 1});
    trio::fails(
        &scene,
        &trio::conf(&scene, on_add),
        101,
        &["the real reason"],
    );
    scene.nothing_left();
}

#[test]
fn an_error_of_odd_types_is_shown_as_it_is() {
    // cni-runtime #39
    let scene = Scene::new();
    for printed in [
        "{\"code\": \"7\", \"msg\": \"odd\"}",
        "{\"code\": -1, \"msg\": \"odd\"}",
        "{\"code\": 1e300, \"msg\": \"odd\"}",
        "{\"code\": 4294967296, \"msg\": \"odd\"}",
        "{\"code\": true, \"msg\": \"odd\"}",
        "{\"code\": 7, \"msg\": [\"odd\"]}",
    ] {
        let on_add = json!({"stdout": printed, "exit": 1});
        trio::fails(
            &scene,
            &trio::conf(&scene, on_add),
            999,
            &[printed, "exit status 1"],
        );
    }
    scene.nothing_left();
}

#[test]
fn an_error_without_a_message_is_explained_by_standard_error_or_the_exit_status() {
    // B4.130, cni-runtime #37
    let scene = Scene::new();
    for (on_add, code, cause) in [
        (
            json!({"stdout": "", "exit": 3}),
            999,
            "netplugin failed with no error message: exit status 3",
        ),
        (
            json!({"stdout": "", "stderr": "out of luck\n", "exit": 3}),
            999,
            "netplugin failed: \"out of luck\": exit status 3",
        ),
        (
            json!({"stdout": "{\"code\": 12}", "exit": 1}),
            12,
            "exit status 1",
        ),
        (
            json!({"stdout": "{\"code\": 12, \"msg\": \"\"}", "stderr": "reason", "exit": 1}),
            12,
            "reason",
        ),
        (
            json!({"stdout": "oops", "exit": 255}),
            999,
            "error parsing its diagnostic message \"oops\"",
        ),
    ] {
        trio::fails(&scene, &trio::conf(&scene, on_add), code, &[cause]);
    }
    scene.nothing_left();
}

#[test]
fn message_and_details_of_a_plugin_come_in_one_line_of_bounded_length() {
    // cni-runtime §2.5
    let scene = Scene::new();
    let fail = json!({"code": 100, "msg": "first\nsecond", "details": "more"});
    let conf = trio::conf(&scene, json!({"fail": fail}));
    trio::fails(&scene, &conf, 100, &["first\\nsecond; more"]);
    let fail = json!({"code": 100, "msg": "x".repeat(100_000)});
    let answer = trio::fails(
        &scene,
        &trio::conf(&scene, json!({"fail": fail})),
        100,
        &["xxx"],
    );
    assert!(answer.error().1.len() < 3000);
    scene.nothing_left();
}

#[test]
fn a_chain_member_is_named_with_its_type_and_name() {
    // B4.125, cni-runtime #15
    let scene = Scene::new();
    let mut second = scene.plugin(
        "scripted",
        json!({"create_link": false, "per_verb": {"ADD": {"exit": 9, "stdout": ""}}}),
    );
    second["name"] = json!("second one");
    let chain = json!({
        "cniVersion": "1.0.0",
        "name": "bad",
        "plugins": [scene.plugin("scripted", json!({})), second],
    });
    scene.call("ADD", &trio::around(&scene, chain)).refused(
        999,
        &[
            "network \"bad\"",
            "plugin type=\"scripted\" name=\"second one\" failed (add)",
            "exit status 9",
        ],
    );
    assert_eq!(
        scene.take_calls(),
        [
            "ADD a eth0",
            "ADD bad net1",
            "ADD bad net1",
            "DEL bad net1",
            "DEL bad net1",
            "DEL a eth0"
        ]
    );
    scene.nothing_left();
}
