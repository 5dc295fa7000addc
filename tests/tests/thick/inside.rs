//! `/cni`: what the daemon attaches itself for upstream's plugin.

use std::fs;
use std::io::Read as _;

use serde_json::Value;
use suites::recordings::Response;
use suites::scene::until;
use suites::thick::ThickNode;
use testkit::Signal;

#[test]
fn an_add_that_is_under_way_ends_well_when_the_daemon_is_asked_to_end() {
    // B6.90
    let node = ThickNode::new("inside-end");
    let go = node.define_slow();
    let daemon = node.started();
    let conf = node.generated();
    let pod = node.pod("web", "slow");
    let mut asking = node.begin_asking("/cni", &node.question(&pod.container, "ADD", &conf));
    node.begun("slow", 1);

    daemon.0.signal(Signal::TERM).unwrap();
    until("the socket is gone", || !node.socket().exists());
    fs::write(&go, "").unwrap();

    let mut answer = String::new();
    asking.read_to_string(&mut answer).unwrap();
    let answer = Response::parse(&answer);
    assert_eq!(answer.status, 200, "{}", answer.raw);
    let result: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(result["Result"]["ips"][0]["address"], "10.9.0.2/24");
    let ended = daemon.0.wait().unwrap();
    let text = ended.stderr_text();
    assert_eq!(ended.status.code(), Some(0), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    assert_eq!(node.attachments_of(&pod).len(), 2);
    assert_eq!(node.ledger(&pod.container.id).as_array().unwrap().len(), 2);
    assert_eq!(pod.sandbox.links().unwrap().len(), 3);
    node.del(&pod, &conf);
}
