//! Pods that run without the networks that they ask for. They are counted: each node has a cluster of its own.

use serde_json::{Value, json};
use suites::cluster::Pod;
use suites::scene::until;
use suites::thick::ThickNode;
use testkit::kube::NODE;

const SERIES: &str = "multus_pods_without_networks ";

/// The kubelet says that a pod runs.
#[track_caller]
fn runs(node: &ThickNode, pod: &Pod) {
    is(node, &pod.name, "Running");
}

/// The kubelet says that a pod has a sandbox, and is in this phase.
#[track_caller]
fn is(node: &ThickNode, pod: &str, phase: &str) {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/status", node.namespace);
    let condition = json!({"type": "PodReadyToStartContainers", "status": "True"});
    let status = json!({"status": {"phase": phase, "conditions": [condition]}});
    node.api.client().patch(&path, &status).unwrap();
}

/// Pods that lack nothing, whatever they ask for.
#[track_caller]
fn create_pods_that_lack_nothing(node: &ThickNode) {
    let client = node.api.client();
    let (here, host) = (json!({}), json!({"hostNetwork": true}));
    let away = json!({"nodeName": "another-node"});
    let cases = [
        ("host-network", "net-a", &host, "Running"),
        ("on-another-node", "net-a", &away, "Running"),
        ("succeeded", "net-a", &here, "Succeeded"),
        ("failed", "net-a", &here, "Failed"),
        ("leaving", "net-a", &here, "Running"),
        ("waiting", "net-a", &here, "Pending"),
        ("blank", " ", &here, "Running"),
        ("empty", "", &here, "Running"),
        ("none", "[]", &here, "Running"),
    ];
    for (name, networks, spec, phase) in cases {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "namespace": node.namespace, "name": name, "finalizers": ["example.com/stay"],
                "annotations": {"k8s.v1.cni.cncf.io/networks": networks},
            },
            "spec": {"nodeName": NODE, "containers": [{"name": "main", "image": "none.invalid/none"}]},
        });
        if let (Some(all), Some(own)) = (pod["spec"].as_object_mut(), spec.as_object()) {
            all.extend(own.clone());
        }
        client.create(&pod).unwrap();
        is(node, name, phase);
    }
    // The finalizer keeps it.
    let path = format!("/api/v1/namespaces/{}/pods/leaving", node.namespace);
    client.delete(&path).unwrap();
}

/// The pods that were told, each as often as it was.
fn told(node: &ThickNode) -> Vec<String> {
    let path = format!(
        "/api/v1/namespaces/{}/events?fieldSelector=reason%3DNetworksMissing",
        node.namespace
    );
    let list = node.api.client().get(&path).unwrap();
    let events = list["items"].as_array().into_iter().flatten();
    let about = |event: &Value| event["involvedObject"]["name"].as_str().map(str::to_owned);
    events.filter_map(about).collect()
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
    create_pods_that_lack_nothing(&node);
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
    assert_eq!(told(&node), ["before"]);

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
