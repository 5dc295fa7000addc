//! Devices without a cluster: where there is a kubelet its devices count, and where there is none nobody has any.

use serde_json::{Value, json};
use suites::kubelet::KubeletNode;
use suites::multus::Container;
use suites::node::Node;
use testkit::kubelet::{Answer, PodResources};
use testkit::scripted::Recorder;

use crate::stage::{NIC, RESOURCE_NAME, everywhere, seen};

fn network(node: &Node) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "net",
        "type": "scripted",
        "capabilities": {"deviceID": true},
        "script": {"create_link": true, "record": node.world.directory().join("record")},
    })
}

/// A pod `default/pod` with a network of [`NIC`], attached; its devices, and what was logged.
#[track_caller]
fn attach(node: &Node) -> (Vec<[String; 3]>, String) {
    let definition = json!({
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"namespace": "default", "name": "net", "annotations": {RESOURCE_NAME: NIC}},
        "spec": {"config": network(node).to_string()},
    });
    node.manifest("definition.json", &definition.to_string());
    node.pod_with("default", "pod", "net");
    let sandbox = node.sandbox("c1");
    let container = Container::new(&sandbox).of_pod("default", "pod");
    let base = json!({"cniVersion": "1.0.0", "name": "base", "type": "scripted"});
    let answer = node.call("ADD", &container, &node.conf(&[base]));
    let log = answer.good().0.stderr_text();
    let recorder = Recorder::new(node.world.directory().join("record"));
    let calls = recorder.calls_of("ADD").unwrap();
    (calls.iter().map(seen).collect(), log)
}

fn node() -> Node {
    let node = Node::bare();
    node.install(&["scripted"]);
    node
}

#[test]
fn without_a_kubelet_there_are_no_devices_and_the_log_says_so() {
    let node = node();
    let _folders: KubeletNode<'_> = node.kubelet();
    let (devices, log) = attach(&node);
    assert_eq!(devices, [everywhere("")]);
    assert!(
        log.contains("network default/net: no device of resource example.com/nic is left for it"),
        "{log}"
    );
}

#[test]
fn a_kubelet_that_is_there_is_asked() {
    let node = node();
    let folders = node.kubelet();
    let pods = vec![PodResources::with("default", "pod", NIC, &["0000:03:02.0"])];
    let _service = folders.serve(Answer::Pods(pods));
    assert_eq!(attach(&node).0, [everywhere("0000:03:02.0")]);
}
