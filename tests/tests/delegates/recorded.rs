//! The requests that upstream was recorded with, again: the same ledger, the same cached results, the same answer.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use suites::recordings::{PODS, Recording};
use testkit::netns::Sandbox;
use testkit::scripted::SCRIPTS;

/// A node on which a recorded pod is attached by plugins that only say what the real ones would.
struct Again {
    recording: Recording,
    node: Node,
    _sandbox: Sandbox,
    container: Container,
    conf: Value,
    printed: String,
}

impl Again {
    fn attach(pod: &str) -> Self {
        let recording = Recording::of(pod);
        let node = Node::bare();
        node.install(&["bridge", "macvlan", "tuning", "bandwidth", "canned"]);
        recording.describe(&node);
        let printed = recording.json("ADD.json")["stdout"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let sandbox = node.sandbox(pod);
        let link = json!({"interfaces": [{"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"}],
            "ips": [{"version": "4", "address": "192.168.10.3/24", "interface": 0}]});
        // Where upstream printed the result of another plugin, or an error, any will do.
        let default = match serde_json::from_str::<Value>(&printed) {
            Ok(result) if pod != "default-override" && result["code"].is_null() => result,
            _ => link.clone(),
        };
        let scripts = json!({
            "bridge": {"result": default, "create_link": true},
            "macvlan": {"result": link, "create_link": true},
        });
        let file = node.world.directory().join("scripts");
        std::fs::write(&file, scripts.to_string()).unwrap();
        let container = recording
            .container(sandbox.path())
            .with_variable(SCRIPTS, file.to_str().unwrap());
        let conf = recording.conf("ADD", &node);
        let answer = node.call("ADD", &container, &conf);
        answer.good();
        Self {
            printed: answer.0.stdout_text(),
            recording,
            node,
            _sandbox: sandbox,
            container,
            conf,
        }
    }
}

/// Base64 of JSON, decoded; key order and escapes don't count.
fn decoded(value: &Value) -> Value {
    let bytes = STANDARD.decode(value.as_str().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// A ledger as both write it: without our own key, with the configurations in clear.
fn comparable(ledger: &Value) -> Vec<Value> {
    let mut elements = ledger.as_array().unwrap().clone();
    for element in &mut elements {
        element.as_object_mut().unwrap().remove("multusRs");
        element["Bytes"] = decoded(&element["Bytes"]);
        // Q11: a gateway of one family leaves the other alone. No recorded pod asks for an IPv6 gateway.
        element["IsFilterV6Gateway"] = json!(false);
    }
    elements
}

#[test]
fn the_ledger_is_upstreams_scratch_file() {
    // B0.5, B2.60–B2.72, T3.12
    for pod in PODS {
        let again = Again::attach(pod);
        let ours = again.node.ledger(&again.container.id);
        assert_eq!(
            comparable(&ours),
            comparable(&again.recording.ledger()),
            "{pod}"
        );
        for element in ours.as_array().unwrap() {
            assert!(element["multusRs"].is_object(), "{pod}: {element}");
        }
        again.node.del(&again.container, &again.conf);
    }
}

#[test]
fn the_keys_of_the_ledger_have_upstreams_order() {
    // B2.72
    let again = Again::attach("json");
    let path = again.node.state.join(&again.container.id);
    let text = std::fs::read_to_string(path).unwrap();
    let element = &text[text.find("vectors/macvlan-a").unwrap() - 12..];
    let keys = [
        "\"Name\"",
        "\"ifnameRequest\"",
        "\"default-route\"",
        "\"IsFilterV4Gateway\"",
        "\"IsFilterV6Gateway\"",
        "\"Bytes\"",
        "\"multusRs\"",
    ];
    let places: Vec<usize> = keys.iter().map(|key| element.find(key).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

/// `CNI_ARGS` with each key once, as it was first given: upstream repeats them (B4.62).
fn each_once(args: &Value) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let all = args.as_array().unwrap().iter();
    all.filter(|pair| seen.insert(pair[0].as_str().unwrap().to_owned()))
        .cloned()
        .collect()
}

#[test]
fn the_cached_results_have_upstreams_keys_and_values() {
    // B0.5, B2.8, B4.126; what the plugins answered is theirs
    for pod in PODS {
        let again = Again::attach(pod);
        let recorded = again.recording.cached();
        let mut found = 0;
        for (file, recorded) in &recorded {
            let text = |key: &str| recorded[key].as_str().unwrap().to_owned();
            let (network, ifname) = (text("networkName"), text("ifName"));
            let ours = again.node.cached(&network, &again.container.id, &ifname);
            let keys = |entry: &Value| -> Vec<String> {
                entry.as_object().unwrap().keys().cloned().collect()
            };
            assert_eq!(keys(&ours), keys(recorded), "{pod} {file}");
            for key in [
                "kind",
                "containerId",
                "ifName",
                "networkName",
                "capabilityArgs",
            ] {
                assert_eq!(ours[key], recorded[key], "{pod} {file} {key}");
            }
            assert_eq!(ours["netns"], again.container.netns);
            assert_eq!(
                decoded(&ours["config"]),
                decoded(&recorded["config"]),
                "{pod} {file}"
            );
            assert_eq!(
                ours["cniArgs"].as_array().unwrap(),
                &each_once(&recorded["cniArgs"]),
                "{pod} {file}"
            );
            assert_eq!(
                ours["result"]["cniVersion"], recorded["result"]["cniVersion"],
                "{pod} {file}"
            );
            found += 1;
        }
        assert!(found > 0 || pod == "failing", "{pod}");
    }
}

#[test]
fn the_default_networks_result_is_printed_byte_for_byte_as_upstream_does() {
    // B4.50
    for pod in ["plain", "short", "many", "bandwidth"] {
        let again = Again::attach(pod);
        let recorded = again.recording.json("ADD.json");
        assert_eq!(again.printed, recorded["stdout"].as_str().unwrap(), "{pod}");
    }
}
