//! Versions in every mix: what the runtime asks for, and what each delegate speaks.

use serde_json::{Value, json};
use testkit::scripted::Call;

use crate::stage::Stage;

const ALL: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// A network of this version, with a result that every version can tell.
fn network(stage: &Stage, name: &str, version: &str) -> Value {
    let result = match version {
        "0.1.0" | "0.2.0" => json!({"ip4": {"ip": "10.0.0.2/24"}}),
        "0.3.0" | "0.3.1" | "0.4.0" => json!({"ips": [{"version": "4", "address": "10.0.0.2/24"}]}),
        _ => json!({"ips": [{"address": "10.0.0.2/24"}]}),
    };
    stage.network(
        name,
        json!({"cniVersion": version, "script": {"result": result}}),
    )
}

/// The networks whose plugin was asked, in order.
fn asked(calls: &[Call], verb: &str) -> Vec<String> {
    let of_verb = calls.iter().filter(|call| call.verb == verb);
    of_verb.map(|call| call.network().to_owned()).collect()
}

#[test]
fn each_verb_reaches_the_delegates_that_know_it_and_no_other() {
    // B4.127, B4.128, B4.129, B4.138, B4.141, B5.67, user reports of CHECK sent to a 0.3.1 network
    let stage = Stage::new();
    stage.node.pod_with("shop", "web", "lan");
    for outer in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        for delegate in ALL {
            stage
                .node
                .definition("shop", "lan", &network(&stage, "lan", delegate));
            // The default network speaks the other end of the list.
            let opposite =
                ALL[ALL.len() - 1 - ALL.iter().position(|version| *version == delegate).unwrap()];
            let mut conf = stage.node.conf(&[network(&stage, "cluster", opposite)]);
            conf["cniVersion"] = json!(outer);
            let mix = format!("{outer} over {opposite} and {delegate}");
            stage.recorder.clear().unwrap();

            let result = stage.node.add(&stage.container, &conf);
            assert_eq!(result["cniVersion"], outer, "{mix}");
            assert_eq!(result["ips"][0]["address"], "10.0.0.2/24", "{mix}");
            let known = |since: &str| -> Vec<String> {
                let both = [("cluster", opposite), ("lan", delegate)];
                let known = both.iter().filter(|(_, version)| *version >= since);
                known.map(|(name, _)| (*name).to_owned()).collect()
            };
            if outer >= "0.4.0" {
                stage.node.check(&stage.container, &conf);
            }
            if outer >= "1.1.0" {
                stage.node.call("STATUS", &stage.container, &conf).silent();
                let mut listed = conf.clone();
                listed["cni.dev/valid-attachments"] =
                    json!([{"containerID": "pod", "ifname": "eth0"}]);
                stage.node.call("GC", &stage.container, &listed).silent();
            }
            stage.node.del(&stage.container, &conf);

            let calls = stage.recorder.calls().unwrap();
            for call in &calls {
                let version = if call.network() == "lan" {
                    delegate
                } else {
                    opposite
                };
                assert_eq!(call.at("/cniVersion"), version, "{mix}: {}", call.verb);
            }
            assert_eq!(asked(&calls, "ADD"), ["cluster", "lan"], "{mix}");
            let checked = if outer >= "0.4.0" {
                known("0.4.0")
            } else {
                Vec::new()
            };
            assert_eq!(asked(&calls, "CHECK"), checked, "{mix}");
            let of_1_1 = if outer >= "1.1.0" {
                known("1.1.0")
            } else {
                Vec::new()
            };
            assert_eq!(asked(&calls, "GC"), of_1_1, "{mix}");
            let default: Vec<_> = of_1_1
                .into_iter()
                .filter(|name| name == "cluster")
                .collect();
            assert_eq!(asked(&calls, "STATUS"), default, "{mix}");
            assert_eq!(asked(&calls, "DEL"), ["lan", "cluster"], "{mix}");
            for call in calls.iter().filter(|call| call.verb == "DEL") {
                let has_result = !call.at("/prevResult").is_null();
                assert_eq!(
                    has_result,
                    known("0.4.0").contains(&call.network().to_owned()),
                    "{mix}"
                );
            }
        }
    }
}
