//! An upgrade: the pods that upstream attached are detached from what it left on disk.

use serde_json::{Map, Value, json};
use suites::multus::Container;
use suites::node::Node;
use suites::recordings::{PODS, Recording};
use testkit::netns::Sandbox;
use testkit::scripted::{Call, Recorder, SCRIPTS};

/// A node on which upstream attached a pod, with plugins that write down what they are given.
struct Upgrade {
    recording: Recording,
    node: Node,
    recorder: Recorder,
    sandbox: Sandbox,
    container: Container,
    conf: Value,
}

impl Upgrade {
    fn of(pod: &str) -> Self {
        let recording = Recording::of(pod);
        let node = Node::bare();
        let plugins = ["bridge", "macvlan", "tuning", "bandwidth", "canned"];
        node.install(&plugins);
        recording.place(&node);
        let recorder = Recorder::new(node.world.directory().join("record"));
        let scripts: Map<String, Value> = plugins
            .iter()
            .map(|plugin| ((*plugin).to_owned(), json!({"record": recorder.path()})))
            .collect();
        let file = node.world.directory().join("scripts");
        std::fs::write(&file, Value::Object(scripts).to_string()).unwrap();
        let sandbox = node.sandbox(pod);
        let container = recording
            .container(sandbox.path())
            .with_variable(SCRIPTS, file.to_str().unwrap());
        let conf = recording.conf("DEL", &node);
        Self {
            recording,
            node,
            recorder,
            sandbox,
            container,
            conf,
        }
    }

    /// The calls that upstream would make, the last attachment first (B4.105, B4.127).
    fn expected(&self) -> Vec<Expected> {
        let ledger = self.recording.ledger();
        let cached = self.recording.cached();
        let mut calls = Vec::new();
        for (index, element) in ledger.as_array().unwrap().iter().enumerate().rev() {
            let config = decoded(&element["Bytes"]);
            let network = config["name"].as_str().unwrap();
            let ifname = match element["ifnameRequest"].as_str() {
                Some(requested) => requested.to_owned(),
                None if index == 0 => self.container.ifname.clone(),
                None => format!("net{index}"),
            };
            let entry = cached.get(&format!("{network}-{}-{ifname}", self.container.id));
            let plugins = match config["plugins"].as_array() {
                Some(plugins) => plugins.clone(),
                None => vec![config.clone()],
            };
            for plugin in plugins.into_iter().rev() {
                calls.push(Expected {
                    plugin: plugin["type"].as_str().unwrap().to_owned(),
                    ifname: ifname.clone(),
                    args: self.args(element),
                    config: request(plugin, &config, entry),
                });
            }
        }
        calls
    }

    /// Each key once, where upstream repeats them (B4.61–B4.63).
    fn args(&self, element: &Value) -> String {
        let runtime: Vec<(&str, &str)> = self
            .container
            .args
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let of_runtime = |key: &str| {
            runtime
                .iter()
                .find(|(known, _)| *known == key)
                .map_or("", |(_, value)| value)
        };
        let keys = [
            "K8S_POD_NAMESPACE",
            "K8S_POD_NAME",
            "K8S_POD_INFRA_CONTAINER_ID",
            "K8S_POD_UID",
        ];
        let mut pairs = vec!["IgnoreUnknown=true".to_owned()];
        pairs.extend(keys.map(|key| format!("{key}={}", of_runtime(key))));
        if let Some(mac) = element["macRequest"].as_str() {
            pairs.push(format!("MAC={mac}"));
        }
        if let Some(ips) = element["ipRequest"].as_array() {
            let ips: Vec<&str> = ips.iter().filter_map(Value::as_str).collect();
            pairs.push(format!("IP={}", ips.join(",")));
        }
        pairs.join(";")
    }
}

/// A call that upstream would make.
#[derive(Debug, PartialEq)]
struct Expected {
    plugin: String,
    ifname: String,
    args: String,
    config: Value,
}

impl From<&Call> for Expected {
    fn from(call: &Call) -> Self {
        Self {
            plugin: call.plugin.clone(),
            ifname: call.variable("CNI_IFNAME").to_owned(),
            args: call.variable("CNI_ARGS").to_owned(),
            config: call.config.clone().unwrap_or_default(),
        }
    }
}

/// Standard input of a plugin's DEL: name and version of the network, what it declares of the capability arguments, and the
/// cached result from version 0.4.0 on (B4.123, B4.124, B4.127).
fn request(mut plugin: Value, network: &Value, entry: Option<&Value>) -> Value {
    plugin["name"] = network["name"].clone();
    plugin["cniVersion"] = network["cniVersion"].clone();
    let Some(entry) = entry else {
        return plugin;
    };
    let declared = plugin["capabilities"].clone();
    let known = entry["capabilityArgs"].as_object().into_iter().flatten();
    let passed: Map<String, Value> = known
        .filter(|(key, _)| declared[key.as_str()] == true)
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !passed.is_empty() {
        plugin["runtimeConfig"] = Value::Object(passed);
    }
    if network["cniVersion"] != "0.3.1" {
        plugin["prevResult"] = entry["result"].clone();
    }
    plugin
}

