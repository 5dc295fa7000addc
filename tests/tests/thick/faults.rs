//! An API that is away, slow, or refuses: the daemon plans from what its watches know, and goes on by itself.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use suites::cluster::Pod;
use suites::scene::until;
use suites::thick::ThickNode;
use testkit::kube::{Client, DAEMON, Kubeconfig, User};
use testkit::proxy::Fault;

/// Everything that the daemon asks, with every verb that it uses.
const VERBS: [&str; 3] = ["GET", "PATCH", "POST"];

fn node(name: &str) -> ThickNode {
    node_with(name, &json!({}))
}

fn node_with(name: &str, keys: &Value) -> ThickNode {
    let node = ThickNode::behind_proxy(name, DAEMON, keys);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    node
}

/// Waits until the watch has told of so many pods.
#[track_caller]
fn until_known(node: &ThickNode, pods: usize) {
    let line = format!("[+]pods: {pods} known");
    until(&line, || {
        node.ask("/readyz")
            .is_some_and(|(_, text)| text.contains(&line))
    });
}

/// The API server has another client for each test's pods: only those of this one count.
fn pods(node: &ThickNode, names: &[&str]) -> Vec<Pod> {
    names.iter().map(|name| node.pod(name, "net-a")).collect()
}

fn take_away(node: &ThickNode, fault: &Fault) {
    for verb in VERBS {
        node.proxy().every(verb, "", fault.clone());
    }
    node.proxy().hang_up();
}

fn give_back(node: &ThickNode) {
    node.proxy().heal();
    node.proxy().hang_up();
}

#[test]
fn while_the_api_is_away_pods_without_networks_start_and_others_are_told_why_not() {
    // design: an API outage makes no node unready
    for (name, fault) in [
        ("thick-cut", Fault::Close),
        ("thick-frozen", Fault::Hang),
        ("thick-500", Fault::status(500, "InternalError")),
    ] {
        let node = node_with(name, &json!({"timeouts": {"api": "5s"}}));
        let _daemon = node.started();
        let conf = node.generated();
        let plain = node.annotated_pod("plain", &[]);
        let own = node.pod("own", "net-a");
        // It is told of them in order.
        until("the watch knows both", || {
            let before = node.proxy().seen("GET", "/pods/").len();
            node.add(&own, &conf).good();
            node.del(&own, &conf);
            node.proxy().seen("GET", "/pods/").len() == before
        });
        take_away(&node, &fault);
        let unknown = node.annotated_pod("unknown", &[]);

        node.add(&plain, &conf).good();

        let before = node.snapshot();
        let text = "error setting the networks status: ";
        node.add(&own, &conf).refused(11, &[text]);
        node.nothing_left(&before, &[]);
        // Not there yet is never not there.
        let text = "error getting k8s objects: get pod ";
        node.add(&unknown, &conf).refused(11, &[text]);
        node.del(&plain, &conf);
        let (status, text) = node.ask("/readyz").unwrap();
        assert_eq!(status, 200, "{text}");

        give_back(&node);
        node.add(&own, &conf).good();
        node.add(&unknown, &conf).good();
        assert_eq!(node.attachments_of(&own).len(), 2);
        assert_eq!(node.attachments_once(&unknown).len(), 1);
    }
}

#[test]
fn an_add_that_has_less_time_than_the_api_is_told_that_it_is_the_api() {
    let node = ThickNode::behind_proxy("thick-short", DAEMON, &json!({}));
    let _daemon = node.started();
    let mut conf = node.generated();
    conf["timeouts"] = json!({"add": "10s"});
    take_away(&node, &Fault::Hang);
    let unknown = node.annotated_pod("unknown", &[]);

    let text = "error getting k8s objects: get pod ";
    node.add(&unknown, &conf).refused(11, &[text]);
}

#[test]
fn what_passes_is_tried_again() {
    // Q71
    let node = node("thick-passing");
    // What the watch does not know is read: of a frozen one, everything.
    node.proxy().every("GET", "pods?", Fault::Stall);
    let _daemon = node.started();
    let conf = node.generated();
    let slow = Fault::Delay(Duration::from_millis(500));
    let faults = [
        ("slow", slow),
        ("closed", Fault::Close),
        ("lost", Fault::LoseAnswer),
        ("unauthorized", Fault::status(401, "Unauthorized")),
        ("busy", Fault::too_many(1)),
        ("broken", Fault::status(500, "InternalError")),
        ("away", Fault::status(503, "ServiceUnavailable")),
    ];
    for (name, fault) in faults {
        let pod = node.pod(name, "net-a");
        let proxy = node.proxy();
        proxy.next("GET", &format!("/pods/{name}"), [fault.clone()]);
        proxy.next("PATCH", &format!("/pods/{name}/status"), [fault]);

        node.add(&pod, &conf).good();

        assert_eq!(node.attachments_of(&pod).len(), 2, "{name}");
    }
}

