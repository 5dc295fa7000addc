//! A pod's networks by real plugins: what is in the sandbox after ADD, and that nothing is left after DEL.

use std::net::IpAddr;

use serde_json::json;
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn has_route(sandbox: &Sandbox, destination: &str, gateway: Option<&str>, link: &str) -> bool {
    sandbox.routes().unwrap().iter().any(|route| {
        route.destination == destination
            && route.gateway.as_deref() == gateway
            && route.link.as_deref() == Some(link)
    })
}

#[test]
fn bridge_macvlan_ptp_and_host_device_come_and_go() {
    let node = Node::with_plugins();
    node.world.veth("card0", "card1").unwrap();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    let line = json!({"cniVersion": "1.0.0", "name": "line", "type": "ptp",
        "ipam": node.host_local(&["10.92.0.0/24"], &["172.31.0.0/16"])});
    node.definition("shop", "line", &line);
    let card =
        json!({"cniVersion": "1.0.0", "name": "card", "type": "host-device", "device": "card0"});
    node.definition("shop", "card", &card);
    node.pod_with("shop", "web", "lan,line@line0,shop/card@data0");
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();

    let result = node.add(&container, &conf);

    let kinds: Vec<(String, String)> = sandbox
        .links()
        .unwrap()
        .into_iter()
        .map(|link| (link.name, link.kind))
        .collect();
    let expected = [
        ("lo", ""),
        ("eth0", "veth"),
        ("net1", "macvlan"),
        ("line0", "veth"),
        ("data0", "veth"),
    ];
    for (name, kind) in expected {
        assert!(
            kinds.contains(&(name.to_owned(), kind.to_owned())),
            "{name} {kind} in {kinds:?}"
        );
    }
    assert_eq!(kinds.len(), expected.len(), "{kinds:?}");
    assert_eq!(sandbox.addresses_of("eth0").unwrap(), ips(&["10.88.0.2"]));
    assert_eq!(sandbox.addresses_of("net1").unwrap(), ips(&["10.89.0.2"]));
    assert_eq!(sandbox.addresses_of("line0").unwrap(), ips(&["10.92.0.2"]));
    assert!(has_route(&sandbox, "default", Some("10.88.0.1"), "eth0"));
    assert!(has_route(
        &sandbox,
        "172.31.0.0/16",
        Some("10.92.0.1"),
        "line0"
    ));
    assert!(node.world.node().link("card0").unwrap().is_none());
    // The runtime is told of its own network, and of no other.
    assert_eq!(result["cniVersion"], "1.0.0");
    assert_eq!(result["ips"].as_array().unwrap().len(), 1);
    assert_eq!(result["ips"][0]["address"], "10.88.0.2/24");
    let status = node.status("shop", "web");
    let names: Vec<_> = status
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["interface"])
        .collect();
    assert_eq!(names, ["eth0", "net1", "line0", "data0"]);

    node.check(&container, &conf);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster"]);
    assert!(node.world.node().link("card0").unwrap().is_some());
}

#[test]
fn both_families_of_addresses_are_set_and_reported() {
    let node = Node::with_plugins();
    let cluster = node.bridge(
        "cluster",
        &["10.88.0.0/24", "fd88::/64"],
        &["0.0.0.0/0", "::/0"],
    );
    node.pod("shop", "web", &[]);
    let conf = node.conf(&[cluster]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    assert_eq!(
        sandbox.addresses_of("eth0").unwrap(),
        ips(&["10.88.0.2", "fd88::2"])
    );
    assert!(has_route(&sandbox, "default", Some("fd88::1"), "eth0"));
    let status = node.status("shop", "web");
    assert_eq!(status[0]["ips"], json!(["10.88.0.2", "fd88::2"]));
    assert_eq!(status[0]["gateway"], json!(["10.88.0.1", "fd88::1"]));
    node.check(&container, &conf);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster"]);
}

#[test]
fn requested_mac_and_addresses_reach_the_interface() {
    // T7.2, B3.34, B3.35: by capabilities, of static and of tuning
    let node = Node::with_plugins();
    let mut macvlan = node.macvlan("fixed", "10.91.0.0/24");
    macvlan["ipam"] = json!({"type": "static"});
    macvlan["capabilities"] = json!({"ips": true});
    let list = json!({"cniVersion": "1.0.0", "name": "fixed", "plugins": [macvlan, {"type": "tuning", "capabilities": {"mac": true}}]});
    node.definition("shop", "fixed", &list);
    node.pod_with(
        "shop",
        "web",
        r#"[{"name": "fixed", "mac": "02:00:00:00:91:07", "ips": ["10.91.0.7/24", "fd91::7/64"], "interface": "fixed0"}]"#,
    );
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    assert_eq!(
        sandbox.link("fixed0").unwrap().unwrap().mac,
        "02:00:00:00:91:07"
    );
    assert_eq!(
        sandbox.addresses_of("fixed0").unwrap(),
        ips(&["10.91.0.7", "fd91::7"])
    );
    let status = node.status("shop", "web");
    assert_eq!(status[1]["mac"], "02:00:00:00:91:07");
    assert_eq!(status[1]["ips"], json!(["10.91.0.7", "fd91::7"]));
    node.check(&container, &conf);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster"]);
}

#[test]
fn the_same_network_twice_gives_two_interfaces() {
    // B3.47
    let node = Node::with_plugins();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    node.pod_with("shop", "web", "lan,lan");
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    assert_eq!(sandbox.addresses_of("net1").unwrap(), ips(&["10.89.0.2"]));
    assert_eq!(sandbox.addresses_of("net2").unwrap(), ips(&["10.89.0.3"]));
    node.check(&container, &conf);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster"]);
}
