//! Pods that run without the networks that they ask for. They are counted: each node has a cluster of its own.

use serde_json::json;
use suites::cluster::Pod;
use suites::scene::until;
use suites::thick::ThickNode;

const SERIES: &str = "multus_pods_without_networks ";

/// The kubelet says that a pod runs.
#[track_caller]
fn runs(node: &ThickNode, pod: &Pod) {
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}/status",
        pod.namespace, pod.name
    );
    let status = json!({"status": {"phase": "Running"}});
    node.api.client().patch(&path, &status).unwrap();
}

/// How many the daemon counts.
fn counted(node: &ThickNode) -> Option<String> {
    let (_, text) = node.ask("/metrics")?;
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(SERIES).map(str::to_owned))
}

#[track_caller]
fn until_counted(node: &ThickNode, count: &str) {
    until("the pods without networks are counted", || {
        counted(node).as_deref() == Some(count)
    });
}

#[test]
fn a_pod_that_runs_without_the_networks_that_it_asks_for_is_told_once_and_counted() {
    let node = ThickNode::with_api_of_its_own("lacking");
    let lacking = node.pod("before", "net-a,net-b@data0");
    let plain = node.annotated_pod("plain", &[]);
    let waiting = node.pod("waiting", "net-a");
    for pod in [&lacking, &plain] {
        runs(&node, pod);
    }
    let namespace = &node.namespace;
    let expected = format!(
        "Warning NetworksMissing runs without {namespace}/net-a, {namespace}/net-b: its sandbox was made while the runtime did not call Multus; delete the pod, so that it is made anew"
    );

    let daemon = node.started();
    assert_eq!(
        node.events_once(&lacking, 1),
        std::slice::from_ref(&expected)
    );
    until_counted(&node, "1");

    // The next daemon counts it as well, and does not tell it again.
    daemon.stop();
    let _daemon = node.started();
    until_counted(&node, "1");
    assert_eq!(node.events_of(&lacking), [expected]);
    for pod in [&plain, &waiting] {
        assert!(node.events_of(pod).is_empty());
    }

    let path = format!("/api/v1/namespaces/{namespace}/pods/before");
    node.api.client().delete(&path).unwrap();
    until_counted(&node, "0");
}

#[test]
fn a_pod_that_was_attached_lacks_nothing() {
    let node = ThickNode::with_api_of_its_own("lacking-not");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _daemon = node.started();
    let attached = node.pod("attached", "net-a");
    node.add(&attached, &node.generated()).good();
    let lacking = node.pod("lacking", "net-a");
    for pod in [&attached, &lacking] {
        runs(&node, pod);
    }
    // Both were looked at.
    until_counted(&node, "1");
    assert_eq!(node.events_once(&lacking, 1).len(), 1);
    let events = node.events_of(&attached);
    assert!(
        events.iter().all(|event| event.starts_with("Normal ")),
        "{events:?}"
    );
}
