//! Many attachments at a time (`connectionLimit`, B2.85).

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::json;
use suites::cluster::Pod;
use suites::multus::program;
use suites::scene::{one_after_the_other, until};
use suites::thick::{ThickNode, answer};
use testkit::scripted::Recorder;

#[test]
fn as_many_attachments_are_under_way_as_the_settings_allow_and_nothing_else_waits() {
    // B2.85, T7.5
    let node = ThickNode::with("thick-queue", &json!({"connectionLimit": 1}));
    let go = node.define_slow();
    let _daemon = node.started();
    let conf = node.generated();
    let attached = node.annotated_pod("attached", &[]);
    node.add(&attached, &conf).good();
    let pods = ["one", "two", "three"].map(|name| node.pod(name, "slow"));
    let first = node.begin_add(&pods[0], &conf);
    node.begun("slow", 1);
    let others = [&pods[1], &pods[2]].map(|pod| node.begin_add(pod, &conf));

    // DEL and health never wait behind an ADD.
    node.del(&attached, &conf);
    let (_, text) = node.ask("/readyz").unwrap();
    assert!(text.contains("[+]attachments: 1 under way"), "{text}");
    fs::write(go, "").unwrap();

    answer(first).good();
    for add in others {
        answer(add).good();
    }
    let calls = Recorder::new(node.record()).calls().unwrap();
    let slow = |call: &&testkit::scripted::Call| call.verb == "ADD" && call.network() == "slow";
    let slow: Vec<_> = calls.iter().filter(slow).cloned().collect();
    assert_eq!(slow.len(), 3);
    one_after_the_other(&slow);
    for pod in &pods {
        assert_eq!(node.attachments_of(pod).len(), 2);
    }
}

#[test]
fn an_add_that_waits_for_its_turn_ends_in_time_and_says_what_was_before_it() {
    let node = ThickNode::with("thick-turn", &json!({"connectionLimit": 1}));
    let go = node.define_slow();
    let _daemon = node.started();
    let conf = node.generated();
    let slow = node.pod("first", "slow");
    let first = node.begin_add(&slow, &conf);
    node.begun("slow", 1);
    let pod = node.annotated_pod("web", &[]);
    let mut short = conf.clone();
    short["timeouts"] = json!({"add": "12s"});

    let late = node.add(&pod, &short);

    let text = "the daemon is not ready: pods under way: 1, as many as connectionLimit allows, and 0 more wait; waited ";
    late.refused(11, &[text, "s for the node's multus-daemon"]);
    fs::write(go, "").unwrap();
    answer(first).good();
    node.add(&pod, &short).good();
}

#[test]
fn an_add_that_was_killed_frees_its_place() {
    let node = ThickNode::with("thick-place", &json!({"connectionLimit": 1}));
    let go = node.define_slow();
    let _daemon = node.started();
    let conf = node.generated();
    let killed = node.pod("killed", "slow");
    let add = node.begin_add(&killed, &conf);
    node.begun("slow", 1);
    add.signal(testkit::Signal::KILL).unwrap();
    add.wait().unwrap();

    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &conf).good();

    fs::write(go, "").unwrap();
    node.del(&killed, &conf);
}

/// A plugin that asks for a plan, and waits.
fn ask(node: &ThickNode, pod: &Pod) -> UnixStream {
    let words = json!({
        "containerID": pod.container.id, "ifname": "eth0", "netns": pod.container.netns,
        "args": pod.container.args, "config": node.generated().to_string(),
    })
    .to_string();
    let length = words.len();
    let mut stream = UnixStream::connect(node.socket()).unwrap();
    write!(
        stream,
        "POST /v1/plan HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{words}"
    )
    .unwrap();
    stream
}

/// What the daemon has of memory, in bytes.
fn memory(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

/// How many wait, as the metrics tell.
fn waiting(node: &ThickNode) -> Option<usize> {
    let (_, text) = node.ask("/metrics")?;
    let waiting = text
        .lines()
        .find(|line| line.starts_with("multus_attachments_waiting "))?;
    waiting.rsplit(' ').next()?.parse().ok()
}

#[test]
fn a_thousand_that_wait_cost_a_few_kilobytes_each_and_hold_up_neither_del_nor_health() {
    const COUNT: usize = 1000;
    const EACH: u64 = 20 << 10;
    let _enough = sys::limits::descriptors(2 * COUNT);
    let node = ThickNode::with("thick-thousand", &json!({"connectionLimit": 1}));
    let go = node.define_slow();
    let daemon = node.started();
    let conf = node.generated();
    let attached = node.annotated_pod("attached", &[]);
    node.add(&attached, &conf).good();
    let slow = node.pod("slow", "slow");
    let first = node.begin_add(&slow, &conf);
    node.begun("slow", 1);
    let before = memory(daemon.0.pid());

    let crowd: Vec<_> = (0..COUNT).map(|_| ask(&node, &attached)).collect();

    until("all wait", || waiting(&node) == Some(COUNT));
    let more = memory(daemon.0.pid()).saturating_sub(before);
    assert!(
        more < EACH * COUNT as u64,
        "{} bytes each",
        more / COUNT as u64
    );
    assert_eq!(node.ask("/healthz").unwrap().0, 200);
    node.del(&attached, &conf);
    drop(crowd);
    until("nobody waits", || waiting(&node) == Some(0));
    fs::write(go, "").unwrap();
    answer(first).good();
}

#[test]
fn those_for_whom_there_are_no_descriptors_are_told_to_come_again() {
    let node = ThickNode::with("thick-descriptors", &json!({"connectionLimit": 1}));
    let go = node.define_slow();
    let limited = node.world.command("prlimit");
    let limited = limited
        .arg("--nofile=300:300")
        .arg(program("multus-daemon"));
    let _daemon = node.start_by(limited);
    until("the daemon is ready", || {
        node.ask("/readyz").is_some_and(|(status, _)| status == 200)
    });
    let conf = node.generated();
    let slow = node.pod("slow", "slow");
    let first = node.begin_add(&slow, &conf);
    node.begun("slow", 1);
    let crowd: Vec<_> = (0..60).map(|_| ask(&node, &slow)).collect();

    let mut last = ask(&node, &slow);
    let mut text = String::new();
    last.read_to_string(&mut text).unwrap();

    assert!(text.starts_with("HTTP/1.0 503 "), "{text}");
    assert!(
        text.ends_with("too many attachments wait already"),
        "{text}"
    );
    assert_eq!(node.ask("/healthz").unwrap().0, 200);
    let late = node.annotated_pod("late", &[]);
    let late_add = node.begin_add(&late, &conf);
    drop(crowd);
    fs::write(go, "").unwrap();
    answer(first).good();
    answer(late_add).good();
}
