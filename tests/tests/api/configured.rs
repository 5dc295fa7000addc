//! Networks that the configuration names, and the pod's own default network.

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, NETWORK_STATUS, Pod};
use suites::node::{DEFAULT_NETWORK, NETWORKS};

/// A definition in `kube-system` that belongs to this test alone; its name.
#[track_caller]
fn of_the_system(node: &ClusterNode, name: &str, address: &str) -> String {
    let name = format!("{}-{name}", node.namespace);
    node.define_in("kube-system", &name, &node.scripted(&name, address));
    name
}

/// The configuration with this cluster network instead of delegates.
fn over(node: &ClusterNode, network: &str) -> Value {
    let mut conf = node.scripted_conf();
    conf.as_object_mut().unwrap().remove("delegates");
    conf["clusterNetwork"] = json!(network);
    conf
}

/// What the pod got, as `name interface`.
#[track_caller]
fn attached(node: &ClusterNode, pod: &Pod) -> Vec<String> {
    let all = node.attachments_of(pod);
    all.iter()
        .map(|(name, interface)| format!("{name} {interface}"))
        .collect()
}

#[test]
fn the_cluster_network_is_a_definition_in_kube_system() {
    // B2.11, B5.40, B5.41
    let node = ClusterNode::new("cluster-network");
    let cluster = of_the_system(&node, "cluster", "10.9.0.2/24");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let conf = over(&node, &cluster);
    let before = node.snapshot();

    let result = node.add(&pod, &conf).result();

    assert_eq!(result["ips"][0]["address"], "10.9.0.2/24");
    assert_eq!(
        attached(&node, &pod),
        [
            format!("kube-system/{cluster} eth0"),
            format!("{}/net-a net1", node.namespace)
        ]
    );
    let status: Value = serde_json::from_str(&node.status_of(&pod)).unwrap();
    assert_eq!(status[0]["default"], true);
    assert_eq!(
        node.events_of(&pod)[0],
        format!("Normal AddedInterface Add eth0 [10.9.0.2/24] from kube-system/{cluster}")
    );
    node.del(&pod, &conf);
    node.nothing_left(&before, &[]);
}

#[test]
fn the_cluster_network_may_be_a_definition_of_another_namespace() {
    // B2.22
    let node = ClusterNode::new("multus-namespace");
    node.define("cluster", &node.scripted("cluster", "10.9.0.2/24"));
    let pod = node.annotated_pod("web", &[]);
    let mut conf = over(&node, "cluster");
    conf["multusNamespace"] = json!(node.namespace);

    node.add(&pod, &conf).good();

    let expected = format!("{}/cluster eth0", node.namespace);
    assert_eq!(attached(&node, &pod), [expected]);
}

#[test]
fn a_cluster_network_without_definition_is_looked_for_on_disk() {
    // B5.40, B5.75–B5.77
    let node = ClusterNode::new("on-disk");
    let text = node.scripted("cluster-on-disk", "10.9.0.2/24").to_string();
    std::fs::write(node.configurations.join("10-cluster.conf"), text).unwrap();
    let pod = node.annotated_pod("web", &[]);

    node.add(&pod, &over(&node, "cluster-on-disk")).good();

    assert_eq!(attached(&node, &pod), ["cluster-on-disk eth0"]);
    let mut requests = node.requests();
    requests.retain(|line| line.contains("definitions"));
    assert_eq!(
        requests,
        ["get network-attachment-definitions cluster-on-disk 404"]
    );
}

#[test]
fn a_cluster_network_that_is_nowhere_is_named() {
    // B4.25, B5.41, Q30
    let node = ClusterNode::new("nowhere");
    let pod = node.annotated_pod("web", &[]);
    let before = node.snapshot();

    let answer = node.add(&pod, &over(&node, "nowhere"));

    let text =
        "failed to get clusterNetwork/defaultNetworks: \"nowhere\" in namespace \"kube-system\": ";
    answer.refused(7, &[text]);
    node.nothing_done(&before, &pod);
}

