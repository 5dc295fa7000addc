//! A DEL that could not undo everything is told to the runtime, which tries again. With a daemon that is the daemon's to do.

use serde_json::json;
use std::fs;
use suites::scene::Scene;

#[test]
fn a_damaged_ledger_that_cannot_be_worked_off_stays() {
    let scene = Scene::new();
    let fail = json!({"code": 101, "msg": "wedged", "while_file": scene.signal("failing")});
    let b = scene.network("b", json!({"per_verb": {"DEL": {"fail": fail}}}));
    let conf = scene.conf(&[scene.network("a", json!({})), b]);
    scene.call("ADD", &conf).result();
    fs::write(scene.node.state.join("c1"), "").unwrap();
    scene.take_calls();
    scene.give("failing");
    scene
        .call("DEL", &conf)
        .refused(101, &["network \"b\"", "wedged"]);
    assert_eq!(scene.take_calls(), ["DEL b net1", "DEL a eth0"]);
    scene.take("failing");
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL b net1"]);
    scene.nothing_left();
}

#[test]
fn an_add_after_a_del_that_failed_detaches_the_rest_first() {
    let scene = Scene::new();
    let fail = json!({"code": 101, "msg": "wedged", "while_file": scene.signal("failing")});
    let b = scene.network("b", json!({"per_verb": {"DEL": {"fail": fail}}}));
    let conf = scene.conf(&[scene.network("a", json!({})), b]);
    scene.call("ADD", &conf).result();
    scene.give("failing");
    scene.call("DEL", &conf).refused(101, &["network \"b\""]);
    scene.take_calls();
    scene
        .call("ADD", &conf)
        .refused(101, &["earlier ADD", "network \"b\""]);
    assert_eq!(scene.take_calls(), ["DEL b net1"]);
    scene.take("failing");
    scene.call("ADD", &conf).result();
    assert_eq!(
        scene.take_calls(),
        ["DEL b net1", "ADD a eth0", "ADD b net1"]
    );
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}
