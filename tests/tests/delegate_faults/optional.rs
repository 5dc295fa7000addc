//! Attachments that a pod can do without.

use serde_json::{Value, json};
use suites::scene::{SECRET, Scene};

/// A pod with the default network `a` and the optional network `maybe` between `b` and `d`.
pub(crate) fn pod(scene: &Scene, key: &str, maybe: Value) -> Value {
    for (name, network) in [
        ("b", scene.network("b", json!({}))),
        ("maybe", maybe),
        ("d", scene.network("d", json!({}))),
    ] {
        scene.node.definition("default", name, &network);
    }
    let annotation = json!([{"name": "b"}, {"name": "maybe", key: true}, {"name": "d"}]);
    scene
        .node
        .pod_with("default", "pod", &annotation.to_string());
    scene.conf(&[scene.network("a", json!({}))])
}

fn failing(scene: &Scene) -> Value {
    scene.network(
        "maybe",
        json!({"per_verb": {"ADD": {"fail": {"code": 100, "msg": "no card"}}}}),
    )
}

/// Name and interface of each attachment in the pod's status.
pub(crate) fn status(scene: &Scene) -> Vec<String> {
    let status = scene.node.status("default", "pod");
    let entries = status.as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    entries
        .map(|entry| format!("{} {}", text(&entry["name"]), text(&entry["interface"])))
        .collect()
}

pub(crate) const WITHOUT: [&str; 3] = ["a eth0", "default/b net1", "default/d net3"];

#[test]
fn an_optional_attachment_that_fails_is_left_out_and_undone_alone() {
    let scene = Scene::new();
    for key in ["multus-cni.io/optional", "optional"] {
        let conf = pod(&scene, key, failing(&scene));
        scene.call("ADD", &conf).result();
        assert_eq!(
            scene.take_calls(),
            [
                "ADD a eth0",
                "ADD b net1",
                "ADD maybe net2",
                "DEL maybe net2",
                "ADD d net3"
            ]
        );
        assert_eq!(status(&scene), WITHOUT);
        assert!(scene.sandbox.link("net2").unwrap().is_none());
        assert!(scene.sandbox.link("net3").unwrap().is_some());
        scene.call("CHECK", &conf).silent();
        assert_eq!(
            scene.take_calls(),
            ["CHECK a eth0", "CHECK b net1", "CHECK d net3"]
        );
        scene.call("DEL", &conf).silent();
        assert_eq!(
            scene.take_calls(),
            ["DEL d net3", "DEL b net1", "DEL a eth0"]
        );
        assert_eq!(scene.books(), [""; 0]);
    }
}

#[test]
fn an_optional_attachment_that_succeeds_is_one_like_any_other() {
    let scene = Scene::new();
    let conf = pod(&scene, "optional", scene.network("maybe", json!({})));
    scene.call("ADD", &conf).result();
    assert_eq!(
        status(&scene),
        [
            "a eth0",
            "default/b net1",
            "default/maybe net2",
            "default/d net3"
        ]
    );
    scene.call("DEL", &conf).silent();
    assert_eq!(
        scene.calls()[4..],
        ["DEL d net3", "DEL maybe net2", "DEL b net1", "DEL a eth0"]
    );
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn an_optional_attachment_without_a_plugin_is_left_out() {
    let scene = Scene::new();
    let mut network = scene.network("maybe", json!({}));
    network["type"] = json!("missing");
    let conf = pod(&scene, "optional", network);
    scene.call("ADD", &conf).result();
    assert_eq!(
        scene.take_calls(),
        ["ADD a eth0", "ADD b net1", "ADD d net3"]
    );
    assert_eq!(status(&scene), WITHOUT);
    scene.call("DEL", &conf).silent();
    assert_eq!(
        scene.take_calls(),
        ["DEL d net3", "DEL b net1", "DEL a eth0"]
    );
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn an_optional_attachment_that_hangs_does_not_use_up_the_time_of_the_others() {
    let scene = Scene::new();
    let hang = scene.network("maybe", json!({"per_verb": {"ADD": {"hang": true}}}));
    let mut conf = pod(&scene, "optional", hang);
    conf["timeouts"] = json!({"add": "6s"});
    scene.call("ADD", &conf).result();
    assert_eq!(status(&scene), WITHOUT);
    assert_eq!(scene.processes("sleep"), []);
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn the_ledger_names_interfaces_where_an_attachment_was_left_out_before_them() {
    // B2.60, B4.60: upstream names by place
    let scene = Scene::new();
    let conf = pod(&scene, "optional", failing(&scene));
    scene.call("ADD", &conf).result();
    let ledger = scene.node.ledger("c1");
    let requested: Vec<_> = ledger
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["ifnameRequest"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(requested, ["", "", "net3"]);
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn a_required_attachment_that_fails_undoes_the_optional_ones_too() {
    let scene = Scene::new();
    let conf = pod(&scene, "optional", scene.network("maybe", json!({})));
    let failing = json!({"per_verb": {"ADD": {"fail": {"code": 100, "msg": "no"}}}});
    scene
        .node
        .definition("default", "d", &scene.network("d", failing));
    let answer = scene.call("ADD", &conf);
    answer.refused(100, &["[default/pod/:d]"]);
    assert!(!answer.error().1.contains(SECRET));
    assert_eq!(
        scene.calls()[4..],
        ["DEL d net3", "DEL maybe net2", "DEL b net1", "DEL a eth0"]
    );
    assert_eq!(scene.books(), [""; 0]);
    assert_eq!(scene.sandbox.links().unwrap().len(), 1);
}

#[test]
fn a_cluster_may_make_all_networks_optional_but_the_default_one() {
    let scene = Scene::new();
    let no = json!({"per_verb": {"ADD": {"fail": {"code": 100, "msg": "no"}}}});
    for name in ["b", "c"] {
        let network = scene.network(name, no.clone());
        scene.node.definition("default", name, &network);
    }
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    conf["optionalNetworks"] = json!(true);
    scene.node.pod_with("default", "pod", "b,c");
    scene.call("ADD", &conf).result();
    assert_eq!(status(&scene), ["a eth0"]);
    scene.call("DEL", &conf).silent();
    // An element may ask for its network all the same.
    let annotation = json!([{"name": "b"}, {"name": "c", "multus-cni.io/optional": false}]);
    scene
        .node
        .pod_with("default", "pod", &annotation.to_string());
    scene.call("ADD", &conf).refused(100, &["[default/pod/:c]"]);
    scene.node.pod("default", "pod", &[]);
    let mut conf = scene.conf(&[scene.network("a", no)]);
    conf["optionalNetworks"] = json!(true);
    scene.call("ADD", &conf).refused(100, &["[default/pod/:a]"]);
    assert_eq!(scene.books(), [""; 0]);
    assert_eq!(scene.sandbox.links().unwrap().len(), 1);
}
