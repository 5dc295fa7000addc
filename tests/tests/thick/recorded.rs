//! What upstream's shim asked, asked of our daemon: its answers, and what became of the pods.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use suites::cluster::{NETWORK_STATUS, Pod};
use suites::recordings::{
    Exchange, PODS, REFUSED, Recording, Response, definitions, here, request, without_gateways,
};
use suites::scene::{names, until};
use suites::thick::{Daemon, ThickNode};
use testkit::scripted::SCRIPTS;

/// A node with the recorded definitions, the recorded primary and plugins of the recorded names.
pub(crate) struct Recorded {
    pub(crate) node: ThickNode,
    scripts: PathBuf,
    _daemon: Daemon,
}

impl Recorded {
    #[track_caller]
    pub(crate) fn new(name: &str, version: &str) -> Self {
        let node = ThickNode::without_primary(name, &json!({"cniVersion": version}));
        for (name, config) in definitions() {
            node.define(&name, &config);
        }
        let plugins = ["bridge", "macvlan", "tuning", "bandwidth", "canned"];
        node.replace_plugins(&plugins);
        let cached = Recording::thick("plain").cached();
        let primary = cached.values().next().unwrap()["config"].as_str().unwrap();
        let primary = BASE64.decode(primary).unwrap();
        fs::write(node.primaries.join("10-cluster.conflist"), primary).unwrap();
        let scripts = node.file("scripts", "{}");
        let daemon = node.start_with(&[(SCRIPTS, &scripts)]);
        node.until_ready();
        Self {
            node,
            scripts,
            _daemon: daemon,
        }
    }

    /// The recorded pod, and its plugins' answers from now on.
    #[track_caller]
    pub(crate) fn pod(&self, recording: &Recording) -> Pod {
        let recorded = recording.json("pod.json");
        let own = recorded["metadata"]["annotations"].as_object().unwrap();
        let asked = own.iter().filter(|(key, _)| *key != NETWORK_STATUS);
        let asked: Vec<(String, String)> = asked
            .map(|(key, text)| (key.clone(), here(&self.node, text.as_str().unwrap())))
            .collect();
        let asked: Vec<(&str, &str)> = asked.iter().map(|(key, text)| (&**key, &**text)).collect();
        let name = recorded["metadata"]["name"].as_str().unwrap();
        let mut pod = self.node.annotated_pod(name, &asked);
        pod.container.id = recording.variable("CNI_CONTAINERID");
        let scripts = recording.scripts(&pod.container.netns);
        fs::write(&self.scripts, scripts.to_string()).unwrap();
        pod
    }

    /// A recorded text for this node: the namespace, the sandbox, the pod.
    pub(crate) fn text(&self, recording: &Recording, pod: &Pod, text: &str) -> String {
        let recorded = recording.json("pod.json");
        let uid = recorded["metadata"]["uid"].as_str().unwrap();
        here(&self.node, text)
            .replace(&recording.variable("CNI_NETNS"), &pod.container.netns)
            .replace(uid, &pod.uid)
    }

    /// The recorded body of a request, for this node.
    pub(crate) fn question(&self, recording: &Recording, pod: &Pod, exchange: &Exchange) -> String {
        let text = self.text(recording, pod, &exchange.question);
        self.config_here(&text)
    }

    /// A recorded body whose configuration names this node's primary.
    pub(crate) fn config_here(&self, text: &str) -> String {
        let mut question: Value = serde_json::from_str(text).unwrap();
        if let Some(config) = question["config"].as_str() {
            let config = BASE64.decode(config).unwrap();
            let primary = self.node.primaries.join("10-cluster.conflist");
            let config = String::from_utf8(config).unwrap();
            let config = config.replace(
                "/etc/cni/net.d/10-cluster.conflist",
                primary.to_str().unwrap(),
            );
            question["config"] = json!(BASE64.encode(config));
        }
        question.to_string()
    }

    /// Asks everything that was asked for a verb; each answer beside the recorded one.
    #[track_caller]
    pub(crate) fn replay(
        &self,
        recording: &Recording,
        pod: &Pod,
        verb: &str,
    ) -> Vec<(Response, Response)> {
        let exchanges = recording.exchanges(verb);
        assert!(!exchanges.is_empty());
        let answered = exchanges.iter().map(|exchange| {
            let question = self.question(recording, pod, exchange);
            let ours = exchange.ask(&self.node.socket(), &question);
            (ours, exchange.answer.clone())
        });
        answered.collect()
    }

