//! What is written to a pod and what is left alone; which verbs do without an API.

use std::fs;

use serde_json::json;
use suites::cluster::ClusterNode;
use suites::multus::Container;

#[test]
fn a_pod_named_like_a_system_namespace_has_its_status_like_any_other() {
    // B7.14, Q1: upstream suppresses the status of pods of such a name
    let node = ClusterNode::new("named");
    let pod = node.annotated_pod("kube-system", &[]);
    node.add(&pod, &node.scripted_conf()).good();
    assert_eq!(node.attachments_of(&pod).len(), 1);
}

#[test]
fn the_status_is_written_under_its_name_of_today_alone() {
    // B7.17, B7.10
    let node = ClusterNode::new("one-name");
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &node.scripted_conf()).good();
    assert_eq!(node.attachments_of(&pod).len(), 1);
    let written = node.api.client().pod(&node.namespace, "web").unwrap();
    let annotations = written["metadata"]["annotations"].as_object().unwrap();
    let names: Vec<_> = annotations.keys().collect();
    assert_eq!(names, ["k8s.v1.cni.cncf.io/network-status"]);
}

#[test]
fn a_request_that_no_plugin_takes_is_a_warning_on_the_pod() {
    // Q74, B5.66, B11.2: the standard lets the pod fail, upstream says nothing
    let node = ClusterNode::new("capability");
    node.define("lan", &node.scripted("lan", "10.1.0.2/24"));
    let element = json!([{"name": "lan", "mac": "02:00:00:00:00:01", "ips": ["10.1.0.9/24"], "infiniband-guid": "c2:11:22:33:44:55:66:77",
        "bandwidth": {"ingressRate": 1}, "portMappings": [{"hostPort": 1, "containerPort": 2}]}]);
    let pod = node.pod("web", &element.to_string());
    node.add(&pod, &node.scripted_conf()).good();
    let events = node.events_of(&pod);
    let start = format!(
        "Warning MissingCapability network {}/lan: no plugin declares the capability ",
        node.namespace
    );
    let mut named: Vec<&str> = events
        .iter()
        .filter_map(|event| event.strip_prefix(&start)?.split(' ').next())
        .collect();
    named.sort_unstable();
    assert_eq!(
        named,
        ["bandwidth", "infinibandGUID", "ips", "mac", "portMappings"],
        "{events:#?}"
    );
}

#[test]
fn status_and_gc_do_without_an_api_where_only_that_knows_the_cluster_network() {
    // B7.24, Q48: upstream crashes on a name that is no definition
    let node = ClusterNode::new("status-gc");
    for network in ["nowhere", "on-disk"] {
        let on_disk = node.scripted("on-disk", "10.1.0.2/24").to_string();
        fs::write(node.configurations.join("10.conf"), on_disk).unwrap();
        let mut conf = node.scripted_conf();
        conf.as_object_mut().unwrap().remove("delegates");
        conf["cniVersion"] = json!("1.1.0");
        conf["clusterNetwork"] = json!(network);
        conf["cni.dev/valid-attachments"] = json!([{"containerID": "other", "ifname": "eth0"}]);
        let nobody = Container {
            id: String::new(),
            netns: String::new(),
            ifname: String::new(),
            args: String::new(),
            environment: Vec::new(),
        };
        for verb in ["STATUS", "GC"] {
            node.call(verb, &nobody, &conf).silent();
        }
    }
    assert_eq!(node.requests(), [""; 0]);
}
