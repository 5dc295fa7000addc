//! Fragments of upstream's messages that people and other programs look for. They stay as they are.

use serde_json::json;
use suites::scene::Scene;

#[test]
fn a_failing_plugin_is_told_as_an_error_adding_a_container_to_a_network() {
    let scene = Scene::new();
    let failing = json!({"fail": {"verb": "ADD", "code": 100, "msg": "no lease"}});
    let conf = scene.conf(&[scene.network("net-a", failing)]);
    let fragment = "error adding container to network \"net-a\": ";
    scene
        .call("ADD", &conf)
        .refused(100, &[fragment, "no lease"]);
    scene.nothing_left();
}

#[test]
fn a_missing_plugin_is_told_as_an_error_adding_a_container_to_a_network() {
    let scene = Scene::new();
    let mut network = scene.network("net-a", json!({}));
    network["type"] = json!("missing");
    let conf = scene.conf(&[network]);
    let path = scene.node.plugins.display();
    let text = format!(
        "error adding container to network \"net-a\": failed to find plugin \"missing\" in path [{path}]"
    );
    scene.call("ADD", &conf).refused(7, &[&text]);
    scene.nothing_left();
}

#[test]
fn a_missing_definition_is_told_with_its_name_and_namespace() {
    let scene = Scene::new();
    scene.node.pod_with("default", "pod", "shop/net-a");
    let conf = scene.conf(&[scene.network("lan", json!({}))]);
    let fragment = "cannot find a network-attachment-definition (net-a) in namespace (shop)";
    scene.call("ADD", &conf).refused(7, &[fragment]);
}

#[test]
fn a_definition_that_the_pod_may_not_use_is_told_as_a_violation_of_its_namespace() {
    let scene = Scene::new();
    scene.node.pod_with("default", "pod", "shop/net-a");
    let mut conf = scene.conf(&[scene.network("lan", json!({}))]);
    conf["namespaceIsolation"] = json!(true);
    let fragment = "namespace isolation enabled, annotation violates permission";
    scene
        .call("ADD", &conf)
        .refused(7, &["network shop/net-a: ", fragment]);
}

#[test]
fn a_default_network_that_is_not_ready_is_told_as_waiting_for_its_file() {
    let scene = Scene::new();
    let mut conf = scene.conf_with(&[scene.network("lan", json!({}))], json!({"add": "100ms"}));
    conf["readinessindicatorfile"] = json!("/nonexistent/ready");
    let fragment = "still waiting for readinessindicatorfile @ /nonexistent/ready";
    scene.call("ADD", &conf).refused(11, &[fragment]);
}