    /// The ledger is upstream's scratch file: the same networks with the same configurations and requests, in the same order.
    #[track_caller]
    pub(crate) fn same_ledger(&self, recording: &Recording, pod: &Pod) {
        let comparable = |ledger: &Value| -> Vec<Value> {
            let mut elements = ledger.as_array().unwrap().clone();
            for element in &mut elements {
                element.as_object_mut().unwrap().remove("multusRs");
                let bytes = BASE64.decode(element["Bytes"].as_str().unwrap()).unwrap();
                element["Bytes"] = serde_json::from_slice(&bytes).unwrap();
                // Of a list from a file upstream's has neither name nor version, of one in a definition it has both.
                if element["ConfList"]["plugins"].is_array() {
                    element["Conf"] = Value::Null;
                }
                // Q11: a gateway of one family leaves the other alone.
                element["IsFilterV6Gateway"] = json!(false);
            }
            elements
        };
        let recorded = here(&self.node, &recording.ledger().to_string());
        let recorded = serde_json::from_str(&recorded).unwrap();
        let ours = self.node.ledger(&pod.container.id);
        assert_eq!(comparable(&ours), comparable(&recorded), "{}", pod.name);
    }

    #[track_caller]
    fn recorded_events(&self, recording: &Recording) -> Vec<String> {
        let events = recording.json("events.json");
        let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        let line = |event: &Value| {
            let message = here(&self.node, &text(event, "message"));
            let (kind, reason) = (text(event, "type"), text(event, "reason"));
            format!("{kind} {reason} {message}")
        };
        let mut lines: Vec<String> = events.as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    }
}

/// Both connections end, and there is a date only where there is a clock for it.
#[track_caller]
pub(crate) fn same_head(ours: &Response, recorded: &Response, but: &[&str]) {
    let kept = |response: &Response| -> Vec<String> {
        let lines = response.headers.iter();
        let own = |line: &&String| {
            !line.starts_with("date: ") && !but.iter().any(|other| line.starts_with(other))
        };
        lines.filter(own).cloned().collect()
    };
    assert_eq!(ours.status, recorded.status, "{}", ours.raw);
    assert_eq!(kept(ours), kept(recorded));
}

#[test]
fn every_recorded_request_of_upstreams_shim_is_answered_as_by_upstream() {
    // B6.10–B6.14, B6.20–B6.23, B6.30, B6.40–B6.42
    let all = Recorded::new("thick-recorded", "0.3.1");
    let node = &all.node;
    for name in PODS.into_iter().filter(|name| *name != "failing") {
        let recording = Recording::thick(name);
        let pod = all.pod(&recording);
        for (ours, upstreams) in all.replay(&recording, &pod, "ADD") {
            if upstreams.body.is_empty() {
                // Ours says how each part does.
                assert_eq!(ours.status, upstreams.status, "{}", ours.raw);
                continue;
            }
            // B6.14: upstream's type is sniffed.
            same_head(&ours, &upstreams, &["content-type: ", "content-length: "]);
            let expected = all.text(&recording, &pod, &upstreams.body);
            if name == "json" {
                // Q3: the default route moved, and the result says so.
                let ours: Value = serde_json::from_str(&ours.body).unwrap();
                let upstreams: Value = serde_json::from_str(&expected).unwrap();
                assert_eq!(ours["Result"]["ips"], upstreams["Result"]["ips"]);
            } else {
                assert_eq!(ours.body, expected, "{name}");
            }
        }
        all.same_ledger(&recording, &pod);
        until("the status is there", || !node.status_of(&pod).is_empty());
        let status: Value = serde_json::from_str(&node.status_of(&pod)).unwrap();
        let recorded = recording.json("pod.json");
        let recorded = recorded["metadata"]["annotations"][NETWORK_STATUS].as_str();
        let recorded = serde_json::from_str(&here(node, recorded.unwrap())).unwrap();
        assert_eq!(
            without_gateways(status),
            without_gateways(recorded),
            "{name}"
        );
        let recorded = all.recorded_events(&recording);
        assert_eq!(node.events_once(&pod, recorded.len()), recorded, "{name}");

        for verb in ["DEL", "DEL-again"] {
            let answers = all.replay(&recording, &pod, verb);
            let [(health, healthy), (ours, upstreams)] = answers.as_slice() else {
                panic!("{verb} is two questions");
            };
            same_head(health, healthy, &[]);
            if name == "delfailing" {
                assert!(upstreams.body.contains("switch unreachable"));
                let error: Value = serde_json::from_str(&ours.body).unwrap();
                let text = error["msg"].as_str().unwrap();
                assert_eq!((ours.status, &error["code"]), (400, &json!(999)));
                assert!(
                    text.contains("network \"del-fails\", interface net2"),
                    "{text}"
                );
                assert!(text.contains("switch unreachable"), "{text}");
            } else {
                same_head(ours, upstreams, &[]);
                assert_eq!(ours.body, "", "{name}");
                assert!(!node.state.join(&pod.container.id).exists(), "{name}");
            }
        }
    }
}

