//! CHECK: every attachment of the pod, not the first alone.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;

/// A pod with its networks.
fn attached() -> (Node, Value, Sandbox, Container) {
    let node = Node::with_plugins();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    let storage = node.bridge("storage", &["10.90.0.0/24"], &["172.31.0.0/16"]);
    node.definition("shop", "storage", &storage);
    node.pod_with("shop", "web", "lan,storage");
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    node.check(&container, &conf);
    (node, conf, sandbox, container)
}

/// After `ip` did this in the sandbox, CHECK fails and names the network; DEL works all the same.
#[track_caller]
fn fails_after(words: &str, network: &str) {
    let (node, conf, sandbox, container) = attached();
    sandbox.ip(words).unwrap();
    let (_, message) = node.call("CHECK", &container, &conf).error();
    assert!(
        message.contains("shop/web") && message.contains(&format!("\"{network}\"")),
        "{message}"
    );
    node.del(&container, &conf);
}

#[test]
fn check_fails_when_an_interface_is_gone() {
    // B4.135, Q13
    fails_after("link delete eth0", "cluster");
    fails_after("link delete net1", "lan");
    fails_after("link delete net2", "storage");
}

#[test]
fn check_fails_when_an_address_is_gone() {
    fails_after("address delete 10.88.0.2/24 dev eth0", "cluster");
    fails_after("address delete 10.89.0.2/24 dev net1", "lan");
}

#[test]
fn check_fails_when_a_route_is_gone() {
    fails_after("route delete 172.31.0.0/16", "storage");
}

#[test]
fn check_of_a_container_that_is_not_attached_fails() {
    let (node, conf, _sandbox, container) = attached();
    node.del(&container, &conf);
    node.call("CHECK", &container, &conf)
        .refused(3, &["shop/web", "not attached"]);
}

#[test]
fn check_needs_a_configuration_of_version_0_4_0() {
    // B1.27
    let (node, mut conf, _sandbox, container) = attached();
    conf["cniVersion"] = json!("0.3.1");
    node.call("CHECK", &container, &conf).refused(1, &["CHECK"]);
}

#[test]
fn a_network_of_an_older_version_is_not_checked() {
    // B4.128
    let (node, conf, sandbox, container) = attached();
    node.del(&container, &conf);
    let mut lan = node.macvlan("lan", "10.89.0.0/24");
    lan["cniVersion"] = json!("0.3.1");
    node.definition("shop", "lan", &lan);
    node.add(&container, &conf);
    sandbox.ip("link delete net1").unwrap();
    node.check(&container, &conf);
    node.del(&container, &conf);
}

#[test]
fn check_asks_no_manifest() {
    // B4.136
    let (node, conf, _sandbox, container) = attached();
    node.manifest("broken.yaml", "{ this: is: [neither");
    node.check(&container, &conf);
    node.del(&container, &conf);
}
