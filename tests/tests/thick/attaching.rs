//! Pods get the networks that they ask for, and everybody is told, as with the thin plugin.

use std::sync::{Arc, Barrier};

use serde_json::json;
use suites::multus::{Answer, program};
use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::kube::DAEMON;
use testkit::proxy::Fault;

const SOME_UID: &str = "00000000-1111-2222-3333-444444444444";

/// The way of a pod from ADD to a second DEL.
#[track_caller]
fn gets_its_networks(name: &str, annotation: &str, ifname: &str) {
    let node = ThickNode::new(name);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.pod("web", annotation);
    let before = node.snapshot();

    let result = node.add(&pod, &conf).result();

    assert_eq!(result["ips"][0]["address"], "10.9.0.2/24", "{result}");
    for (link, address) in [("eth0", "10.9.0.2"), (ifname, "10.1.0.2")] {
        let found = pod.sandbox.addresses_of(link).unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, [address]);
    }
    let namespace = &node.namespace;
    let name = |name: &str, ifname: &str| (name.to_owned(), ifname.to_owned());
    assert_eq!(
        node.attachments_of(&pod),
        [
            name("cluster", "eth0"),
            name(&format!("{namespace}/net-a"), ifname)
        ]
    );
    let mut events = [
        "Normal AddedInterface Add eth0 [10.9.0.2/24] from cluster".to_owned(),
        format!("Normal AddedInterface Add {ifname} [10.1.0.2/24] from {namespace}/net-a"),
    ];
    events.sort();
    assert_eq!(node.events_once(&pod, 2), events);
    node.call("CHECK", &pod.container, &conf).silent();
    node.status_call(&pod, &conf).silent();

    for _ in 0..2 {
        node.del(&pod, &conf);
        node.nothing_left(&before, &[]);
    }
}

#[test]
fn a_pod_gets_its_networks_in_the_short_form() {
    gets_its_networks("thick-short", "net-a@data0", "data0");
}

#[test]
fn a_pod_gets_its_networks_in_the_json_form() {
    gets_its_networks("thick-json", r#"[{"name": "net-a"}]"#, "net1");
}

#[test]
fn an_attachment_asks_the_api_for_nothing_that_the_watches_know() {
    // B6.160; no API read in the steady state
    let node = ThickNode::new("thick-reads");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.pod("web", "net-a");
    // A watch tells of a new object soon, but nobody knows when.
    until("nothing is read", || {
        let before = node.requests().len();
        node.add(&pod, &conf).good();
        node.del(&pod, &conf);
        let asked = node.requests();
        let is_read = |line: &&String| line.starts_with("get ");
        let reads = asked.iter().skip(before).filter(is_read).count();
        reads == 0
    });
    let patches = |line: &&String| line.starts_with("patch pods/status web 200");
    assert!(node.requests().iter().filter(patches).count() > 0);
}

#[test]
fn definitions_that_the_watch_lacks_are_read_beside_each_other() {
    // Q31
    let node = ThickNode::behind_proxy("thick-beside", DAEMON, &json!({}));
    node.proxy()
        .every("GET", "definitions?watch=true", Fault::Stall);
    let _daemon = node.started();
    let networks = ["net-a", "net-b", "net-c", "net-d"];
    for name in networks {
        node.define(name, &node.scripted(name, "10.1.0.2/24"));
    }
    // None is answered before all are asked for.
    let all = Arc::new(Barrier::new(networks.len()));
    let meet = Fault::after(move || {
        all.wait();
    });
    node.proxy().every("GET", "definitions/net-", meet);
    let pod = node.pod("web", &networks.join(","));

    node.add(&pod, &node.generated()).good();

    assert_eq!(node.attachments_of(&pod).len(), 5);
}

#[test]
fn a_pod_that_the_api_does_not_know_gets_the_empty_result() {
    // B4.24
    let node = ThickNode::new("thick-ghost");
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.sandbox_of(&node.namespace, "ghost", SOME_UID);

    let result = node.add(&pod, &conf).result();

    assert_eq!(result["ips"][0]["address"], "0.0.0.0/0", "{result}");
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn a_sandbox_of_an_earlier_pod_of_the_same_name_is_refused() {
    // B4.14, Q24
    let node = ThickNode::new("thick-earlier");
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.annotated_pod("web", &[]);
    let args = pod.container.args.replace(&pod.uid, SOME_UID);
    let container = pod.container.clone().with_args(&args);

    let answer = node.call("ADD", &container, &conf);

    let text = format!(
        "expected pod UID \"{SOME_UID}\" but got \"{}\" from Kube API",
        pod.uid
    );
    answer.refused(11, &["Multus: [", &text]);
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn a_definition_that_does_not_exist_is_told_as_the_thin_plugin_tells_it() {
    // B4.2, B7.21
    let node = ThickNode::new("thick-missing");
    let _daemon = node.started();
    let pod = node.pod("web", "nope");
    let thin = node.begin(&program("multus"), "ADD", &pod, &node.scripted_conf());
    let thin = answer(thin).error();
    let before = node.snapshot();

    let thick = node.add(&pod, &node.generated()).error();

    assert_eq!(thick, thin);
    node.nothing_done(&before, &pod);
    // One of each: the daemon's comes behind.
    let events = node.events_once(&pod, 2);
    assert_eq!(events[0], events[1]);
    assert!(
        events[0].starts_with("Warning NoNetworkFound cannot find"),
        "{events:?}"
    );
}

#[test]
fn a_network_that_fails_undoes_the_others_and_the_pod_is_told_why() {
    let node = ThickNode::new("thick-fails");
    let mut network = node.scripted("net-a", "10.1.0.2/24");
    network["script"]["per_verb"] = json!({"ADD": {"fail": {"code": 100, "msg": "no"}}});
    node.define("net-a", &network);
    let _daemon = node.started();
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();

    let answer: Answer = node.add(&pod, &node.generated());

    answer.refused(100, &["error adding container to network \"net-a\""]);
    node.nothing_done(&before, &pod);
    let events = node.events_once(&pod, 1);
    assert!(
        events[0].starts_with("Warning FailedAttachment error adding container"),
        "{events:?}"
    );
}

#[test]
fn an_optional_network_that_fails_is_told_beside_the_status() {
    let node = ThickNode::new("thick-optional");
    let mut network = node.scripted("net-a", "10.1.0.2/24");
    network["script"]["per_verb"] = json!({"ADD": {"fail": {"code": 100, "msg": "no"}}});
    node.define("net-a", &network);
    let _daemon = node.started();
    let pod = node.pod("web", r#"[{"name": "net-a", "optional": true}]"#);

    node.add(&pod, &node.generated()).good();

    assert_eq!(node.attachments_of(&pod).len(), 1);
    let client = node.api.client();
    let failures = client.annotation(&node.namespace, "web", "multus-cni.io/network-failures");
    assert!(failures.unwrap().contains("network \"net-a\""));
    assert_eq!(node.events_once(&pod, 2).len(), 2);
}
