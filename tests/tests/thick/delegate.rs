//! `/delegate`: one more network for a pod that runs already, as the dynamic networks controller asks for it.

use std::fs;
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use suites::cluster::Pod;
use suites::recordings::{Response, here, recorded_question, request};
use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::Signal;
use testkit::kube::DAEMON;
use testkit::proxy::Fault;

/// Asks as the controller does.
#[track_caller]
fn ask(node: &ThickNode, pod: &Pod, verb: &str, ifname: &str, network: &Value) -> Response {
    ask_with(node, pod, verb, ifname, network, json!({}))
}

#[track_caller]
fn ask_with(
    node: &ThickNode,
    pod: &Pod,
    verb: &str,
    ifname: &str,
    network: &Value,
    attributes: Value,
) -> Response {
    let mut question = question(pod, verb, ifname, network);
    question["interfaceAttributes"] = attributes;
    request(&node.socket(), "POST /delegate", &question.to_string())
}

fn question(pod: &Pod, verb: &str, ifname: &str, config: &Value) -> Value {
    let Pod {
        namespace,
        name,
        uid,
        container,
        ..
    } = pod;
    json!({
        "env": {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": container.id,
            "CNI_NETNS": container.netns,
            "CNI_IFNAME": ifname,
            "CNI_ARGS": format!("K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={name};K8S_POD_UID={uid}"),
        },
        "config": BASE64.encode(config.to_string()),
    })
}

/// Begins to ask for an attachment. Dropped, it goes away.
#[track_caller]
fn begin(node: &ThickNode, pod: &Pod, ifname: &str, network: &Value) -> UnixStream {
    let question = question(pod, "ADD", ifname, network).to_string();
    let mut stream = UnixStream::connect(node.socket()).unwrap();
    write!(
        stream,
        "POST /delegate HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\n\r\n{question}",
        question.len()
    )
    .unwrap();
    stream
}

/// A pod that is not there, in the sandbox of another one.
#[track_caller]
fn ghost(node: &ThickNode, pod: &Pod) -> Pod {
    Pod {
        sandbox: node.sandbox("ghost"),
        namespace: pod.namespace.clone(),
        name: "ghost".to_owned(),
        uid: pod.uid.clone(),
        container: pod.container.clone(),
    }
}

#[track_caller]
fn ledger(node: &ThickNode, pod: &Pod) -> Vec<String> {
    let ledger = node.ledger(&pod.container.id);
    let names = ledger.as_array().unwrap().iter();
    let ifname = |element: &Value| element["multusRs"]["ifname"].as_str().unwrap().to_owned();
    names.map(ifname).collect()
}

#[track_caller]
fn message(response: &Response) -> (u64, String) {
    assert_eq!(response.status, 400, "{}", response.raw);
    let error: Value = serde_json::from_str(&response.body).unwrap();
    let text = error["msg"].as_str().unwrap().to_owned();
    (error["code"].as_u64().unwrap(), text)
}

#[test]
fn a_pod_that_runs_gets_another_network_and_loses_it_again() {
    // B6.43, B6.44, Q10, Q64; the recorded requests of a controller
    let node = ThickNode::new("thick-hot");
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.annotated_pod("thick-hot", &[]);
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    let network = node.scripted("macvlan-a", "192.168.10.10/24");
    let question = |verb: &str| {
        let mut question = recorded_question(&format!("delegate/{verb}.request.json"));
        question["env"]["CNI_CONTAINERID"] = json!(pod.container.id);
        question["env"]["CNI_NETNS"] = json!(pod.container.netns);
        question["config"] = json!(BASE64.encode(network.to_string()));
        here(&node, &question.to_string()).replace("4571ed97-1b2d-4eea-b6f6-a7f38bc2516c", &pod.uid)
    };
    let hot = |verb: &str| request(&node.socket(), "POST /delegate", &question(verb));

    let added = hot("ADD");

    let recorded = Response::recorded("delegate/ADD");
    assert_eq!(added.status, recorded.status, "{}", added.raw);
    let result = |response: &Response| -> Value { serde_json::from_str(&response.body).unwrap() };
    let (ours, upstreams) = (result(&added), result(&recorded));
    assert_eq!(
        ours["Result"]["cniVersion"],
        upstreams["Result"]["cniVersion"]
    );
    assert_eq!(ours["Result"]["interfaces"][0]["name"], "hot0");
    assert_eq!(ours["Result"]["ips"][0]["address"], "192.168.10.10/24");
    assert_eq!(ledger(&node, &pod), ["eth0", "hot0"]);
    assert!(pod.sandbox.link("hot0").unwrap().is_some());
    let events = node.events_once(&pod, 2);
    assert!(
        events.contains(
            &"Normal AddedInterface Add hot0 [192.168.10.10/24] from macvlan-a".to_owned()
        )
    );
    // The controller writes the status itself.
    assert_eq!(node.attachments_of(&pod).len(), 1);
    assert_eq!(ask(&node, &pod, "CHECK", "hot0", &network).status, 200);
    // B4.129: an older network is well, and no plugin is asked
    for (endpoint, config) in [("POST /delegate", &network), ("POST /cni", &conf)] {
        let mut older = config.clone();
        older["cniVersion"] = json!("1.0.0");
        let asked = self::question(&pod, "STATUS", "hot0", &older).to_string();
        let answer = request(&node.socket(), endpoint, &asked);
        assert_eq!(answer.status, 200, "{endpoint}: {}", answer.raw);
    }
    let (code, text) = message(&hot("ADD"));
    assert_eq!(code, 4, "{text}");
    assert!(
        text.contains("interface name hot0 already exists"),
        "{text}"
    );

    for _ in 0..2 {
        let removed = hot("DEL");
        let recorded = Response::recorded("delegate/DEL");
        assert_eq!(
            (removed.status, &removed.body),
            (recorded.status, &recorded.body)
        );
        assert_eq!(ledger(&node, &pod), ["eth0"]);
    }
    assert!(pod.sandbox.link("hot0").unwrap().is_none());
    node.del(&pod, &conf);
    node.nothing_left(&before, &[]);
}

