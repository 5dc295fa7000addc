//! An ADD of what is attached already.

use serde_json::{Value, json};
use suites::scene::Scene;

#[test]
fn a_second_add_is_refused_and_touches_nothing() {
    // cni-runtime #60
    let scene = Scene::new();
    scene.node.pod_with("default", "pod", "b");
    scene
        .node
        .definition("default", "b", &scene.network("b", json!({})));
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    scene.call("ADD", &conf).result();
    let before = scene.node.snapshot();
    let books =
        || -> Vec<Value> { vec![scene.node.ledger("c1"), scene.node.status("default", "pod")] };
    let written = books();
    scene.take_calls();
    for delegates in [
        json!([scene.network("a", json!({}))]),
        json!([scene.network("other", json!({}))]),
    ] {
        conf["delegates"] = delegates;
        scene
            .call("ADD", &conf)
            .refused(4, &["[default/pod/", "attached already"]);
        assert_eq!(scene.take_calls(), [""; 0]);
        assert_eq!(books(), written);
        scene.node.nothing_left(&before, &[]);
    }
    scene.call("CHECK", &conf).silent();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls()[2..], ["DEL b net1", "DEL a eth0"]);
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn a_container_can_be_attached_again_after_its_del() {
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({})), scene.network("b", json!({}))]);
    for _ in 0..3 {
        scene.call("ADD", &conf).result();
        scene.call("DEL", &conf).silent();
        assert_eq!(
            scene.take_calls(),
            ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
        );
        scene.nothing_left();
    }
}

#[test]
fn an_add_after_a_failed_one_starts_afresh() {
    let scene = Scene::new();
    let fail = json!({"code": 100, "msg": "no", "while_file": scene.signal("failing")});
    let b = scene.network("b", json!({"per_verb": {"ADD": {"fail": fail}}}));
    let conf = scene.conf(&[scene.network("a", json!({})), b]);
    scene.give("failing");
    scene.call("ADD", &conf).refused(100, &["network \"b\""]);
    scene.take("failing");
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}
