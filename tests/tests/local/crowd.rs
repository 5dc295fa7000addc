//! Pods that come and go at the same time.

use std::collections::BTreeSet;

use serde_json::Value;
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;

/// So many pods.
const PODS: usize = 8;

/// Calls `multus` for all containers at once; what it printed for each.
fn all_at_once(node: &Node, verb: &str, containers: &[Container], conf: &Value) -> Vec<String> {
    std::thread::scope(|scope| {
        let start = |container| scope.spawn(move || node.call(verb, container, conf));
        let running: Vec<_> = containers.iter().map(start).collect();
        let ended = running.into_iter().map(|thread| thread.join().unwrap());
        ended.map(|answer| answer.good().0.stdout_text()).collect()
    })
}

#[test]
fn pods_that_come_and_go_at_once_do_not_disturb_each_other() {
    // T7.8
    let node = Node::with_plugins();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    let conf = node.conf(&[node.cluster()]);
    let names: Vec<String> = (0..PODS).map(|number| format!("pod-{number}")).collect();
    for name in &names {
        node.pod_with("shop", name, "lan,lan@lan0");
    }
    let sandboxes: Vec<Sandbox> = names.iter().map(|name| node.sandbox(name)).collect();
    let containers: Vec<Container> = sandboxes
        .iter()
        .map(|sandbox| Container::new(sandbox).of_pod("shop", sandbox.name()))
        .collect();
    let before = node.snapshot();

    all_at_once(&node, "ADD", &containers, &conf);
    let mut addresses = BTreeSet::new();
    for (name, sandbox) in names.iter().zip(&sandboxes) {
        assert_eq!(sandbox.links().unwrap().len(), 4, "{name}");
        for entry in node.status("shop", name).as_array().unwrap() {
            addresses.insert(entry["ips"][0].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(addresses.len(), 3 * PODS, "{addresses:?}");

    all_at_once(&node, "CHECK", &containers, &conf);
    all_at_once(&node, "DEL", &containers, &conf);
    node.nothing_left(&before, &["cluster"]);
}

#[test]
fn dels_of_one_container_at_once_all_succeed() {
    // A runtime may ask twice (cni-runtime 4.1).
    let node = Node::with_plugins();
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    all_at_once(&node, "DEL", &vec![container; 4], &conf);
    node.nothing_left(&before, &["cluster"]);
}