#[test]
fn what_fails_is_written_down_once_whoever_asked() {
    let node = ThickNode::new("thick-log-once");
    let mut broken = node.scripted("net-b", "10.1.0.3/24");
    broken["script"]["per_verb"] = json!({"ADD": {"fail": {"code": 100, "msg": "out of order"}}});
    node.define("net-b", &broken);
    let daemon = node.started();
    let conf = node.generated();
    for (name, network) in [("one", "net-b"), ("two", "nowhere")] {
        let pod = node.pod(name, network);
        let question = question(&pod, "ADD", "eth0", &conf).to_string();
        assert_eq!(request(&node.socket(), "POST /cni", &question).status, 400);
    }
    for (name, network) in [("three", "net-b"), ("four", "nowhere")] {
        node.add(&node.pod(name, network), &conf).error();
    }

    let log = daemon.stop().stderr_text();

    for name in ["one", "two", "three", "four"] {
        let pod = format!("[{}/{name}/", node.namespace);
        let failures = log
            .lines()
            .filter(|line| line.contains("[error]") && line.contains(&pod));
        assert_eq!(failures.count(), 1, "{name}: {log}");
    }
}

#[test]
fn what_is_asked_for_is_counted() {
    let node = ThickNode::new("delegate-counted");
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &node.generated()).good();
    let network = node.scripted("hot", "10.7.0.2/24");

    for verb in ["ADD", "CHECK", "DEL"] {
        assert_eq!(ask(&node, &pod, verb, "hot0", &network).status, 200);
    }
    assert_ne!(
        ask(&node, &ghost(&node, &pod), "ADD", "hot0", &network).status,
        200
    );

    let (_, text) = node.ask("/metrics").unwrap();
    for (operation, outcome, count) in [
        ("ADD", "success", 2),
        ("ADD", "failure", 1),
        ("CHECK", "success", 1),
        ("DEL", "success", 1),
    ] {
        let labels = format!("operation=\"{operation}\",outcome=\"{outcome}\"");
        let line = format!("multus_operations_total{{{labels}}} {count}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
    let runs = "multus_delegate_duration_seconds_count{network=\"hot\",operation=\"CHECK\"";
    assert!(text.contains(runs), "{text}");
}

#[test]
fn what_a_pod_got_later_goes_with_the_pod() {
    // Q64
    let node = ThickNode::new("thick-hot-pod");
    let _daemon = node.started();
    let conf = node.generated();
    let pod = node.annotated_pod("web", &[]);
    let before = node.snapshot();
    node.add(&pod, &conf).good();
    let network = node.scripted("lan", "10.1.0.2/24");
    assert_eq!(ask(&node, &pod, "ADD", "hot0", &network).status, 200);

    node.del(&pod, &conf);

    assert_eq!(node.calls()[2..], ["DEL lan hot0", "DEL cluster eth0"]);
    node.nothing_left(&before, &[]);
}

#[test]
fn what_is_asked_for_beside_the_network_reaches_its_plugin() {
    // B6.20, B6.43
    let node = ThickNode::new("thick-hot-asks");
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &node.generated()).good();
    let mut network = node.scripted("lan", "10.1.0.2/24");
    network["capabilities"] = json!({"mac": true, "ips": true});
    let attributes =
        json!({"mac": "02:00:00:00:00:07", "ips": ["10.1.0.7/24"], "cni-args": {"vlan": 7}});

    let answer = ask_with(&node, &pod, "ADD", "hot0", &network, attributes);

    assert_eq!(answer.status, 200, "{}", answer.raw);
    let calls = testkit::scripted::Recorder::new(node.record())
        .calls()
        .unwrap();
    let call = calls.last().unwrap();
    let config = call.config.clone().unwrap();
    assert_eq!(config["args"]["cni"], json!({"vlan": 7}));
    assert_eq!(
        config["runtimeConfig"],
        json!({"mac": "02:00:00:00:00:07", "ips": ["10.1.0.7/24"]})
    );
    let args = &call.cni["CNI_ARGS"];
    assert!(
        args.ends_with(";MAC=02:00:00:00:00:07;IP=10.1.0.7/24"),
        "{args}"
    );
    let bad = json!({"mac": "02"});
    let (code, text) = message(&ask_with(&node, &pod, "ADD", "hot1", &network, bad));
    assert!(
        code == 7 && text.contains("interfaceAttributes: "),
        "{text}"
    );
}

