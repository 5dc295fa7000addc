//! Chains of real plugins: what the further ones do to the interface and to the node, and that DEL undoes it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;

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
                    Duration::from_secs(30),
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
fn what_chained_plugins_left_on_the_node_goes_though_the_namespace_is_gone() {
    let node = Node::with_plugins();
    let list = json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [
        node.cluster(),
        {"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}},
        {"type": "bandwidth", "capabilities": {"bandwidth": true}},
        {"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}},
    ]});
    let mut conf = node.conf(&[list]);
    conf["runtimeConfig"] = json!({
        "bandwidth": {"ingressRate": 8_000_000, "ingressBurst": 80_000, "egressRate": 8_000_000, "egressBurst": 80_000},
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}],
    });
    let come_and_go = |name: &str| {
        let sandbox = node.sandbox(name);
        let container = Container::new(&sandbox).of_pod("shop", "web");
        node.add(&container, &conf);
        node.destroy(sandbox);
        node.del(&container, &conf);
    };
    // The table of portmap stays once it has been made.
    come_and_go("first");
    let before = node.snapshot();
    come_and_go("second");
    node.nothing_left(&before, &[]);
}

#[test]
fn plugins_from_a_directory_change_the_interface_and_the_pod() {
    // B5.40, B4.26, T7.6, T7.7
    let node = Node::with_plugins();
    let passthru = node.plugins.join("passthru");
    std::os::unix::fs::symlink(suites::multus::program("passthru"), passthru).unwrap();
    let folder = |name: &str| {
        let path = node.configurations.join(name);
        std::fs::create_dir_all(&path).unwrap();
        path.join("10-tuning.conf")
    };
    let list = json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [node.cluster()]});
    let file = node.configurations.join("10-cluster.conflist");
    std::fs::write(&file, list.to_string()).unwrap();
    let own = json!({"type": "tuning", "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"}});
    std::fs::write(folder("cluster"), own.to_string()).unwrap();
    let vendors = json!({"type": "tuning", "sysctl": {"net.ipv4.conf.eth0.arp_announce": "2"}});
    std::fs::write(folder("vendor-cni-chain"), vendors.to_string()).unwrap();
    let mut conf = node.conf(&[]);
    conf.as_object_mut().unwrap().remove("delegates");
    conf["clusterNetwork"] = json!(file);
    conf["auxiliaryCNIChainName"] = json!("vendor-cni-chain");
    node.pod("shop", "web", &[]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    for (name, value) in [("arp_filter", "1\n"), ("arp_announce", "2\n")] {
        let path = format!("/proc/sys/net/ipv4/conf/eth0/{name}");
        let found = sandbox.command("cat").arg(path).check();
        assert_eq!(found.unwrap().stdout_text(), value, "{name}");
    }
    node.check(&container, &conf);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster"]);
}
