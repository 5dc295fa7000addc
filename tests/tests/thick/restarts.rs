//! Daemons that come and go while pods are attached.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::Signal;

/// Between two ADDs: twenty a second.
const PACE: Duration = Duration::from_millis(50);
const RESTARTS: usize = 5;
const BETWEEN: usize = 20;

#[test]
fn a_daemon_that_is_restarted_every_second_loses_no_attachment() {
    // B6.90–B6.94, Q45, user-pain 18
    let node = ThickNode::new("thick-restarts");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pods: Vec<_> = (0..RESTARTS * BETWEEN)
        .map(|number| node.pod(&format!("web-{number}"), "net-a"))
        .collect();
    let mut daemon = node.started();
    let conf = node.generated();
    let (mut adds, mut ended) = (Vec::new(), Vec::new());

    for (number, pods) in pods.chunks(BETWEEN).enumerate() {
        for pod in pods {
            adds.push(node.begin_add(pod, &conf));
            sleep(PACE);
        }
        let successor = || node.start();
        if number % 2 == 0 {
            daemon.kill();
            daemon = successor();
        } else {
            daemon.0.signal(Signal::TERM).unwrap();
            ended.push(std::mem::replace(&mut daemon, successor()));
        }
    }

    for add in adds {
        answer(add).good();
    }
    for pod in &pods {
        assert_eq!(node.attachments_of(pod).len(), 2, "{}", pod.name);
        assert_eq!(pod.sandbox.links().unwrap().len(), 3, "{}", pod.name);
    }
    for daemon in ended {
        let ended = daemon.0.wait().unwrap();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr_text());
    }
}

#[test]
fn a_second_signal_ends_the_daemon_at_once_and_the_successor_finishes() {
    // B1.45, B6.90
    let node = ThickNode::new("thick-twice");
    let go = node.define_slow();
    let mut daemon = node.started();
    let pod = node.pod("web", "slow");
    let add = node.begin_add(&pod, &node.generated());
    node.begun("slow", 1);
    daemon.0.signal(Signal::TERM).unwrap();
    until("the socket is gone", || !node.socket().exists());
    assert!(daemon.0.is_running().unwrap());

    daemon.0.signal(Signal::INT).unwrap();

    let ended = daemon.0.wait().unwrap();
    let text = ended.stderr_text();
    assert_eq!(ended.status.code(), Some(0), "{text}");
    assert!(text.contains("caught SIGINT, ending at once"), "{text}");
    fs::write(go, "").unwrap();
    let _successor = node.start();
    answer(add).good();
    assert_eq!(node.attachments_of(&pod).len(), 2);
}