#[test]
fn an_api_that_was_down_is_followed_again_without_a_restart() {
    let node = ThickNode::with_api_of_its_own("thick-down");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _daemon = node.started();
    let conf = node.generated();
    let plain = node.annotated_pod("plain", &[]);
    until_known(&node, 1);
    node.api.kill().unwrap();

    node.add(&plain, &conf).good();

    let (status, text) = node.ask("/readyz").unwrap();
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("[+]statuses: 1 to be written"), "{text}");
    node.api.restart().unwrap();
    assert_eq!(node.attachments_once(&plain).len(), 1);
    let later = pods(&node, &["later"]);
    node.add(&later[0], &conf).good();
    assert_eq!(node.attachments_of(&later[0]).len(), 2);
    until_known(&node, 2);
}

#[test]
fn what_is_refused_while_the_watches_go_on_stands_in_readyz_until_it_is_done_again() {
    // design: what the API does later stands in the body and in metrics only
    let node = node("thick-refused");
    let _daemon = node.started();
    let conf = node.generated();
    let pod = &pods(&node, &["web"])[0];
    for (verb, part) in [
        ("PATCH", "/status"),
        ("PUT", "/status"),
        ("POST", "/events"),
    ] {
        node.proxy()
            .every(verb, part, Fault::status(403, "Forbidden"));
    }

    let text = "error setting the networks status: write status of pod ";
    node.add(pod, &conf).refused(999, &[text, "403 Forbidden"]);

    let readyz = || node.ask("/readyz").unwrap_or_default();
    until("the event is refused too", || {
        readyz()
            .1
            .contains("\n[+]events: refused 0 s ago: post event")
    });
    let (status, text) = readyz();
    assert_eq!(status, 200, "{text}");
    let statuses = text.lines().find(|line| line.starts_with("[+]statuses: "));
    let statuses = statuses.unwrap_or_default();
    let begin = "[+]statuses: 0 to be written; refused ";
    assert!(statuses.starts_with(begin), "{text}");
    assert!(statuses.contains("403 Forbidden"), "{text}");
    let (_, series) = node.ask("/metrics").unwrap();
    let counted = "multus_api_refusals_total{resource=\"statuses\"} 1\n";
    assert!(series.contains(counted), "{series}");

    node.proxy().heal();
    node.add(pod, &conf).good();
    until("nothing is refused any more", || {
        let (status, text) = readyz();
        status == 200 && !text.contains("refused")
    });
}

#[test]
fn a_token_that_expires_is_read_again_from_its_file() {
    // B5.3, user-pain 48
    let node = node("thick-token");
    let api = &node.api;
    // The API takes a token until a minute after its end.
    let end = SystemTime::now() - Duration::from_secs(30);
    let short = api.token_until(&node.namespace, "multus", end).unwrap();
    let file = node.file("token", &short);
    let user = User::Token(short.clone());
    let (server, ca) = (node.url(), api.ca());
    let inline = Kubeconfig {
        server: &server,
        ca,
        user: &user,
    };
    let text = inline.to_yaml();
    let token = format!("token: {short}");
    assert!(text.contains(&token), "{text}");
    let named = text.replace(&token, &format!("tokenFile: {}", file.display()));
    fs::write(&node.kubeconfig, named).unwrap();
    let _daemon = node.started();
    let conf = node.generated();
    let first = node.pod("first", "net-a");
    node.add(&first, &conf).good();

    let client = Client::new(api.url(), ca, &user).unwrap();
    let path = format!("/api/v1/namespaces/{}/pods/first", node.namespace);
    until("the token is refused", || client.get(&path).is_err());
    fs::write(&file, node.token()).unwrap();

    let second = node.pod("second", "net-a");
    node.add(&second, &conf).good();
    assert_eq!(node.attachments_of(&second).len(), 2);
}
