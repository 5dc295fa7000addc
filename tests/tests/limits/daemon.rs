//! What `multus-daemon` has on disk and resident.

use std::time::{Duration, Instant};

use ipc::{Commit, Connection, Detached, PlanReply, PlanRequest, path};
use serde::Serialize;
use suites::thick::{Daemon, ThickNode};
use testkit::stub::{Objects, Stub};

use crate::build;

/// With nothing to do, in bytes.
const IDLE: u64 = 12_000_000;
/// With all pods and definitions.
const LARGE: u64 = 16_000_000;
/// After all ADDs and DELs.
const WORKED: u64 = 20_000_000;
/// Pods of the node, definitions of the cluster.
const MANY: (usize, usize) = (1000, 5000);
/// Plugins at a time, and what each of them tells of: an ADD and a DEL, again and again.
const PLUGINS: usize = 6;
const ROUNDS: usize = 500;

/// A node whose API has so many pods and definitions.
fn node(name: &str, pods: usize, definitions: usize) -> (ThickNode, Stub) {
    let node = ThickNode::new(name);
    let objects = Objects {
        namespace: "many".to_owned(),
        pods,
        networks: "net-0,net-1".to_owned(),
        definitions,
        plugin: "noop".to_owned(),
    };
    let stub = Stub::start(objects).unwrap();
    stub.write_kubeconfig(&node.kubeconfig).unwrap();
    (node, stub)
}

fn needs_at_most(daemon: &Daemon, most: u64, when: &str) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.0.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches("kB").trim();
    let bytes = kilobytes.parse::<u64>().unwrap() << 10;
    let text = format!("{when}: {kilobytes} KiB resident");
    println!("{text}");
    assert!((4096..=most).contains(&bytes), "{text}");
}

#[test]
fn the_daemon_is_not_larger_than_promised() {
    build::is_at_most("multus-daemon", build::bounds().daemon);
}

#[test]
fn an_idle_daemon_needs_no_more_memory_than_promised() {
    let (node, stub) = node("limits-idle", 1, 2);
    let _relay = node.world.relay(stub.address()).unwrap();
    let daemon = node.started();
    needs_at_most(&daemon, IDLE, "idle");
}

#[test]
fn a_daemon_of_a_large_node_needs_no_more_memory_than_promised() {
    let (node, stub) = node("limits-large", MANY.0, MANY.1);
    let _relay = node.world.relay(stub.address()).unwrap();
    let daemon = node.started();
    needs_at_most(&daemon, LARGE, "a large node");
}

#[test]
fn a_daemon_that_has_worked_needs_no_more_memory_than_promised() {
    let (node, stub) = node("limits-worked", 100, 100);
    let _relay = node.world.relay(stub.address()).unwrap();
    let daemon = node.started();
    let conf = node.generated().to_string();
    std::thread::scope(|scope| {
        for plugin in 0..PLUGINS {
            let (node, conf) = (&node, &conf);
            scope.spawn(move || {
                (0..ROUNDS).for_each(|round| attach_and_detach(node, conf, plugin, round))
            });
        }
    });
    assert!(stub.writes() >= PLUGINS * ROUNDS, "a status for each ADD");
    let when = format!("after {} ADDs and DELs", PLUGINS * ROUNDS);
    needs_at_most(&daemon, WORKED, &when);
}

/// What a plugin asks and tells; the rest of its work is its own.
fn attach_and_detach(node: &ThickNode, conf: &str, plugin: usize, round: usize) {
    let container_id = format!("c-{plugin}-{round}");
    let pod = (plugin * ROUNDS + round) % 100;
    let mut connection = connect(node);
    let plan = PlanRequest {
        container_id: container_id.clone(),
        ifname: "eth0".to_owned(),
        netns: "/run/netns/none".to_owned(),
        args: format!("IgnoreUnknown=1;K8S_POD_NAMESPACE=many;K8S_POD_NAME=pod-{pod}"),
        config: conf.to_owned(),
        patience: None,
    };
    let reply: PlanReply = gojson::from_slice(&post(&mut connection, path::PLAN, &plan)).unwrap();
    assert_eq!(reply.attachments.len(), 3);
    let status = serde_json::json!([{"name": "cluster", "interface": "eth0", "ips": ["10.9.0.2"]}]);
    let commit = Commit {
        pod: reply.pod.unwrap(),
        container_id: container_id.clone(),
        network_status: status.to_string(),
        added: Vec::new(),
        failed: Vec::new(),
        is_status_owed: false,
        patience: None,
        time_left: None,
        runs: Vec::new(),
    };
    post(&mut connection, path::COMMIT, &commit);
    drop(connection);
    let detached = Detached {
        container_id,
        rest: Vec::new(),
        runs: Vec::new(),
    };
    let mut connection = connect(node);
    post(&mut connection, path::DETACHED, &detached);
}

fn connect(node: &ThickNode) -> Connection {
    let socket = node.socket();
    Connection::over(sys::socket::reach(&socket), &socket).unwrap()
}

fn post(connection: &mut Connection, path: &str, words: &impl Serialize) -> Vec<u8> {
    let body = gojson::to_vec(words).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let reply = connection.post(path, &body, deadline).unwrap();
    assert_eq!(
        reply.status,
        200,
        "{path}: {}",
        String::from_utf8_lossy(&reply.body)
    );
    reply.body
}