#[test]
fn every_recorded_pod_that_upstream_refused_is_refused_with_a_code() {
    // B6.24, B6.25, Q17
    let all = Recorded::new("thick-refusals", "0.3.1");
    let node = &all.node;
    let before = names(&node.state);
    let elsewhere =
        "cannot find a network-attachment-definition (macvlan-a) in namespace (kube-system)";
    let nowhere = format!(
        "cannot find a network-attachment-definition (nowhere) in namespace ({})",
        node.namespace
    );
    for (name, code, text) in [
        (REFUSED[0], 7, nowhere.as_str()),
        (REFUSED[1], 7, elsewhere),
        ("failing", 11, "no address left"),
    ] {
        let recording = Recording::thick(name);
        let pod = all.pod(&recording);
        let answers = all.replay(&recording, &pod, "ADD");
        let (ours, upstreams) = answers.last().unwrap();
        assert_eq!((ours.status, upstreams.status), (400, 400));
        let recorded = all.text(&recording, &pod, &upstreams.body);
        assert!(recorded.contains(text), "{recorded}");
        let error: Value = serde_json::from_str(&ours.body).unwrap();
        let said = error["msg"].as_str().unwrap();
        assert!(said.contains(text) && said.contains(&pod.uid), "{said}");
        assert_eq!(error["code"], code, "{said}");
        for verb in ["DEL", "DEL-again"] {
            let answers = all.replay(&recording, &pod, verb);
            assert!(answers.iter().all(|(ours, _)| ours.status == 200));
        }
        assert_eq!(node.status_of(&pod), "", "{name}");
        assert_eq!(names(&node.state), before);
    }
}

#[test]
fn plain_http_is_answered_as_by_upstream() {
    // B6.10, B6.12, B6.24
    let node = ThickNode::new("thick-http");
    let _daemon = node.started();
    let ask = |asked: &str, question: &str| request(&node.socket(), asked, question);
    for (asked, name) in [
        ("GET /healthz", "http/GET_healthz"),
        ("GET /cni", "http/GET_cni"),
        ("GET /nonsense", "http/GET_nonsense"),
        ("GET /", "http/GET_"),
    ] {
        let (ours, recorded) = (ask(asked, ""), Response::recorded(name));
        same_head(&ours, &recorded, &[]);
        assert_eq!(ours.body, recorded.body, "{asked}");
    }
    let (ours, recorded) = (
        ask("POST /cni", "{}"),
        Response::recorded("http/POST_cni_empty_object"),
    );
    same_head(&ours, &recorded, &[]);
    assert_eq!(ours.body, recorded.body);
    let (ours, recorded) = (
        ask("POST /cni", "\"no object\""),
        Response::recorded("http/POST_cni_bad_json"),
    );
    same_head(&ours, &recorded, &["content-length: "]);
    // The words are each decoder's own.
    assert!(!ours.body.trim().is_empty() && !recorded.body.trim().is_empty());
    for asked in ["PUT /healthz", "DELETE /readyz", "PUT /delegate"] {
        assert_eq!(ask(asked, "").status, 405, "{asked}");
    }
    // Ours has a line for each part.
    assert_eq!(
        ask("GET /readyz", "").status,
        Response::recorded("http/GET_readyz").status
    );
}