#[test]
fn default_networks_are_for_pods_outside_the_system_namespaces() {
    // B2.12, B2.21, B5.41, T1.12
    let node = ClusterNode::new("default-networks");
    let cluster = of_the_system(&node, "cluster", "10.9.0.2/24");
    let storage = of_the_system(&node, "storage", "10.8.0.2/24");
    let mut conf = over(&node, &cluster);
    conf["defaultNetworks"] = json!([storage]);
    let (first, second) = (
        format!("kube-system/{cluster} eth0"),
        format!("kube-system/{storage} net1"),
    );

    let user = node.annotated_pod("user", &[]);
    node.add(&user, &conf).good();
    assert_eq!(attached(&node, &user), [first.as_str(), &second]);

    // Of kube-system by default, whatever else runs there.
    let name = format!("{}-system", node.namespace);
    let system = node.pod_in("kube-system", &name, &[]);
    node.add(&system, &conf).good();
    assert_eq!(attached(&node, &system), [first.as_str()]);

    conf["systemNamespaces"] = json!(["kube-public", node.namespace]);
    let named = node.annotated_pod("named", &[]);
    node.add(&named, &conf).good();
    assert_eq!(attached(&node, &named), [first.as_str()]);
}

#[test]
fn networks_of_the_pod_follow_those_of_the_configuration() {
    // B4.60, B5.42
    let node = ClusterNode::new("order");
    let cluster = of_the_system(&node, "cluster", "10.9.0.2/24");
    let storage = of_the_system(&node, "storage", "10.8.0.2/24");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let mut conf = over(&node, &cluster);
    conf["defaultNetworks"] = json!([storage]);
    let pod = node.pod("web", "net-a");

    node.add(&pod, &conf).good();

    assert_eq!(
        attached(&node, &pod),
        [
            format!("kube-system/{cluster} eth0"),
            format!("kube-system/{storage} net1"),
            format!("{}/net-a net2", node.namespace),
        ]
    );
}

#[test]
fn a_default_network_annotation_replaces_the_configured_one() {
    // B3.2, B3.60–B3.63, T3.10
    let node = ClusterNode::new("override");
    let special = of_the_system(&node, "special", "10.7.0.2/24");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.annotated_pod("web", &[(DEFAULT_NETWORK, &special), (NETWORKS, "net-a")]);

    let result = node.add(&pod, &node.scripted_conf()).result();

    assert_eq!(result["ips"][0]["address"], "10.7.0.2/24");
    assert_eq!(
        attached(&node, &pod),
        [
            format!("kube-system/{special} eth0"),
            format!("{}/net-a net1", node.namespace)
        ]
    );
    let calls = node.calls();
    assert!(
        !calls.iter().any(|call| call.contains("cluster eth0")),
        "{calls:?}"
    );
}

#[test]
fn a_default_network_of_another_namespace_obeys_the_isolation() {
    // B3.62, Q5
    let node = ClusterNode::new("override-other");
    let other = node.api.client().new_namespace("other").unwrap();
    node.define_in(&other, "net-b", &node.scripted("net-b", "10.2.0.2/24"));
    let special = of_the_system(&node, "special", "10.7.0.2/24");
    let foreign = format!("{other}/net-b");
    let mut isolated = node.scripted_conf();
    isolated["namespaceIsolation"] = json!(true);

    let pod = node.annotated_pod("free", &[(DEFAULT_NETWORK, &foreign)]);
    node.add(&pod, &node.scripted_conf()).good();
    assert_eq!(attached(&node, &pod), [format!("{foreign} eth0")]);

    let pod = node.annotated_pod("kept-in", &[(DEFAULT_NETWORK, &foreign)]);
    let answer = node.add(&pod, &isolated);
    answer.refused(7, &["namespace isolation enabled", &other]);

    // The definitions of Multus' own namespace are for everyone.
    let pod = node.annotated_pod("system", &[(DEFAULT_NETWORK, &special)]);
    node.add(&pod, &isolated).good();
    assert_eq!(
        attached(&node, &pod),
        [format!("kube-system/{special} eth0")]
    );
}

#[test]
fn an_empty_default_network_annotation_is_refused() {
    // B3.60, B3.61
    let node = ClusterNode::new("override-empty");
    for (name, text) in [("empty", ""), ("none", "[]"), ("two", "net-a,net-b")] {
        let pod = node.annotated_pod(name, &[(DEFAULT_NETWORK, text)]);
        let answer = node.add(&pod, &node.scripted_conf());
        answer.refused(7, &["annotation v1.multus-cni.io/default-network: "]);
        let status = node
            .api
            .client()
            .annotation(&node.namespace, name, NETWORK_STATUS);
        assert_eq!(status.unwrap(), "");
    }
    assert_eq!(node.calls(), Vec::<String>::new());
}
