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
fn del_leaves_the_status_and_posts_no_events_not_even_when_it_fails() {
    // B7.16, B7.25, B4.108
    let node = ClusterNode::new("del");
    let mut lan = node.scripted("lan", "10.1.0.2/24");
    let switch = node.file("switch", "");
    lan["script"]["per_verb"] =
        json!({"DEL": {"fail": {"code": 101, "msg": "stuck", "while_file": switch}}});
    node.define("lan", &lan);
    let pod = node.pod("web", "lan");
    let conf = node.scripted_conf();
    node.add(&pod, &conf).good();
    let (status, events, requests) = (node.status_of(&pod), node.events_of(&pod), node.requests());

    node.call("DEL", &pod.container, &conf)
        .refused(101, &["stuck"]);
    fs::remove_file(switch).unwrap();
    node.del(&pod, &conf);

    assert_eq!(node.status_of(&pod), status);
    assert_eq!(node.events_of(&pod), events);
    assert_eq!(node.requests(), requests);
}

#[test]
fn the_status_is_written_under_its_name_of_today_alone() {
    // B7.17, B7.10
    let node = ClusterNode::new("one-name");
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &node.scripted_conf()).good();
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
fn what_was_attached_is_checked_and_detached_without_a_kubeconfig() {
    // B4.103, B4.136, Q25, Q63, T2.15, T2.20
    let node = ClusterNode::new("no-kubeconfig");
    node.define("lan", &node.scripted("lan", "10.1.0.2/24"));
    let pod = node.pod("web", "lan");
    let mut conf = node.scripted_conf();
    conf["cniVersion"] = "1.1.0".into();
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    fs::remove_file(&node.kubeconfig).unwrap();

    node.check(&pod.container, &conf);
    node.del(&pod, &conf);

    node.nothing_left(&before, &[]);
    // STATUS says whether an ADD could be served.
    let text = format!("read kubeconfig {}: ", node.kubeconfig.display());
    node.add(&pod, &conf)
        .refused(999, &["error getting k8s client: ", &text]);
    node.call("STATUS", &pod.container, &conf)
        .refused(50, &[&text]);
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
