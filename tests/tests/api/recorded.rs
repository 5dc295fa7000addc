//! Every call that upstream was recorded with, again, over a real API: exit, result, error, status, events.

use std::fs;

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, NETWORK_STATUS, Pod};
use suites::multus::{Answer, Container};
use suites::recordings::{PODS, REFUSED, Recording, definitions, here, without_gateways};
use testkit::scripted::{self, SCRIPTS};

/// A recorded pod, on a node whose plugins answer as the real ones did.
struct Again<'a> {
    node: &'a ClusterNode,
    recording: Recording,
    pod: Pod,
    container: Container,
}

impl<'a> Again<'a> {
    fn new(node: &'a ClusterNode, name: &str) -> Self {
        let recording = Recording::of(name);
        let recorded = recording.json("pod.json");
        let own = recorded["metadata"]["annotations"].as_object().unwrap();
        let asked = own.iter().filter(|(key, _)| *key != NETWORK_STATUS);
        let asked: Vec<(String, String)> = asked
            .map(|(key, text)| (key.clone(), here(node, text.as_str().unwrap())))
            .collect();
        let asked: Vec<(&str, &str)> = asked.iter().map(|(key, text)| (&**key, &**text)).collect();
        let pod = node.annotated_pod(&format!("thin-{name}"), &asked);
        let mut container = recording.container(pod.sandbox.path());
        let uid = recorded["metadata"]["uid"].as_str().unwrap();
        container.args = here(node, &container.args).replace(uid, &pod.uid);
        let again = Self {
            node,
            recording,
            pod,
            container,
        };
        let file = node.file(
            &format!("scripts-{name}"),
            again.recording.scripts(&again.container.netns).to_string(),
        );
        let container = again
            .container
            .clone()
            .with_variable(SCRIPTS, file.to_str().unwrap());
        Self { container, ..again }
    }

    /// A recorded text with the sandbox that is here.
    fn in_sandbox(&self, text: &str) -> String {
        text.replace(&self.recording.variable("CNI_NETNS"), &self.container.netns)
    }

    fn call(&self, verb: &str) -> Answer {
        let file = if verb == "DEL-again" { "DEL" } else { verb };
        let mut conf = self.recording.conf_over_api(verb, self.node);
        self.node.let_plan(&mut conf);
        // What upstream's does in any case.
        conf["retryDeleteOnError"] = json!(true);
        conf["binDir"] = json!(self.node.world.directory().join("recorded-bin"));
        self.node.call(file, &self.container, &conf)
    }

    /// What upstream said: exit status and output.
    fn recorded(&self, verb: &str) -> (i64, String) {
        let request = self.recording.json(&format!("{verb}.json"));
        let output = request["stdout"].as_str().unwrap();
        (request["exit"].as_i64().unwrap(), self.in_sandbox(output))
    }

    /// The recorded status, for this namespace.
    fn recorded_status(&self) -> Value {
        let pod = self.recording.json("pod.json");
        let text = pod["metadata"]["annotations"][NETWORK_STATUS].as_str();
        serde_json::from_str(&here(self.node, text.unwrap_or("null"))).unwrap()
    }

    /// The recorded events, for this namespace, sorted.
    fn recorded_events(&self) -> Vec<String> {
        let events = self.recording.json("events.json");
        let text = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        let line = |event: &Value| {
            let message = here(self.node, &text(event, "message"));
            format!(
                "{} {} {message}",
                text(event, "type"),
                text(event, "reason")
            )
        };
        let mut lines: Vec<String> = events.as_array().unwrap().iter().map(line).collect();
        lines.sort();
        lines
    }
}

/// A node with the recorded definitions and with plugins of the recorded names.
fn node(name: &str) -> ClusterNode {
    let node = ClusterNode::new(name);
    for (name, config) in definitions() {
        node.define(&name, &config);
    }
    let plugins = node.world.folder("recorded-bin").unwrap();
    let names = ["bridge", "macvlan", "tuning", "bandwidth", "canned"];
    scripted::install(&plugins, &names).unwrap();
    node
}

