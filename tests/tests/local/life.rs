//! A pod's networks by real plugins: what is in the sandbox after ADD, and that nothing is left after DEL.

use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
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
    // B3.34, B3.35: by capabilities, of static and of tuning
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
fn a_chained_tuning_changes_the_interface() {
    let node = Node::with_plugins();
    let tuning =
        json!({"type": "tuning", "mtu": 1400, "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}});
    let list = json!({"cniVersion": "1.0.0", "name": "tuned", "plugins": [node.macvlan("tuned", "10.91.0.0/24"), tuning]});
    node.definition("shop", "tuned", &list);
    node.pod_with("shop", "web", "tuned");
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    assert_eq!(sandbox.link("net1").unwrap().unwrap().mtu, 1400);
    let filter = sandbox
        .command("cat")
        .arg("/proc/sys/net/ipv4/conf/net1/arp_filter")
        .check();
    assert_eq!(filter.unwrap().stdout_text(), "1\n");
    node.check(&container, &conf);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster"]);
}

/// The cluster network with a further plugin that takes a capability of the runtime.
fn chain(node: &Node, plugin: &Value) -> Value {
    json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [node.cluster(), plugin]})
}

#[test]
fn a_chained_portmap_opens_the_ports_of_the_runtime() {
    let node = Node::with_plugins();
    let portmap =
        json!({"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}});
    let mut conf = node.conf(&[chain(&node, &portmap)]);
    // As containerd writes the keys.
    conf["runtimeConfig"] = json!({"portMappings": [{"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""}]});
    let reach = |round: u8| {
        let sandbox = node.sandbox("pod");
        let container = Container::new(&sandbox).of_pod("shop", "web");
        let result = node.add(&container, &conf);
        let ip = result["ips"][0]["address"]
            .as_str()
            .unwrap()
            .split('/')
            .next()
            .unwrap()
            .to_owned();
        let listener = sandbox
            .inside(|| TcpListener::bind((ip.as_str(), 80)).unwrap())
            .unwrap();
        let mut client = node
            .world
            .node()
            .inside(|| {
                TcpStream::connect_timeout(
                    &"10.88.0.1:8080".parse().unwrap(),
                    Duration::from_secs(5),
                )
                .unwrap()
            })
            .unwrap();
        client.write_all(&[round]).unwrap();
        let mut got = [0];
        listener.accept().unwrap().0.read_exact(&mut got).unwrap();
        assert_eq!(got, [round]);
        node.check(&container, &conf);
        node.del(&container, &conf);
    };
    // The plugin's table stays once it has been made.
    reach(1);
    let before = node.snapshot();
    reach(2);
    node.nothing_left(&before, &[]);
}

#[test]
fn a_chained_bandwidth_limits_what_the_runtime_says() {
    let node = Node::with_plugins();
    let bandwidth = json!({"type": "bandwidth", "capabilities": {"bandwidth": true}});
    let mut conf = node.conf(&[chain(&node, &bandwidth)]);
    conf["runtimeConfig"] = json!({"bandwidth": {"IngressRate": 8_000_000, "IngressBurst": 80_000, "EgressRate": 16_000_000, "EgressBurst": 160_000}});
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    let limits = node
        .world
        .command("tc")
        .args(["qdisc", "show"])
        .check()
        .unwrap()
        .stdout_text();
    assert!(
        limits.contains("tbf") && limits.contains("8Mbit") && limits.contains("16Mbit"),
        "{limits}"
    );
    assert!(
        node.world
            .node()
            .links()
            .unwrap()
            .iter()
            .any(|link| link.kind == "ifb")
    );
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
