//! What an ADD asks of the API, as the API's audit log has it.

use serde_json::{Value, json};
use suites::cluster::ClusterNode;

#[test]
fn an_add_reads_each_object_once_patches_once_and_posts_its_events() {
    // B4.29, B5.5, B5.10, B7.10, Q47, Q60
    let node = ClusterNode::new("requests");
    let other = node.api.client().new_namespace("other").unwrap();
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    node.define_in(&other, "net-b", &node.scripted("net-b", "10.2.0.2/24"));
    let pod = node.pod("web", &format!("net-a,{other}/net-b@data0"));
    let conf = node.scripted_conf();

    node.add(&pod, &conf).good();

    assert_eq!(
        node.requests(),
        [
            "get pods web 200",
            "get network-attachment-definitions net-a 200",
            "get network-attachment-definitions net-b 200",
            "patch pods/status web 200",
            "create events 201",
            "create events 201",
            "create events 201",
        ]
    );
}

#[test]
fn a_definition_that_is_named_twice_is_read_once_and_attached_twice() {
    // Q61, B3.47; B5.10 reads it twice
    let node = ClusterNode::new("twice");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a,net-a@data0");
    let conf = node.scripted_conf();

    node.add(&pod, &conf).good();

    let definition = format!("{}/net-a", node.namespace);
    let expected = [
        ("cluster", "eth0"),
        (&definition, "net1"),
        (&definition, "data0"),
    ];
    assert_eq!(
        node.attachments_of(&pod),
        expected.map(|(name, link)| (name.to_owned(), link.to_owned()))
    );
    assert_eq!(
        node.requests()[..3],
        [
            "get pods web 200",
            "get network-attachment-definitions net-a 200",
            "patch pods/status web 200",
        ]
    );
}

#[test]
fn a_pod_without_networks_of_its_own_costs_a_read_a_patch_and_an_event() {
    // T7.1, B3.10
    let node = ClusterNode::new("plain");
    let pod = node.annotated_pod("web", &[]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(
        node.requests(),
        [
            "get pods web 200",
            "patch pods/status web 200",
            "create events 201",
        ]
    );
}

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

#[test]
fn all_requests_of_an_add_share_one_connection() {
    let node = ClusterNode::behind_proxy("connection");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(node.requests().len(), 5, "{:?}", node.requests());
    assert_eq!(node.proxy().connections(), 1);
}