fn decoded(value: &Value) -> Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap());
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

#[test]
fn every_delegate_gets_the_del_that_upstream_would_have_sent() {
    for pod in PODS {
        let upgrade = Upgrade::of(pod);
        upgrade.node.del(&upgrade.container, &upgrade.conf);
        let calls = upgrade.recorder.calls().unwrap();
        let got: Vec<Expected> = calls.iter().map(Expected::from).collect();
        assert_eq!(got, upgrade.expected(), "{pod}");
        for call in &calls {
            assert_eq!(call.verb, "DEL");
            assert_eq!(call.variable("CNI_CONTAINERID"), upgrade.container.id);
            assert_eq!(call.variable("CNI_NETNS"), upgrade.container.netns);
            assert_eq!(
                call.variable("CNI_PATH"),
                upgrade.node.plugins.to_str().unwrap()
            );
        }
    }
}

#[test]
fn nothing_of_upstreams_is_left() {
    for pod in PODS {
        let upgrade = Upgrade::of(pod);
        upgrade.node.del(&upgrade.container, &upgrade.conf);
        assert!(
            !upgrade.node.state.join(&upgrade.container.id).exists(),
            "{pod}"
        );
        let results: Vec<_> = std::fs::read_dir(upgrade.node.state.join("results"))
            .unwrap()
            .flatten()
            .collect();
        assert!(results.is_empty(), "{pod}: {results:?}");
        upgrade.recorder.clear().unwrap();
        // A runtime may ask again.
        upgrade.node.del(&upgrade.container, &upgrade.conf);
        assert!(upgrade.recorder.calls().unwrap().is_empty(), "{pod}");
    }
}

#[test]
fn the_network_namespace_may_be_gone() {
    for pod in ["short", "many"] {
        let upgrade = Upgrade::of(pod);
        upgrade.sandbox.destroy().unwrap();
        upgrade.node.del(&upgrade.container, &upgrade.conf);
        let calls = upgrade.recorder.calls().unwrap();
        assert!(!calls.is_empty());
        for call in calls {
            assert_eq!(call.variable("CNI_NETNS"), "", "{pod}");
        }
        assert!(
            !upgrade.node.state.join(&upgrade.container.id).exists(),
            "{pod}"
        );
    }
}

#[test]
fn a_pod_that_upstream_attached_can_be_checked() {
    for pod in ["plain", "short", "json"] {
        let upgrade = Upgrade::of(pod);
        upgrade.node.check(&upgrade.container, &upgrade.conf);
        let calls = upgrade.recorder.calls_of("CHECK").unwrap();
        assert!(
            calls.iter().all(|call| call.at("/prevResult").is_object()),
            "{pod}"
        );
        assert!(!calls.is_empty());
    }
}

#[test]
fn a_pod_that_upstream_attached_is_not_attached_twice() {
    let upgrade = Upgrade::of("short");
    upgrade.recording.describe(&upgrade.node);
    let answer = upgrade.node.call("ADD", &upgrade.container, &upgrade.conf);
    answer.refused(4, &["vectors/thin-short", "attached already"]);
    assert!(upgrade.recorder.calls().unwrap().is_empty());
}

#[test]
fn gc_detaches_what_upstream_attached_and_the_runtime_no_longer_knows() {
    let upgrade = Upgrade::of("short");
    let mut conf = upgrade.conf.clone();
    conf["cniVersion"] = json!("1.1.0");
    conf["cni.dev/valid-attachments"] =
        json!([{"containerID": upgrade.container.id, "ifname": "eth0"}]);
    upgrade.node.call("GC", &upgrade.container, &conf).silent();
    assert!(upgrade.recorder.calls_of("DEL").unwrap().is_empty());

    conf["cni.dev/valid-attachments"] = json!([{"containerID": "another", "ifname": "eth0"}]);
    upgrade.node.call("GC", &upgrade.container, &conf).silent();
    let networks: Vec<String> = upgrade
        .recorder
        .calls_of("DEL")
        .unwrap()
        .iter()
        .map(|call| call.network().to_owned())
        .collect();
    assert_eq!(
        networks,
        ["static-c", "macvlan-a", "cluster", "cluster", "cluster"]
    );
    assert!(!upgrade.node.state.join(&upgrade.container.id).exists());
}
