//! Our shim with a daemon of upstream's, whose answers were recorded.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use suites::cluster::Pod;
use suites::recordings::{Recording, Response};
use suites::thick::ThickNode;

/// What was asked of it: `POST /cni` and the body.
type Asked = Arc<Mutex<Vec<(String, Value)>>>;

/// A daemon of upstream's, which gives these answers to ADD, DEL and STATUS.
fn upstream(node: &ThickNode, add: String, others: String) -> Asked {
    let listener = UnixListener::bind(node.socket()).unwrap();
    let asked = Asked::default();
    let book = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap(), &book, &add, &others);
        }
    });
    asked
}

fn serve(mut stream: UnixStream, book: &Asked, add: &str, others: &str) {
    let mut text = Vec::new();
    let (line, body) = loop {
        let mut piece = [0; 4096];
        let length = stream.read(&mut piece).unwrap();
        if length == 0 {
            return;
        }
        text.extend_from_slice(&piece[..length]);
        let read = String::from_utf8_lossy(&text);
        let Some((head, body)) = read.split_once("\r\n\r\n") else {
            continue;
        };
        let wanted = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        if body.len() == wanted.unwrap().parse::<usize>().unwrap() {
            let line = head.lines().next().unwrap().replace(" HTTP/1.0", "");
            break (line, serde_json::from_str(body).unwrap_or(Value::Null));
        }
    };
    let answer = match line.as_str() {
        "POST /cni" if body["env"]["CNI_COMMAND"] == "ADD" => add.to_owned(),
        "POST /cni" => others.to_owned(),
        "POST /readyz" => Response::recorded("http/GET_readyz").raw,
        _ => Response::recorded("http/GET_nonsense").raw,
    };
    book.lock().unwrap().push((line, body));
    stream.write_all(answer.as_bytes()).unwrap();
}

fn lines(asked: &Asked) -> Vec<String> {
    let asked = asked.lock().unwrap();
    let line = |(line, body): &(String, Value)| {
        let verb = body["env"]["CNI_COMMAND"].as_str().unwrap_or_default();
        format!("{line} {verb}").trim_end().to_owned()
    };
    asked.iter().map(line).collect()
}

/// The configuration that upstream's daemon generated, for the socket that is here.
fn conf(recording: &Recording, node: &ThickNode) -> Value {
    let add = recording.json("ADD.json");
    let mut conf: Value = serde_json::from_str(add["stdin"].as_str().unwrap()).unwrap();
    conf["daemonSocketDir"] = json!(node.run);
    conf["cniDir"] = json!(node.state);
    conf
}

/// The recorded pod.
fn pod(recording: &Recording, node: &ThickNode) -> Pod {
    let name = format!("thick-{}", recording.name());
    let mut pod = node.sandbox_of("vectors", &name, "u");
    pod.container.id = recording.variable("CNI_CONTAINERID");
    pod
}

fn good() -> String {
    Recording::thick("plain").exchanges("DEL")[1]
        .answer
        .raw
        .clone()
}

#[test]
fn what_upstreams_daemon_attached_is_told_to_the_runtime() {
    // B4.51, B6.20–B6.23, B6.30
    for name in [
        "plain",
        "short",
        "json",
        "many",
        "bandwidth",
        "default-override",
    ] {
        attached(&Recording::thick(name));
    }
    for name in ["plain", "short", "json", "many"] {
        attached(&Recording::newest(name));
    }
}

