//! An API that does not answer as it should when the pod and its definitions are read: what is tried again, and for how long.

use std::time::Duration;

use suites::cluster::{ClusterNode, Pod};
use testkit::proxy::Fault;

use crate::cases::at_once;

/// The parts of paths: the pod's, and the definition's.
const OBJECTS: [&str; 2] = ["/pods/web", "/network-attachment-definitions/net-a"];

/// Longer than any ADD here may take, two seconds for each of two objects and one for the event, on any machine.
const BOUND: Duration = Duration::from_secs(18);

fn node(name: &str) -> (ClusterNode, Pod) {
    let node = ClusterNode::behind_proxy(name);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    (node, pod)
}

/// The ADD succeeds, and the object was asked for so often.
#[track_caller]
fn heals(name: &str, object: &str, faults: impl IntoIterator<Item = Fault>, asked: usize) {
    let (node, pod) = node(name);
    node.proxy().next("GET", object, faults);
    node.add(&pod, &node.scripted_conf()).good();
    assert_eq!(node.proxy().seen("GET", object).len(), asked);
    assert_eq!(node.attachments_of(&pod).len(), 2);
}

/// The ADD fails in time with this code and these texts, nothing runs, and nothing is left. How often the object was asked for.
#[track_caller]
fn fails(name: &str, object: &str, fault: Fault, code: u64, texts: &[&str]) -> usize {
    let (node, pod) = node(name);
    let before = node.snapshot();
    node.proxy().every("GET", object, fault);

    let answer = node.add(&pod, &node.impatient_conf());

    let label = format!("Multus: [{}/web/{}]: ", node.namespace, pod.uid);
    let action = if object == OBJECTS[0] {
        format!(
            "error getting k8s objects: get pod {}/web at ",
            node.namespace
        )
    } else {
        format!(
            "error getting k8s objects: get network-attachment-definition {}/net-a at ",
            node.namespace
        )
    };
    answer.refused(code, &[&[label.as_str(), &action], texts].concat());
    assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
    assert_eq!(node.calls(), Vec::<String>::new());
    node.nothing_done(&before, &pod);
    node.proxy().seen("GET", object).len()
}

#[test]
fn server_errors_are_tried_again() {
    // B4.11, Q71
    let errors = || {
        [
            Fault::status(500, "InternalError"),
            Fault::text(502, "<html>bad gateway</html>"),
            Fault::status(503, "ServiceUnavailable"),
        ]
    };
    heals("server-errors", OBJECTS[0], errors(), 4);
    heals("server-errors", OBJECTS[1], errors(), 4);
}

#[test]
fn a_gateway_that_ran_out_of_time_is_tried_again() {
    // Q71
    let timeout = Fault::text(504, "");
    heals("gateway", OBJECTS[0], [timeout], 2);
}

#[test]
fn a_connection_that_breaks_is_made_again() {
    // B4.11
    heals("broken", OBJECTS[0], [Fault::Close, Fault::Close], 3);
    heals("broken", OBJECTS[1], [Fault::Close], 2);
    heals("broken", OBJECTS[1], [Fault::LoseAnswer], 2);
}

#[test]
fn an_api_that_is_slow_is_waited_for() {
    // Q23
    let slow = || [Fault::Delay(Duration::from_millis(400))];
    heals("slow", OBJECTS[0], slow(), 1);
    heals("slow", OBJECTS[1], slow(), 1);
}

#[test]
fn an_api_that_is_overloaded_is_left_alone_for_as_long_as_it_asks() {
    let (node, pod) = node("overloaded");
    node.proxy().next("GET", OBJECTS[0], [Fault::too_many(1)]);

    node.add(&pod, &node.scripted_conf()).good();

    let seen = node.proxy().seen("GET", OBJECTS[0]);
    assert_eq!(seen.len(), 2, "{seen:?}");
    let pause = seen[1].at - seen[0].at;
    assert!(pause >= Duration::from_secs(1), "{pause:?}");
}

#[test]
fn an_api_that_asks_for_more_time_than_there_is_fails_the_add_at_once() {
    let text = "429 TooManyRequests: scripted 429 (1 attempt in";
    let asked = fails("patience", OBJECTS[0], Fault::too_many(60), 11, &[text]);
    assert_eq!(asked, 1);
}

#[test]
fn server_errors_that_do_not_end_fail_the_add_in_time() {
    // B4.13, Q23
    let internal = || Fault::status(500, "InternalError");
    let text = "500 InternalError: scripted 500 (";
    at_once(OBJECTS, |object| {
        let asked = fails("internal", object, internal(), 11, &[text, " attempts in "]);
        assert!((2..20).contains(&asked), "{asked}");
    });
}

#[test]
fn a_load_balancer_without_an_api_behind_it_fails_the_add_in_time() {
    let page = Fault::text(503, "<html>\n<b>no backend</b>\n</html>");
    let text = "503 without a reason of the API: <html> <b>no backend</b> </html>";
    fails("balancer", OBJECTS[0], page, 11, &[text]);
}

#[test]
fn an_api_that_hangs_fails_the_add_in_time() {
    let texts = ["no answer within ", " s (1 attempt in "];
    at_once(OBJECTS, |object| {
        let asked = fails("hangs", object, Fault::Hang, 11, &texts);
        assert_eq!(asked, 1);
    });
}

#[test]
fn a_refusal_is_not_tried_again() {
    let cases = [
        (
            Fault::status(403, "Forbidden"),
            999,
            "403 Forbidden: scripted 403 (1 attempt in",
        ),
        (
            Fault::status(400, "BadRequest"),
            999,
            "400 BadRequest: scripted 400 (1 attempt in",
        ),
        (
            Fault::text(404, "404 page not found\n"),
            999,
            "404 without a reason of the API: 404 page not found (1 attempt in",
        ),
    ];
    at_once(cases, |(fault, code, text)| {
        assert_eq!(fails("refusal", OBJECTS[0], fault, code, &[text]), 1);
    });
}

#[test]
fn credentials_that_are_never_accepted_are_read_again_once() {
    let text = "401 Unauthorized: scripted 401 (2 attempts in";
    at_once(OBJECTS, |object| {
        let refused = Fault::status(401, "Unauthorized");
        assert_eq!(fails("unauthorized", object, refused, 999, &[text]), 2);
    });
}

#[test]
fn an_answer_that_is_no_object_fails_the_add() {
    for object in OBJECTS {
        let garbage = Fault::text(200, "<html>welcome</html>");
        assert_eq!(
            fails("garbage", object, garbage, 999, &["read answer: "]),
            1
        );
    }
}

#[test]
fn the_time_for_an_add_is_a_bound_for_the_api_too() {
    let (node, pod) = node("bound");
    let before = node.snapshot();
    node.proxy().every("GET", OBJECTS[0], Fault::Hang);
    let mut conf = node.scripted_conf();
    conf["timeouts"] = serde_json::json!({"add": "1s"});

    let answer = node.add(&pod, &conf);

    answer.refused(11, &["answer", " within "]);
    assert!(answer.0.took < BOUND, "{:?}", answer.0.took);
    node.nothing_done(&before, &pod);
}