#[test]
fn every_recorded_pod_that_upstream_attached_ends_the_same() {
    // B4.20–B4.29, B4.50, B4.100–B4.110, B4.135, B7.10–B7.25
    let node = node("recorded");
    for name in PODS.into_iter().filter(|name| *name != "failing") {
        let again = Again::new(&node, name);
        let (_, output) = again.recorded("ADD");
        let printed = again.call("ADD").good().0.stdout_text();
        if name == "default-override" {
            // B4.50: upstream prints the version of the network, 0.3.1, to a runtime that asked for another one.
            let printed: Value = serde_json::from_str(&printed).unwrap();
            assert_eq!(printed["cniVersion"], "1.0.0");
            assert_eq!(printed["ips"][0]["address"], "192.168.10.6/24");
        } else if name != "json" {
            assert_eq!(printed, output, "{name}");
        }
        let status: Value = serde_json::from_str(&node.status_of(&again.pod)).unwrap();
        let (ours, upstreams) = (status.clone(), again.recorded_status());
        assert_eq!(
            without_gateways(ours),
            without_gateways(upstreams),
            "{name}"
        );
        assert_eq!(
            node.events_of(&again.pod),
            again.recorded_events(),
            "{name}"
        );

        let (exit, output) = again.recorded("CHECK");
        let answer = again.call("CHECK");
        if output.contains("could not parse prevResult") {
            // B2.6: nobody reads it.
            assert_eq!((name, exit), ("default-override", 1));
            answer.silent();
        } else {
            assert_eq!((exit, answer.good().0.stdout_text()), (0, output), "{name}");
        }
        for verb in ["DEL", "DEL-again"] {
            let (exit, output) = again.recorded(verb);
            let answer = again.call(verb);
            if name == "delfailing" {
                assert!(
                    exit == 1 && output.contains("switch unreachable"),
                    "{output}"
                );
                // What failed, and nothing else, is kept and tried again.
                answer.refused(
                    999,
                    &[
                        "network \"del-fails\", interface net2",
                        "switch unreachable",
                    ],
                );
            } else {
                assert_eq!((exit, output.as_str()), (0, ""), "{name}");
                answer.silent();
                assert!(!node.state.join(&again.container.id).exists(), "{name}");
            }
        }
        // B7.16, B7.25
        assert_eq!(
            status.to_string(),
            serde_json::from_str::<Value>(&node.status_of(&again.pod))
                .unwrap()
                .to_string()
        );
        assert_eq!(
            node.events_of(&again.pod),
            again.recorded_events(),
            "{name}"
        );
    }
}

#[test]
fn every_recorded_pod_that_upstream_refused_is_refused() {
    // B4.28, B4.30, B5.50, B5.55, B7.21; Q17: the plugin's own code
    let node = node("recorded-refusals");
    let nowhere = format!(
        "cannot find a network-attachment-definition (nowhere) in namespace ({})",
        node.namespace
    );
    // Ours names the plugin in between.
    let fails = [
        "error adding container to network \"fails\": ",
        "no address left; pool of 3",
    ];
    let elsewhere =
        "cannot find a network-attachment-definition (macvlan-a) in namespace (kube-system)";
    let cases = [
        (REFUSED[0], 7, [nowhere.as_str(), ""], "NoNetworkFound"),
        (REFUSED[1], 7, [elsewhere, ""], "NoNetworkFound"),
        ("failing", 11, fails, "FailedAttachment"),
    ];
    for (name, code, texts, reason) in cases {
        let again = Again::new(&node, name);
        let (exit, output) = again.recorded("ADD");
        let said: Value = serde_json::from_str(&here(&node, &output)).unwrap();
        assert!(
            exit == 1 && said["msg"].as_str().unwrap().contains(&texts.concat()),
            "{name}: {said}"
        );
        let pod = format!("[{}/thin-{name}/{}", node.namespace, again.pod.uid);
        again.call("ADD").refused(code, &[&pod, texts[0], texts[1]]);
        // Nothing of it is left: CHECK says so, and DEL has nothing to do.
        assert!(fs::symlink_metadata(node.state.join(&again.container.id)).is_err());
        assert_eq!(again.recorded("CHECK").0, 1);
        again.call("CHECK").refused(3, &["not attached"]);
        for verb in ["DEL", "DEL-again"] {
            assert_eq!(again.recorded(verb), (0, String::new()), "{name}");
            again.call(verb).silent();
        }
        assert_eq!(node.status_of(&again.pod), "", "{name}");
        assert_eq!(again.recorded_status(), Value::Null, "{name}");
        // Upstream tells of what it then undoes, and of the missing definition again with every DEL.
        let events = node.events_of(&again.pod);
        assert_eq!(events.len(), 1, "{events:?}");
        let (kind, message) = events[0]
            .split_once(&format!(" {reason} "))
            .expect(&events[0]);
        assert!(
            kind == "Warning" && texts.iter().all(|text| message.contains(text)),
            "{events:?}"
        );
    }
}
