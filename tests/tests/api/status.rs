//! An API that does not answer as it should when the status is written or events are posted: everything is undone, or nothing.

use std::time::Duration;

use suites::cluster::{ClusterNode, Pod};
use testkit::proxy::Fault;

use crate::cases::at_once;

/// Longer than any ADD here may take.
const BOUND: Duration = Duration::from_secs(18);

fn node(name: &str) -> (ClusterNode, Pod) {
    let node = ClusterNode::behind_proxy(name);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    (node, pod)
}

#[test]
fn a_status_that_could_not_be_written_at_once_is_written_again() {
    // Q71
    let faults = [
        Fault::status(500, "InternalError"),
        Fault::too_many(0),
        Fault::Close,
        // The API has it already, and takes it again.
        Fault::LoseAnswer,
        Fault::status(409, "Conflict"),
    ];
    for fault in faults {
        let (node, pod) = node("status-again");
        node.proxy().next("PATCH", "/pods/web/status", [fault]);

        node.add(&pod, &node.scripted_conf()).good();

        let seen = node.proxy().seen("PATCH", "/pods/web/status");
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_eq!(node.attachments_of(&pod).len(), 2);
        let calls = node.calls();
        assert_eq!(calls, ["ADD cluster eth0", "ADD net-a net1"]);
    }
}

#[test]
fn a_status_that_cannot_be_written_undoes_the_attachments_in_reverse() {
    let cases = [
        (
            Fault::status(500, "InternalError"),
            11,
            "500 InternalError: scripted 500 (",
        ),
        (Fault::Hang, 11, "no answer within "),
        (
            Fault::too_many(60),
            11,
            "429 TooManyRequests: scripted 429 (1 attempt in",
        ),
        (
            Fault::status(422, "Invalid"),
            999,
            "422 Invalid: scripted 422 (1 attempt in",
        ),
        (
            Fault::status(401, "Unauthorized"),
            999,
            "401 Unauthorized: scripted 401 (2 attempts in",
        ),
    ];
    at_once(cases, |(fault, code, text)| {
        let (node, pod) = node("status-fails");
        let before = node.snapshot();
        node.proxy().every("PATCH", "/pods/web/status", fault);

        let answer = node.add(&pod, &node.impatient_conf());

        let label = format!("Multus: [{}/web/{}]: ", node.namespace, pod.uid);
        let action = format!(
            "error setting the networks status: write status of pod {}/web at ",
            node.namespace
        );
        answer.refused(code, &[&label, &action, text]);
        assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
        let undone = [
            "ADD cluster eth0",
            "ADD net-a net1",
            "DEL net-a net1",
            "DEL cluster eth0",
        ];
        assert_eq!(node.calls(), undone);
        node.nothing_done(&before, &pod);
    });
}

#[test]
fn an_add_that_was_undone_can_be_tried_again() {
    let (node, pod) = node("again");
    let hang = Fault::Hang;
    node.proxy().next("PATCH", "/pods/web/status", [hang]);
    let conf = node.impatient_conf();
    let before = node.snapshot();

    node.add(&pod, &conf).refused(11, &["no answer within"]);
    node.add(&pod, &conf).good();

    assert_eq!(node.attachments_of(&pod).len(), 2);
    node.del(&pod, &conf);
    node.nothing_left(&before, &[]);
}

#[test]
fn events_that_cannot_be_posted_do_not_fail_the_add() {
    // B7.23
    let faults = [
        Fault::status(500, "InternalError"),
        Fault::too_many(60),
        Fault::Close,
        Fault::Hang,
    ];
    at_once(faults, |fault| {
        let (node, pod) = node("events");
        node.proxy().every("POST", "/events", fault);

        let answer = node.add(&pod, &node.scripted_conf());

        answer.good();
        assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
        assert_eq!(node.attachments_of(&pod).len(), 2);
    });
}
