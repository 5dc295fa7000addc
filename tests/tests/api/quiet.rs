//! What asks the API for nothing, and what has nothing to tell it.

use serde_json::{Value, json};
use suites::cluster::ClusterNode;

#[test]
fn nothing_but_add_asks_the_api() {
    // B4.103, B4.108, B4.136, B7.16, Q63; Q25: DEL needs no kubeconfig either
    let node = ClusterNode::new("silent");
    let pod = node.annotated_pod("web", &[]);
    let mut conf = node.scripted_conf();
    conf["cniVersion"] = "1.1.0".into();
    node.add(&pod, &conf).good();
    let asked = node.requests();
    let (status, events) = (node.status_of(&pod), node.events_of(&pod));

    node.call("STATUS", &pod.container, &conf).silent();
    std::fs::remove_file(&node.kubeconfig).unwrap();
    node.check(&pod.container, &conf);
    let mut listed = conf.clone();
    listed["cni.dev/valid-attachments"] =
        json!([{"containerID": pod.container.id, "ifname": "eth0"}]);
    node.call("GC", &pod.container, &listed).silent();
    node.del(&pod, &conf);

    assert_eq!(node.requests(), asked);
    assert_eq!(node.status_of(&pod), status);
    assert_eq!(node.events_of(&pod), events);
    assert_eq!(
        node.calls(),
        ["ADD cluster eth0", "CHECK cluster eth0", "DEL cluster eth0"]
    );
}

#[test]
fn a_network_that_gives_nothing_has_neither_event_nor_status() {
    // B3.73, B4.45, Q21, T3.3: addresses alone have both
    let node = ClusterNode::new("nothing");
    for (name, result) in [
        ("nothing", json!({})),
        ("address", json!({"ips": [{"address": "10.3.0.2/24"}]})),
    ] {
        let mut network = node.scripted(name, "10.2.0.2/24");
        network["script"]["result"] = result;
        network["script"]["create_link"] = Value::from(false);
        node.define(name, &network);
    }
    let pod = node.pod("web", "nothing,address");

    node.add(&pod, &node.scripted_conf()).good();

    let address = format!("{}/address", node.namespace);
    assert_eq!(
        node.attachments_of(&pod),
        [("cluster", "eth0"), (&address, "")]
            .map(|(name, link)| (name.to_owned(), link.to_owned()))
    );
    assert_eq!(
        node.events_of(&pod),
        [
            "Normal AddedInterface Add eth0 [10.9.0.2/24] from cluster".to_owned(),
            format!("Normal AddedInterface Add net2 [10.3.0.2/24] from {address}"),
        ]
    );
}

#[test]
fn a_pod_that_is_gone_from_the_api_is_detached_like_any_other() {
    // T3.9, B4.103
    let node = ClusterNode::new("gone");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let conf = node.scripted_conf();
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    node.api
        .client()
        .delete_pod(&node.namespace, "web")
        .unwrap();

    node.del(&pod, &conf);

    let calls = node.calls();
    assert_eq!(calls[2..], ["DEL net-a net1", "DEL cluster eth0"]);
    node.nothing_left(&before, &[]);
}
