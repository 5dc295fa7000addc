//! What only the plugin refuses that plans by itself: another one detaches from the ledger alone, and from what the daemon
//! recorded where there is none.

use serde_json::json;
use suites::scene::Scene;

use crate::configuration::{is_told, of_wrong_types, with};

#[test]
fn a_value_of_the_wrong_type_is_told_by_del_too() {
    // B0.3, B2.1–B2.25, B2.30, B4.100
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for (pointer, value, place) in of_wrong_types() {
        is_told(&scene, "DEL", &with(&conf, pointer, value), place);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn an_error_begins_with_the_uid_that_the_runtime_tells() {
    // B4.2: manifests have none that it could be another one than
    let mut scene = Scene::new();
    let fail = json!({"fail": {"verb": "ADD", "code": 100, "msg": "no"}});
    let conf = scene.conf(&[scene.network("a", fail)]);
    scene.pod.args.push_str(";K8S_POD_UID=u1");
    let (_, message) = scene.call("ADD", &conf).error();
    let begin = "[default/pod/u1:a]: error adding container to network \"a\": ";
    assert!(message.starts_with(begin), "{message}");
}

#[test]
fn a_configuration_that_names_no_network_is_an_error_on_every_verb() {
    // B4.101
    let scene = Scene::new();
    for verb in ["ADD", "DEL", "CHECK"] {
        let (_, message) = scene.call(verb, &scene.conf(&[])).error();
        let begin = "Multus: error loading netconf: ";
        assert!(message.starts_with(begin), "{verb}: {message}");
    }
}

#[test]
fn two_sources_of_pods_exclude_each_other() {
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    let conf = with(&conf, "/kubeconfig", json!("/etc/kubeconfig"));
    scene
        .call("ADD", &conf)
        .refused(7, &["kubeconfig", "manifestDir"]);
    scene.nothing_left();
}
