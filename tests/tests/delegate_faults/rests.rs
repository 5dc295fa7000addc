//! A DEL that could not undo everything is told to the runtime, which tries again. With a daemon that is the daemon's to do.

use std::fs::{self};

use serde_json::{Value, json};
use suites::scene::Scene;

use crate::optional::{WITHOUT, pod, status};
use crate::programs::{copy, network};
use crate::trio;
use crate::undo::ledger;

/// A plugin that fails with DEL as long as the file `failing` is there.
fn stubborn(scene: &Scene, name: &str) -> Value {
    let fail = json!({"code": 101, "msg": "still in use", "while_file": scene.signal("failing")});
    scene.network(name, json!({"per_verb": {"DEL": {"fail": fail}}}))
}

fn failing(scene: &Scene, name: &str) -> Value {
    scene.network(
        name,
        json!({"per_verb": {"ADD": {"fail": {"code": 100, "msg": "no address"}}}}),
    )
}

#[test]
fn the_same_holds_for_del_and_check() {
    let scene = Scene::new();
    let fail = |code: u64| json!({"fail": {"code": code, "msg": "as it says", "while_file": scene.signal("failing")}});
    for (code, expected) in [(3, 999), (11, 11), (101, 101)] {
        let bad = scene.network(
            "bad",
            json!({"per_verb": {"CHECK": fail(code), "DEL": fail(code)}}),
        );
        let conf = trio::around(&scene, bad);
        scene.call("ADD", &conf).result();
        scene.give("failing");
        scene.call("CHECK", &conf).refused(
            expected,
            &[
                "[default/pod/",
                "network \"bad\"",
                "net1",
                "scripted",
                "as it says",
            ],
        );
        scene.call("DEL", &conf).refused(
            expected,
            &[
                "[default/pod/",
                "network \"bad\"",
                "net1",
                "(delete)",
                "as it says",
            ],
        );
        scene.take("failing");
        scene.call("DEL", &conf).silent();
        scene.nothing_left();
    }
}

#[test]
fn a_plugin_that_hangs_on_del_has_its_share_of_the_time_and_no_more() {
    // B4.105, MN-102
    let scene = Scene::new();
    let hang = json!({"per_verb": {"DEL": {"create_link": false, "hang": true}}});
    let mut conf = scene.conf(&[
        scene.network("a", json!({})),
        scene.network("b", json!({})),
        scene.network("slow", hang),
    ]);
    conf["timeouts"] = json!({"del": "9s"});
    scene.call("ADD", &conf).result();
    scene.take_calls();
    scene.call("DEL", &conf).refused(
        999,
        &[
            "[default/pod/",
            "network \"slow\"",
            "net2",
            "(delete)",
            "timed out",
        ],
    );
    assert_eq!(
        scene.take_calls(),
        ["DEL slow net2", "DEL b net1", "DEL a eth0"]
    );
    assert_eq!(scene.processes("sleep"), []);
    let left = scene.node.ledger("c1");
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    assert!(scene.sandbox.link("eth0").unwrap().is_none());
    assert!(scene.sandbox.link("net2").unwrap().is_some());
}

