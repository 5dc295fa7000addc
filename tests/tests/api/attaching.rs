//! Pods get the networks that they ask for, and everybody is told.

use std::net::IpAddr;

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, Pod};
use testkit::netns::Network;

/// A node with the definitions `net-a` (macvlan) in its own namespace and `net-b` (a bridge with two families) in another one.
fn node(name: &str) -> (ClusterNode, String) {
    let node = ClusterNode::new(name);
    let other = node.api.client().new_namespace("other").unwrap();
    node.define("net-a", &node.macvlan("net-a", "10.1.0.0/24"));
    let lan = bridge(&node, "lan", &["10.2.0.0/24", "fd00:2::/64"], &[]);
    node.define_in(&other, "net-b", &lan);
    (node, other)
}

/// A network on a bridge of the same name.
fn bridge(node: &ClusterNode, name: &str, subnets: &[&str], routes: &[&str]) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": name,
        "type": "bridge",
        "bridge": name,
        "isGateway": !routes.is_empty(),
        "ipam": node.host_local(subnets, routes),
    })
}

fn addresses(network: &Network, link: &str) -> Vec<String> {
    let mut found: Vec<IpAddr> = network.addresses_of(link).unwrap();
    found.sort();
    found.iter().map(IpAddr::to_string).collect()
}

fn mac(pod: &Pod, link: &str) -> String {
    pod.sandbox.link(link).unwrap().unwrap().mac
}

/// The way of a pod from ADD to a second DEL.
#[track_caller]
fn gets_its_networks(name: &str, annotation: impl Fn(&str) -> String) {
    let (mut node, other) = node(name);
    let pod = node.pod("web", &annotation(&other));
    let conf = node.conf(&[bridge(&node, "cluster", &["10.244.0.0/24"], &["0.0.0.0/0"])]);
    let before = node.snapshot();

    let result = node.add(&pod, &conf).result();

    let (eth0, net1, data0) = (mac(&pod, "eth0"), mac(&pod, "net1"), mac(&pod, "data0"));
    assert_eq!(result["interfaces"][2]["mac"], eth0, "{result}");
    assert_eq!(addresses(&pod.sandbox, "eth0"), ["10.244.0.2"]);
    assert_eq!(addresses(&pod.sandbox, "net1"), ["10.1.0.2"]);
    assert_eq!(addresses(&pod.sandbox, "data0"), ["10.2.0.2", "fd00:2::2"]);
    let kinds = ["eth0", "net1", "data0"].map(|link| pod.sandbox.link(link).unwrap().unwrap().kind);
    assert_eq!(kinds, ["veth", "macvlan", "veth"]);
    let own = &node.namespace;
    let expected = format!(
        r#"[{{
    "name": "cluster",
    "interface": "eth0",
    "ips": [
        "10.244.0.2"
    ],
    "mac": "{eth0}",
    "default": true,
    "dns": {{}},
    "gateway": [
        "10.244.0.1"
    ]
}},{{
    "name": "{own}/net-a",
    "interface": "net1",
    "ips": [
        "10.1.0.2"
    ],
    "mac": "{net1}",
    "dns": {{}}
}},{{
    "name": "{other}/net-b",
    "interface": "data0",
    "ips": [
        "10.2.0.2",
        "fd00:2::2"
    ],
    "mac": "{data0}",
    "dns": {{}}
}}]"#
    );
    assert_eq!(node.status_of(&pod), expected);
    assert_eq!(
        node.events_of(&pod),
        [
            format!(
                "Normal AddedInterface Add data0 [10.2.0.2/24 fd00:2::2/64] from {other}/net-b"
            ),
            "Normal AddedInterface Add eth0 [10.244.0.2/24] from cluster".to_owned(),
            format!("Normal AddedInterface Add net1 [10.1.0.2/24] from {own}/net-a"),
        ]
    );

    node.cut_off();
    node.del(&pod, &conf);
    node.nothing_left(&before, &["cluster", "lan"]);
    node.del(&pod, &conf);
}

#[test]
fn a_pod_gets_the_networks_of_the_short_form_and_loses_them_without_the_api() {
    // B3.1, B3.3, B11.3, B3.20–B3.22, B3.70–B3.76, B4.60, B7.20–B7.22
    gets_its_networks("short", |other| format!("net-a,{other}/net-b@data0"));
}

#[test]
fn a_pod_gets_the_networks_of_the_json_form_and_loses_them_without_the_api() {
    // B3.30–B3.37, B3.70–B3.76, B4.60, B7.20–B7.22
    gets_its_networks("json", |other| {
        json!([
            {"name": "net-a"},
            {"name": "net-b", "namespace": other, "interface": "data0"},
        ])
        .to_string()
    });
}
