//! The network status: on the pod before its ADD ends, and behind where the pod has no networks of its own.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use suites::cluster::{NETWORK_STATUS, Pod};
use suites::scene::until;
use suites::thick::ThickNode;
use testkit::Signal;
use testkit::apiserver::ApiServer;
use testkit::kube::{DAEMON, Rule, UPSTREAMS_MANIFEST};
use testkit::proxy::Fault;

const WRITES: &str = "/status";

fn node(name: &str, rights: &[Rule]) -> ThickNode {
    ThickNode::behind_proxy(name, rights, &json!({}))
}

/// What the pod's ledger owes.
fn owed(node: &ThickNode, pod: &Pod) -> Value {
    node.ledger(&pod.container.id)[0]["multusRs"]["container"]["owedStatus"].clone()
}

#[track_caller]
fn until_nothing_is_owed(node: &ThickNode, pod: &Pod) {
    until("nothing is owed", || owed(node, pod).is_null());
}

#[track_caller]
fn until_the_daemon_owes(node: &ThickNode, count: usize) {
    let line = format!("[+]statuses: {count} to be written");
    until(&line, || {
        node.ask("/readyz")
            .is_some_and(|(_, text)| text.contains(&line))
    });
}

/// The API answers as it should again, at once.
fn heal(node: &ThickNode) {
    node.proxy().heal();
    node.proxy().hang_up();
}

#[test]
fn a_pod_with_the_cluster_network_alone_does_not_wait_for_its_status() {
    let node = node("behind", DAEMON);
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    node.proxy().every("PATCH", WRITES, Fault::Hang);

    node.add(&pod, &node.generated()).good();

    assert_eq!(node.status_of(&pod), "");
    assert!(owed(&node, &pod).as_str().unwrap().contains("10.9.0.2"));
    until_the_daemon_owes(&node, 1);
    // An event is sent once, and what follows breaks connections.
    assert_eq!(node.events_once(&pod, 1).len(), 1);
    heal(&node);
    let attachment = ("cluster".to_owned(), "eth0".to_owned());
    assert_eq!(node.attachments_once(&pod), [attachment]);
    until_nothing_is_owed(&node, &pod);
    until_the_daemon_owes(&node, 0);
    let requests = node.requests();
    let writes = requests.iter().filter(|line| line.contains("pods/status"));
    assert_eq!(writes.collect::<Vec<_>>(), ["patch pods/status web 200"]);
}

#[test]
fn a_pod_with_networks_of_its_own_is_not_attached_without_its_status() {
    let keys = json!({"timeouts": {"api": "5s"}});
    let node = ThickNode::behind_proxy("before", DAEMON, &keys);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _daemon = node.started();
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();
    node.proxy().every("PATCH", WRITES, Fault::Hang);

    let answer = node.add(&pod, &node.generated());

    answer.refused(11, &["error setting the networks status: ", "no answer"]);
    node.nothing_done(&before, &pod);
}

#[test]
fn what_a_killed_daemon_owes_its_successor_writes() {
    let node = node("behind-killed", DAEMON);
    let daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    node.proxy().every("PATCH", WRITES, Fault::Hang);
    node.add(&pod, &node.generated()).good();
    daemon.kill();
    heal(&node);
    assert_eq!(node.status_of(&pod), "");

    let _successor = node.start();

    assert_eq!(node.attachments_once(&pod).len(), 1);
    until_nothing_is_owed(&node, &pod);
}

#[test]
fn a_daemon_that_is_gone_at_the_end_of_an_add_costs_a_pod_without_networks_nothing() {
    let node = node("behind-gone", DAEMON);
    let mut primary = node.scripted("cluster", "10.9.0.2/24");
    let go = node.world.directory().join("go");
    primary["script"]["per_verb"] = json!({"ADD": {"wait_for_file": go}});
    std::fs::write(node.primaries.join("10-cluster.conf"), primary.to_string()).unwrap();
    let daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    let add = node.begin_add(&pod, &node.generated());
    node.begun("cluster", 1);
    daemon.kill();
    std::fs::write(go, "").unwrap();

    suites::thick::answer(add).good();

    let _successor = node.start();
    assert_eq!(node.attachments_once(&pod).len(), 1);
}

