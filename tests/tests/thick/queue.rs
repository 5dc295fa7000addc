//! Many attachments at a time (`connectionLimit`, B2.85).

use std::fs;

use serde_json::json;
use suites::scene::one_after_the_other;
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