#[test]
fn an_optional_attachment_that_cannot_be_undone_stays_in_the_ledger() {
    let scene = Scene::new();
    let fail = json!({"code": 101, "msg": "wedged", "while_file": scene.signal("failing")});
    let conf = pod(
        &scene,
        "optional",
        scene.network("maybe", json!({"fail": fail})),
    );
    scene.give("failing");
    scene.call("ADD", &conf).result();
    assert_eq!(status(&scene), WITHOUT);
    scene.take_calls();
    scene
        .call("DEL", &conf)
        .refused(101, &["network \"maybe\", interface net2", "wedged"]);
    assert_eq!(
        scene.take_calls(),
        ["DEL d net3", "DEL maybe net2", "DEL b net1", "DEL a eth0"]
    );
    scene.take("failing");
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL maybe net2"]);
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn a_plugin_that_was_removed_before_del_keeps_its_attachment_in_the_ledger() {
    // cni-runtime #84
    let scene = Scene::new();
    copy(&scene, "brief");
    let conf = trio::around(&scene, network(&scene, "brief"));
    scene.call("ADD", &conf).result();
    fs::remove_file(scene.node.plugins.join("brief")).unwrap();
    scene.take_calls();
    let missing = "failed to find plugin \"brief\"";
    scene.call("DEL", &conf).refused(
        999,
        &[
            "[default/pod/",
            "network \"bad\"",
            "net1",
            "(delete)",
            missing,
        ],
    );
    assert_eq!(scene.take_calls(), ["DEL c net2", "DEL a eth0"]);
    assert_eq!(scene.books(), ["c1", "results/bad-c1-net1"]);
    copy(&scene, "brief");
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL bad net1"]);
    scene.nothing_left();
}

#[test]
fn all_that_failed_is_told_in_one_line() {
    // B4.105
    let scene = Scene::new();
    let conf = scene.conf(&[
        stubborn(&scene, "a"),
        scene.network("b", json!({})),
        stubborn(&scene, "c"),
    ]);
    scene.call("ADD", &conf).result();
    scene.give("failing");
    let (_, message) = scene.call("DEL", &conf).error();
    let (c, a) = (message.find("network \"c\""), message.find("network \"a\""));
    assert!(c.is_some() && a > c && message.contains(" / "), "{message}");
    assert_eq!(ledger(&scene), ["a", "c"]);
    scene.take("failing");
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn one_failing_del_keeps_none_of_the_others_from_it() {
    // B4.105, T3.2, MN-102
    let scene = Scene::new();
    let conf = trio::around(&scene, stubborn(&scene, "bad"));
    scene.call("ADD", &conf).result();
    scene.take_calls();
    scene.give("failing");
    scene
        .call("DEL", &conf)
        .refused(101, &["network \"bad\", interface net1", "still in use"]);
    assert_eq!(
        scene.take_calls(),
        ["DEL c net2", "DEL bad net1", "DEL a eth0"]
    );
    assert_eq!(ledger(&scene), ["bad"]);
    assert_eq!(scene.books(), ["c1", "results/bad-c1-net1"]);
    scene.take("failing");
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL bad net1"]);
    scene.nothing_left();
}

#[test]
fn what_cannot_be_undone_is_told_and_stays_in_the_ledger_until_a_del_succeeds() {
    let scene = Scene::new();
    let conf = scene.conf(&[
        scene.network("a", json!({})),
        stubborn(&scene, "b"),
        failing(&scene, "c"),
    ]);
    scene.give("failing");
    scene.call("ADD", &conf).refused(
        100,
        &[
            "[default/pod/:c]",
            "no address",
            "not undone, kept in the ledger: network \"b\", interface net1",
            "still in use",
        ],
    );
    assert_eq!(
        scene.take_calls(),
        [
            "ADD a eth0",
            "ADD b net1",
            "ADD c net2",
            "DEL c net2",
            "DEL b net1",
            "DEL a eth0"
        ]
    );
    assert_eq!(ledger(&scene), ["b"]);
    assert_eq!(scene.books(), ["c1", "results/b-c1-net1"]);

    for _ in 0..2 {
        scene.call("DEL", &conf).refused(
            101,
            &[
                "[default/pod/",
                "network \"b\", interface net1",
                "(delete)",
                "still in use",
            ],
        );
        assert_eq!(scene.take_calls(), ["DEL b net1"]);
        assert_eq!(ledger(&scene), ["b"]);
    }

    scene.take("failing");
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL b net1"]);
    scene.nothing_left();
}

#[test]
fn a_status_that_cannot_be_written_undoes_everything() {
    // Q8
    let scene = Scene::new();
    std::fs::write(scene.node.manifests.join(".status"), "in the way").unwrap();
    scene.node.pod_with("default", "pod", "b");
    scene
        .node
        .definition("default", "b", &scene.network("b", json!({})));
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    scene
        .call("ADD", &conf)
        .refused(5, &["[default/pod/", "networks status"]);
    assert_eq!(
        scene.calls(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    assert_eq!(scene.books(), [""; 0]);
    assert_eq!(scene.sandbox.links().unwrap().len(), 1);
}