#[test]
fn a_daemon_that_hangs_at_the_end_of_an_add_costs_a_pod_without_networks_nothing() {
    let node = node("behind-hangs", DAEMON);
    let mut primary = node.scripted("cluster", "10.9.0.2/24");
    let go = node.world.directory().join("go");
    primary["script"]["per_verb"] = json!({"ADD": {"wait_for_file": go}});
    std::fs::write(node.primaries.join("10-cluster.conf"), primary.to_string()).unwrap();
    let daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    let mut conf = node.generated();
    conf["timeouts"] = json!({"add": "120s"});
    let add = node.begin_add(&pod, &conf);
    node.begun("cluster", 1);
    daemon.0.signal(Signal::STOP).unwrap();
    let start = Instant::now();
    std::fs::write(go, "").unwrap();

    suites::thick::answer(add).good();

    // Not until the end of the ADD's time.
    assert!(
        start.elapsed() < Duration::from_secs(45),
        "{:?}",
        start.elapsed()
    );
    assert!(owed(&node, &pod).is_string());
    daemon.kill();
    let _successor = node.start();
    assert_eq!(node.attachments_once(&pod).len(), 1);
}

#[test]
fn what_somebody_else_wrote_meanwhile_stays() {
    for (rights, verb) in [(DAEMON, "PATCH"), (UPSTREAMS_MANIFEST, "PUT")] {
        let node = node("behind-other", rights);
        let _daemon = node.started();
        let pod = node.annotated_pod("web", &[]);
        node.proxy().next(verb, WRITES, [Fault::Hang]);
        node.add(&pod, &node.generated()).good();
        until("it is tried", || {
            !node.proxy().seen(verb, WRITES).is_empty()
        });

        let path = format!("/api/v1/namespaces/{}/pods/web/status", node.namespace);
        let other =
            json!({"metadata": {"annotations": {NETWORK_STATUS: "[{\"name\": \"other\"}]"}}});
        node.api.client().patch(&path, &other).unwrap();
        heal(&node);

        until_nothing_is_owed(&node, &pod);
        assert_eq!(node.status_of(&pod), "[{\"name\": \"other\"}]");
    }
}

#[test]
fn a_pod_that_others_change_gets_its_status_all_the_same() {
    let node = node("behind-conflict", DAEMON);
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    let path = format!("/api/v1/namespaces/{}/pods/web", node.namespace);
    let label = json!({"metadata": {"labels": {"changed": "yes"}}});
    let api = ApiServer::shared().unwrap().client();
    let of_pod = path.clone();
    let changes = Fault::after(move || drop(api.patch(&of_pod, &label)));
    node.proxy().next("PATCH", WRITES, [changes]);

    node.add(&pod, &node.generated()).good();

    assert_eq!(node.attachments_once(&pod).len(), 1);
    assert_eq!(
        api.get(&path).unwrap()["metadata"]["labels"]["changed"],
        "yes"
    );
}

#[test]
fn where_patching_is_forbidden_it_is_an_update() {
    let node = node("behind-update", UPSTREAMS_MANIFEST);
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);

    node.add(&pod, &node.generated()).good();

    assert_eq!(node.attachments_once(&pod).len(), 1);
    until_nothing_is_owed(&node, &pod);
}

#[test]
fn a_sandbox_that_was_replaced_owes_nothing_any_more() {
    let node = node("behind-replaced", DAEMON);
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.annotated_pod("web", &[]);
    node.proxy().next("PATCH", WRITES, [Fault::Hang]);
    node.add(&pod, &conf).good();
    until("it is tried", || {
        !node.proxy().seen("PATCH", WRITES).is_empty()
    });

    let sandbox = node.sandbox("second");
    let mut second = suites::multus::Container::new(&sandbox).with_args(&pod.container.args);
    second.ifname = "eth9".to_owned();
    node.call("ADD", &second, &conf).good();
    let newest = [("cluster".to_owned(), "eth9".to_owned())];
    assert_eq!(node.attachments_of(&pod), newest);
    heal(&node);

    until_the_daemon_owes(&node, 0);
    assert_eq!(node.attachments_of(&pod), newest);
}

#[test]
fn a_pod_that_is_detached_or_deleted_owes_nothing_any_more() {
    let node = node("behind-detached", DAEMON);
    let _daemon = node.started();
    let conf = node.generated();
    let (detached, deleted) = (
        node.annotated_pod("one", &[]),
        node.annotated_pod("two", &[]),
    );
    node.proxy().every("PATCH", WRITES, Fault::Hang);
    node.add(&detached, &conf).good();
    node.add(&deleted, &conf).good();
    node.del(&detached, &conf);
    node.api
        .client()
        .delete_pod(&node.namespace, "two")
        .unwrap();
    heal(&node);

    until_the_daemon_owes(&node, 0);
    assert_eq!(node.status_of(&detached), "");
    node.del(&deleted, &conf);
}
