//! podman: its containers are pods of local mode by their names.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::time::Duration;

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use suites::podman::{NETWORK, Podman};

/// A node whose pod `web` has two networks more.
fn node() -> Node {
    let node = Node::with_plugins();
    symlink(&node.multus, node.plugins.join("multus")).unwrap();
    node.definition("default", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    let storage = node.bridge("storage", &["10.90.0.0/24"], &["172.31.0.0/16"]);
    node.definition("default", "storage", &storage);
    node.pod_with("default", "web", "lan,storage@disk0");
    node
}

const BRIDGES: [&str; 2] = ["cluster", "storage"];

#[test]
fn a_container_gets_three_interfaces_and_loses_them() {
    let node = node();
    let podman = Podman::new(&node, &node.conf(&[node.cluster()]));
    let before = node.snapshot();

    podman.start("web", &[]);
    let expected = ["eth0 10.88.0.2", "net1 10.89.0.2", "disk0 10.90.0.2"];
    assert_eq!(podman.interfaces("web"), expected);
    let template = format!("{{{{.NetworkSettings.Networks.{NETWORK}.IPAddress}}}}");
    assert_eq!(podman.inspect("web", &template), "10.88.0.2");
    let status = node.status("default", "web");
    assert_eq!(status[1]["name"], "default/lan");
    assert_eq!(status[2]["interface"], "disk0");

    podman.remove("web");
    node.nothing_left(&before, &BRIDGES);
}

#[test]
fn a_container_that_nobody_described_gets_the_default_network() {
    let node = node();
    let podman = Podman::new(&node, &node.conf(&[node.cluster()]));
    let before = node.snapshot();
    podman.start("other", &[]);
    assert_eq!(podman.interfaces("other"), ["eth0 10.88.0.2"]);
    podman.remove("other");
    node.nothing_left(&before, &BRIDGES);
}

#[test]
fn a_container_may_be_stopped_and_started_again() {
    let node = node();
    let podman = Podman::new(&node, &node.conf(&[node.cluster()]));
    let before = node.snapshot();
    podman.start("web", &[]);
    podman.stop("web");
    assert!(!node.status_file("default", "web").exists());
    node.nothing_left(&before, &BRIDGES);
    podman.good(&["start", "web"]);
    let expected = ["eth0 10.88.0.3", "net1 10.89.0.3", "disk0 10.90.0.3"];
    assert_eq!(podman.interfaces("web"), expected);
    podman.remove("web");
    node.nothing_left(&before, &BRIDGES);
}

#[test]
fn a_container_whose_network_is_missing_does_not_start_and_says_why() {
    let node = node();
    node.pod_with("default", "web", "lan,nowhere");
    let podman = Podman::new(&node, &node.conf(&[node.cluster()]));
    let before = node.snapshot();
    let done = podman.run(&podman.start_words("web", &[]));
    let said = done.stderr_text();
    assert!(!done.status.success());
    assert!(
        said.contains("default/web") && said.contains("nowhere"),
        "{said}"
    );
    podman.remove("web");
    node.nothing_left(&before, &BRIDGES);
}

#[test]
fn a_published_port_reaches_the_container() {
    let node = node();
    let portmap =
        json!({"type": "portmap", "backend": "nftables", "capabilities": {"portMappings": true}});
    let chain =
        json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [node.cluster(), portmap]});
    let mut conf: Value = node.conf(&[chain]);
    conf["capabilities"] = json!({"portMappings": true});
    let podman = Podman::new(&node, &conf);
    podman.start("web", &["--publish", "8080:80"]);
    podman.good(&[
        "exec",
        "--detach",
        "web",
        "/bin/busybox",
        "nc",
        "-l",
        "-p",
        "80",
        "-e",
        "/bin/busybox",
        "echo",
        "hello",
    ]);
    let read = || {
        let mut answer = String::new();
        // The server needs a moment to listen; the kernel refuses until then.
        for _ in 0..6000 {
            let connected = TcpStream::connect_timeout(
                &"10.88.0.1:8080".parse().unwrap(),
                Duration::from_secs(30),
            );
            let Ok(mut stream) = connected else {
                std::thread::sleep(Duration::from_millis(10));
                continue;
            };
            stream.flush().unwrap();
            stream.read_to_string(&mut answer).unwrap();
            break;
        }
        answer
    };
    assert_eq!(node.world.node().inside(read).unwrap(), "hello\n");
    podman.remove("web");
    let rules = node
        .world
        .command("nft")
        .args(["list", "ruleset"])
        .check()
        .unwrap();
    assert!(
        !rules.stdout_text().contains("8080"),
        "{}",
        rules.stdout_text()
    );
}

#[test]
fn podman_asks_for_the_versions_first() {
    // As it does before it uses a plugin for the first time: dummies in all other variables.
    let node = node();
    let container = Container {
        id: String::new(),
        netns: "dummy".to_owned(),
        ifname: "dummy".to_owned(),
        args: String::new(),
        environment: Vec::new(),
    };
    let answer = node
        .call("VERSION", &container, &json!({"cniVersion": "1.1.0"}))
        .result();
    let versions = [
        "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
    ];
    assert_eq!(
        answer,
        json!({"cniVersion": "1.1.0", "supportedVersions": versions})
    );
}
