//! Undoing, where that goes wrong too.

use serde_json::{Value, json};
use suites::scene::Scene;

use crate::trio;

/// The names of the networks in the ledger.
pub(crate) fn ledger(scene: &Scene) -> Vec<String> {
    let ledger = scene.node.ledger("c1");
    let names = ledger.as_array().unwrap().iter();
    names
        .map(|entry| entry["Name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_one_that_failed_stays_too_where_it_cannot_be_undone() {
    let scene = Scene::new();
    let both = json!({"code": 102, "msg": "wedged", "while_file": scene.signal("failing")});
    let bad = scene.network("bad", json!({"fail": both}));
    let conf = trio::around(&scene, bad);
    scene.give("failing");
    // Its DEL removes the link and fails all the same.
    scene.call("ADD", &conf).refused(
        102,
        &["wedged", "not undone, kept in the ledger: network \"bad\""],
    );
    assert_eq!(ledger(&scene), ["bad"]);
    scene.take("failing");
    scene.take_calls();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL bad net1"]);
    scene.nothing_left();
}

#[test]
fn a_second_del_and_one_of_an_unknown_container_succeed() {
    // cni-runtime #81
    let mut scene = Scene::new();
    let conf = trio::conf(&scene, json!({}));
    scene.call("ADD", &conf).result();
    for _ in 0..2 {
        scene.call("DEL", &conf).silent();
    }
    scene.take_calls();
    scene.pod.id = "unheard-of".to_owned();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn the_undo_has_time_of_its_own() {
    // cni-runtime #48
    let scene = Scene::new();
    let slow = json!({"per_verb": {"DEL": {"sleep_ms": 500}}});
    let hang = json!({"per_verb": {"ADD": {"hang": true}}});
    let conf = scene.conf_with(
        &[
            scene.network("a", slow.clone()),
            scene.network("b", slow),
            scene.network("c", hang),
        ],
        json!({"add": "3s"}),
    );
    scene
        .call("ADD", &conf)
        .refused(999, &["network \"c\"", "timed out"]);
    assert_eq!(
        scene.take_calls()[3..],
        ["DEL c net2", "DEL b net1", "DEL a eth0"]
    );
    scene.nothing_left();
}

#[test]
fn a_chain_that_fails_half_way_is_undone_as_a_whole_with_what_it_had_made() {
    // cni-runtime #82
    let scene = Scene::new();
    let member = |keys: Value| scene.plugin("scripted", keys);
    let quiet = json!({"create_link": false});
    let failing =
        json!({"create_link": false, "per_verb": {"ADD": {"fail": {"code": 100, "msg": "no"}}}});
    let chain = json!({
        "cniVersion": "1.0.0",
        "name": "bad",
        "plugins": [member(json!({})), member(failing), member(quiet)],
    });
    scene
        .call("ADD", &trio::around(&scene, chain))
        .refused(100, &["network \"bad\""]);
    let calls = scene.recorder.calls_of("DEL").unwrap();
    let networks: Vec<_> = calls.iter().map(|call| call.network()).collect();
    assert_eq!(networks, ["bad", "bad", "bad", "a"]);
    for call in &calls[..3] {
        assert_eq!(
            call.at("/prevResult/interfaces/0/name"),
            "net1",
            "{:?}",
            call.config
        );
    }
    scene.nothing_left();
}

#[test]
fn a_plugin_that_needs_its_interface_is_told_that_the_sandbox_is_gone_where_there_never_was_one() {
    // cni-runtime #79, #82
    let scene = Scene::new();
    scene.shell_plugin(
        "strict",
        "case $CNI_COMMAND in ADD) exit 1;; DEL) test -z \"$CNI_NETNS\" || { echo '{\"code\": 100, \"msg\": \"no link\"}'; exit 1; };; esac",
    );
    let network = json!({"cniVersion": "1.0.0", "name": "bad", "type": "strict"});
    let (_, message) = scene.call("ADD", &trio::around(&scene, network)).error();
    assert!(!message.contains("not undone"), "{message}");
    scene.nothing_left();
}

#[test]
fn a_default_network_whose_result_the_runtime_could_not_be_told_is_undone() {
    // cni-runtime #74
    let scene = Scene::new();
    let mut conf = trio::conf(&scene, json!({}));
    conf["cniVersion"] = json!("0.2.0");
    scene
        .call("ADD", &conf)
        .refused(1, &["[default/pod/:a]", "network \"a\""]);
    assert_eq!(scene.calls(), ["ADD a eth0", "DEL a eth0"]);
    scene.nothing_left();
}
