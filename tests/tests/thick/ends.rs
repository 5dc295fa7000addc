//! A daemon that ends, or is killed.

use std::fs;
use std::time::Duration;

use serde_json::json;
use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::Signal;
use testkit::scripted::Recorder;

#[test]
fn detaching_needs_no_daemon() {
    // B4.100, decided: DEL works from the ledger alone
    let node = ThickNode::new("thick-del");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let daemon = node.started();
    let conf = node.generated();
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    daemon.stop();

    node.call("CHECK", &pod.container, &conf).silent();
    node.del(&pod, &conf);

    node.nothing_left(&before, &[]);
}

#[test]
fn a_pod_that_the_runtime_attached_before_multus_came_is_detached_from_the_primary() {
    // B4.104, B4.105
    let node = ThickNode::new("thick-before");
    let daemon = node.started();
    let conf = node.generated();
    let pod = node.annotated_pod("web", &[]);
    daemon.stop();

    node.del(&pod, &conf);

    let calls = Recorder::new(node.record()).calls().unwrap();
    let [call] = calls.as_slice() else {
        panic!("{calls:?}");
    };
    assert_eq!((call.verb.as_str(), call.network()), ("DEL", "cluster"));
    assert_eq!(call.cni["CNI_CONTAINERID"], pod.container.id);
    assert_eq!(call.cni["CNI_IFNAME"], "eth0");
}

#[test]
fn a_daemon_that_is_killed_between_plan_and_commit_costs_nothing_but_time() {
    // B6.93
    let node = ThickNode::new("thick-killed");
    let go = node.define_slow();
    let daemon = node.started();
    let pod = node.pod("web", "slow");
    let add = node.begin_add(&pod, &node.generated());
    node.begun("slow", 1);

    daemon.kill();
    fs::write(go, "").unwrap();
    let _daemon = node.start();

    answer(add).good();
    assert_eq!(node.attachments_of(&pod).len(), 2);
    assert_eq!(node.events_once(&pod, 2).len(), 2);
}

#[test]
fn a_daemon_that_is_asked_to_end_finishes_what_is_under_way_and_leaves_the_configuration() {
    // B6.90, Q45, Q46
    let node = ThickNode::new("thick-drains");
    let go = node.define_slow();
    let mut daemon = node.started();
    let pod = node.pod("web", "slow");
    let own = node.generated();
    let add = node.begin_add(&pod, &own);
    node.begun("slow", 1);

    daemon.0.signal(Signal::TERM).unwrap();
    until("the socket is gone", || !node.socket().exists());
    assert!(daemon.0.is_running().unwrap());
    fs::write(go, "").unwrap();

    answer(add).good();
    let ended = daemon.0.wait().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr_text());
    let text = ended.stderr_text();
    assert!(text.contains("ended by SIGTERM"), "{text}");
    assert_eq!(node.attachments_of(&pod).len(), 2);
    assert_eq!(node.events_of(&pod).len(), 2);
    assert_eq!(node.generated(), own);
}

#[test]
fn a_successor_takes_the_socket_over_and_its_predecessor_leaves_it_alone() {
    // B6.92, B6.94
    let node = ThickNode::new("thick-successor");
    let first = node.started();
    let conf = node.generated();
    let inode = || {
        use std::os::unix::fs::MetadataExt as _;
        fs::metadata(node.socket()).unwrap().ino()
    };
    let before = inode();
    let _second = node.start();
    until("the socket is the successor's", || inode() != before);

    first.stop();

    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &conf).good();
    assert_eq!(node.attachments_once(&pod).len(), 1);
}

#[test]
fn gc_keeps_its_time_when_the_daemon_does_not_answer() {
    // It holds the node's lock, and tells of each container, for a second at most: of all of them that is more than the bound.
    const CONTAINERS: usize = 30;
    const BOUND: Duration = Duration::from_secs(25);
    let node = ThickNode::new("thick-gc-frozen");
    let daemon = node.started();
    let mut conf = node.generated();
    let pods: Vec<_> = (0..CONTAINERS)
        .map(|number| node.annotated_pod(&format!("web-{number}"), &[]))
        .collect();
    for pod in &pods {
        node.add(pod, &conf).good();
    }
    let known = node.annotated_pod("known", &[]);
    node.add(&known, &conf).good();
    conf["cniVersion"] = json!("1.1.0");
    conf["timeouts"] = json!({"gc": "4s"});
    conf["cni.dev/valid-attachments"] =
        json!([{"containerID": known.container.id, "ifname": "eth0"}]);
    daemon.0.signal(Signal::STOP).unwrap();

    let answer = node.call("GC", &known.container, &conf);

    assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
    daemon.0.signal(Signal::CONT).unwrap();
    conf["timeouts"] = json!({});
    node.call("GC", &known.container, &conf).silent();
    let left = pods
        .iter()
        .filter(|pod| node.state.join(&pod.container.id).exists());
    assert_eq!(left.count(), 0);
    assert!(node.state.join(&known.container.id).exists());
}