/// Upstream's daemon attaches the recorded pod for our shim, which prints what upstream's printed.
#[track_caller]
fn attached(recording: &Recording) {
    let name = recording.name();
    let node = ThickNode::new(&format!("foreign-{name}"));
    let exchange = recording.exchanges("ADD").pop().unwrap();
    let asked = upstream(&node, exchange.answer.raw, good());
    let (pod, conf) = (pod(recording, &node), conf(recording, &node));

    let printed = node.add(&pod, &conf).result();

    let recorded = recording.json("ADD.json");
    let recorded = recorded["stdout"].as_str().unwrap();
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    assert_eq!(printed, recorded, "{name}");
    assert_eq!(
        lines(&asked),
        ["POST /v1/plan", "POST /readyz", "POST /cni ADD"]
    );
    let (_, question) = asked.lock().unwrap().pop().unwrap();
    let variable = |name: &str| {
        question["env"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(variable("CNI_CONTAINERID"), pod.container.id);
    assert_eq!(variable("CNI_NETNS"), pod.container.netns);
    assert_eq!(variable("CNI_ARGS"), pod.container.args);
    assert_eq!(variable("CNI_IFNAME"), "eth0");
    assert!(!variable("PATH").is_empty());
    let config = BASE64.decode(question["config"].as_str().unwrap()).unwrap();
    assert_eq!(String::from_utf8(config).unwrap(), conf.to_string());
}

#[test]
fn what_upstreams_daemon_refuses_is_told_to_the_runtime() {
    // B6.27
    let recording = Recording::thick("missing");
    let node = ThickNode::new("foreign-refuses");
    let exchange = recording.exchanges("ADD").pop().unwrap();
    let asked = upstream(&node, exchange.answer.raw, good());
    let (pod, conf) = (pod(&recording, &node), conf(&recording, &node));

    let answer = node.add(&pod, &conf);

    answer.refused(
        999,
        &[
            "CNI request failed with status 400: 'error configuring pod [vectors/thick-missing] networking: ",
            "(nowhere)",
        ],
    );
    assert_eq!(lines(&asked).last().unwrap(), "POST /cni ADD");
}

#[test]
fn what_upstreams_daemon_attached_and_nobody_can_be_told_is_taken_back() {
    // Q8: a result without addresses has no form in 0.2.0
    let recording = Recording::thick("plain");
    let node = ThickNode::new("foreign-untold");
    let body = r#"{"Result":{"cniVersion":"1.1.0","interfaces":[{"name":"eth0"}]}}"#;
    let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}");
    let asked = upstream(&node, answer, good());
    let (pod, mut conf) = (pod(&recording, &node), conf(&recording, &node));
    conf["cniVersion"] = json!("0.2.0");

    node.add(&pod, &conf).refused(1, &["no valid IP addresses"]);

    assert_eq!(lines(&asked)[2..], ["POST /cni ADD", "POST /cni DEL"]);
}

#[test]
fn detaching_what_upstreams_daemon_attached_needs_no_daemon() {
    // B2.60–B2.72, B4.100: from its ledger
    let of_default_version = ["delfailing", "default-override", "bandwidth"];
    let of_both = ["plain", "short", "json", "many"];
    let recordings = of_both
        .into_iter()
        .chain(of_default_version)
        .map(Recording::thick)
        .chain(of_both.map(Recording::newest));
    for recording in recordings {
        let name = recording.name();
        let node = ThickNode::new(&format!("foreign-del-{name}"));
        node.replace_plugins(&["bridge", "macvlan", "tuning", "bandwidth", "canned"]);
        let asked = upstream(&node, good(), good());
        let (pod, mut conf) = (pod(&recording, &node), conf(&recording, &node));
        conf["binDir"] = json!(node.plugins);
        recording.place(&node);
        let ledger = recording.ledger();
        assert!(!ledger.as_array().unwrap().is_empty(), "{name}");
        let results = node.state.join("results");
        assert!(std::fs::read_dir(&results).unwrap().count() > 0, "{name}");

        node.call("DEL", &pod.container, &conf).silent();

        assert_eq!(std::fs::read_dir(&results).unwrap().count(), 0, "{name}");
        assert!(!node.state.join(&pod.container.id).exists(), "{name}");
        assert_eq!(lines(&asked), ["POST /v1/detached"], "{name}");
    }
}

#[test]
fn the_status_of_upstreams_daemon_is_the_nodes() {
    // B4.137
    let recording = Recording::thick("plain");
    let node = ThickNode::new("foreign-status");
    let asked = upstream(&node, good(), good());
    let (pod, mut conf) = (pod(&recording, &node), conf(&recording, &node));
    conf["cniVersion"] = json!("1.1.0");

    node.call("STATUS", &pod.container, &conf).silent();

    assert_eq!(
        lines(&asked),
        ["POST /v1/status", "POST /readyz", "POST /cni STATUS"]
    );
}
