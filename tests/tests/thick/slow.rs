//! Clients of the socket that ask for half of something, take their time, or do not read what they are told.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};
use suites::node::DEFAULT_NETWORK;
use suites::scene::until;
use suites::thick::{Daemon, ThickNode};

/// More than all crowds of all tests here have open.
const DESCRIPTORS: usize = 4096;

const ENDPOINTS: [&str; 2] = ["/cni", "/delegate"];
/// So many of each kind at once.
const CROWD: usize = 50;

fn head(endpoint: &str, length: usize) -> String {
    format!("POST {endpoint} HTTP/1.1\r\nHost: d\r\nContent-Length: {length}\r\n\r\n")
}

/// Somebody who says this and no more. A daemon that has heard enough of it may hang up.
fn who_says(node: &ThickNode, text: &[u8]) -> UnixStream {
    let mut stream = UnixStream::connect(node.socket()).unwrap();
    let _heard = stream.write_all(text);
    stream.set_nonblocking(true).unwrap();
    stream
}

/// Whether the daemon has hung up; what it said before is read.
fn is_over(mut stream: &UnixStream) -> bool {
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// Somebody else's pod comes and goes, and people get their answers.
#[track_caller]
fn serves_others(node: &ThickNode, name: &str, conf: &Value) {
    let pod = node.pod(name, "net-a");
    node.add(&pod, conf).good();
    assert_eq!(node.attachments_of(&pod).len(), 2);
    node.del(&pod, conf);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(node.ask(path).unwrap().0, 200, "{path}");
    }
}

fn node(name: &str) -> (ThickNode, Daemon, Value) {
    let _enough = sys::limits::descriptors(DESCRIPTORS);
    let node = ThickNode::new(name);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let daemon = node.started();
    let conf = node.generated();
    (node, daemon, conf)
}

/// What the daemon has of memory, in bytes.
fn memory(daemon: &Daemon) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", daemon.0.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

/// How many ends of this test's connections the daemon has: they are in the network namespace of whoever connects.
fn connections(node: &ThickNode) -> usize {
    let sockets = fs::read_to_string("/proc/thread-self/net/unix").unwrap();
    sockets
        .matches(&format!(" {}/", node.run.display()))
        .count()
}

#[test]
fn those_who_ask_for_half_of_something_hold_up_nobody_and_are_let_go() {
    let (node, daemon, conf) = node("slow-half");
    let pod = node.annotated_pod("web", &[]);
    let question = node.question(&pod.container, "ADD", &conf);
    let mut crowd = Vec::new();
    for endpoint in ENDPOINTS {
        let whole = head(endpoint, question.len());
        let body = format!("{whole}{}", &question[..question.len() / 2]);
        let texts = ["", &whole[..whole.len() / 2], &whole, &body];
        for text in texts {
            crowd.extend((0..CROWD).map(|_| who_says(&node, text.as_bytes())));
        }
    }

    serves_others(&node, "other", &conf);

    until("all are let go", || crowd.iter().all(is_over));
    serves_others(&node, "later", &conf);
    assert!(!node.state.join(&pod.container.id).exists());
    let log = daemon.stop().stderr_text();
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn one_who_says_a_letter_a_second_is_let_go_before_he_has_said_it_all() {
    let (node, _daemon, conf) = node("slow-letters");
    let pod = node.annotated_pod("web", &[]);
    let question = node.question(&pod.container, "ADD", &conf);
    let mut slow: Vec<_> = ENDPOINTS
        .iter()
        .flat_map(|endpoint| {
            let whole = head(endpoint, question.len());
            let letters = question.clone();
            [
                (who_says(&node, b""), format!("{whole}{letters}")),
                (who_says(&node, whole.as_bytes()), letters),
            ]
        })
        .collect();
    assert!(slow.iter().all(|(_, text)| text.len() > 60));
    for second in 0..60 {
        for (stream, text) in &mut slow {
            let _heard = stream.write(&text.as_bytes()[second..=second]);
        }
        if slow.iter().all(|(stream, _)| is_over(stream)) {
            serves_others(&node, "other", &conf);
            return;
        }
        sleep(Duration::from_secs(1));
    }
    panic!("somebody is still listened to");
}

#[test]
fn one_who_does_not_read_his_answer_is_let_go_and_his_pod_is_attached() {
    let (node, _daemon, _) = node("slow-reader");
    // More than the kernel keeps for somebody who does not read.
    let routes: Vec<_> = (0..15_000)
        .map(|number| json!({"dst": format!("10.{}.{}.0/24", number / 256, number % 256)}))
        .collect();
    let mut network = node.scripted("wordy", "10.2.0.2/24");
    network["script"]["create_link"] = json!(false);
    network["script"]["result"]["routes"] = json!(routes);
    node.define("wordy", &network);
    let generated = node.generated();
    let attached = node.annotated_pod("attached", &[]);
    node.add(&attached, &generated).good();
    let mut more = attached.container.clone();
    more.ifname = "hot0".to_owned();
    let own = format!("{}/wordy", node.namespace);
    let wordy = node.annotated_pod("wordy", &[(DEFAULT_NETWORK, &own)]);

    let question = node.question(&wordy.container, "ADD", &generated);
    let _silent = node.begin_asking("/cni", &question);
    let question = node.question(&more, "ADD", &network);
    let _silent_too = node.begin_asking("/delegate", &question);

    node.begun("wordy", 2);
    assert!(connections(&node) > 0);
    serves_others(&node, "other", &generated);
    until("both are let go", || connections(&node) == 0);
    let attachments = |id: &str| node.ledger(id).as_array().unwrap().len();
    assert_eq!(attachments(&attached.container.id), 2);
    assert_eq!(attachments(&wordy.container.id), 1);
    node.del(&attached, &generated);
    node.del(&wordy, &generated);
}

#[test]
fn many_large_requests_that_never_end_cost_bounded_memory() {
    const MOST: u64 = 64 << 20;
    let (node, daemon, conf) = node("slow-large");
    let half = vec![b' '; 2 << 20];
    let before = memory(&daemon);
    let mut crowd = Vec::new();
    for endpoint in ENDPOINTS.into_iter().chain(["/v1/plan", "/v1/commit"]) {
        for _ in 0..CROWD {
            let text = [head(endpoint, 4 << 20).as_bytes(), &half].concat();
            crowd.push(who_says(&node, &text));
        }
    }

    serves_others(&node, "other", &conf);

    let more = memory(&daemon).saturating_sub(before);
    assert!(more < MOST, "{} MiB more", more >> 20);
    until("all are let go", || crowd.iter().all(is_over));
    serves_others(&node, "later", &conf);
}

#[test]
fn those_who_ask_for_half_of_something_do_not_keep_a_daemon_that_ends() {
    let (node, daemon, conf) = node("slow-end");
    let whole = head("/cni", 100);
    let _half = who_says(&node, &whole.as_bytes()[..20]);
    serves_others(&node, "other", &conf);

    let ended = daemon.stop();

    let log = ended.stderr_text();
    assert_eq!(ended.status.code(), Some(0), "{log}");
    assert!(!log.contains("still under way"), "{log}");
}