#[test]
fn what_fails_is_undone_and_told_with_its_code() {
    // B6.24, Q17
    let node = ThickNode::new("thick-hot-fails");
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    let conf = node.generated();
    node.add(&pod, &conf).good();
    let mut network = node.scripted("lan", "10.1.0.2/24");
    network["script"]["per_verb"] = json!({"ADD": {"fail": {"code": 100, "msg": "no"}}});

    let (code, text) = message(&ask(&node, &pod, "ADD", "hot0", &network));

    assert_eq!(code, 100, "{text}");
    assert!(
        text.contains("error adding container to network \"lan\""),
        "{text}"
    );
    assert_eq!(ledger(&node, &pod), ["eth0"]);
    let (code, text) = message(&ask(&node, &ghost(&node, &pod), "ADD", "hot0", &network));
    assert!(code == 11 && text.contains(" not found"), "{text}");
    let (code, text) = message(&ask(
        &node,
        &pod,
        "GC",
        "hot0",
        &json!({"cniVersion": "1.1.0", "name": "lan", "type": "scripted"}),
    ));
    assert!(code == 4 && text.contains("unknown cmd type: GC"), "{text}");
}

#[test]
fn one_who_goes_away_leaves_nothing_half_made() {
    // The ADD comes to its end, and is undone: nobody has its result.
    let node = ThickNode::new("thick-hot-gone");
    let _daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    let conf = node.generated();
    node.add(&pod, &conf).good();
    let go = node.world.directory().join("go");
    let mut network = node.scripted("lan", "10.1.0.2/24");
    network["script"]["per_verb"] = json!({"ADD": {"then_wait_for_file": go}});
    let asking = begin(&node, &pod, "hot0", &network);
    node.begun("lan", 1);
    drop(asking);
    assert_eq!(ledger(&node, &pod), ["eth0", "hot0"]);

    fs::write(&go, "").unwrap();

    until("it is undone", || ledger(&node, &pod) == ["eth0"]);
    assert!(pod.sandbox.link("hot0").unwrap().is_none());
    // And nobody else waited for it.
    let other = node.annotated_pod("other", &[]);
    answer(node.begin_add(&other, &conf)).good();
}

#[test]
fn a_daemon_that_is_asked_to_end_finishes_what_nobody_waits_for() {
    // B6.90
    let node = ThickNode::new("thick-hot-end");
    let daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &node.generated()).good();
    let go = node.world.directory().join("go");
    let mut network = node.scripted("lan", "10.1.0.2/24");
    network["script"]["per_verb"] = json!({"ADD": {"then_wait_for_file": go}});
    let asking = begin(&node, &pod, "hot0", &network);
    node.begun("lan", 1);
    drop(asking);

    daemon.0.signal(Signal::TERM).unwrap();
    until("the socket is gone", || !node.socket().exists());
    fs::write(&go, "").unwrap();

    let ended = daemon.0.wait().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr_text());
    assert_eq!(ledger(&node, &pod), ["eth0"]);
    assert!(pod.sandbox.link("hot0").unwrap().is_none());
}

#[test]
fn a_daemon_that_ends_at_once_does_so_without_a_fault_whatever_it_waits_for() {
    // B6.90
    let node = ThickNode::behind_proxy("thick-hot-abrupt", DAEMON, &json!({}));
    let daemon = node.started();
    let pod = node.annotated_pod("web", &[]);
    node.add(&pod, &node.generated()).good();
    node.proxy().every("GET", "/pods/ghost", Fault::Hang);
    let network = node.scripted("lan", "10.1.0.2/24");
    let _asking = begin(&node, &ghost(&node, &pod), "hot0", &network);
    until("the API is asked", || {
        !node.proxy().seen("GET", "/pods/ghost").is_empty()
    });

    daemon.0.signal(Signal::TERM).unwrap();
    until("the socket is gone", || !node.socket().exists());
    daemon.0.signal(Signal::TERM).unwrap();

    let ended = daemon.0.wait().unwrap();
    let text = ended.stderr_text();
    assert_eq!(ended.status.code(), Some(0), "{text}");
    assert!(text.contains("ending at once"), "{text}");
}
