//! The keys of the configuration of `multus`, one after the other: what each does, alone and beside the others.

use serde_json::{Map, Value, json};
use suites::multus::Answer;
use suites::node::DEFAULT_NETWORK;

use crate::stage::{Stage, summary};

/// ADD of the pod by a configuration that is given as text.
fn add_text(stage: &Stage, conf: &str) -> Answer {
    let run = stage.node.world.command(&stage.node.multus);
    let run = stage.container.describe("ADD", run);
    let run = run.env("CNI_PATH", &stage.node.plugins).stdin(conf);
    Answer(run.run().unwrap())
}

/// The value with every key of its objects in upper case.
fn upper(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let members = map.into_iter();
            Value::Object(
                members
                    .map(|(key, value)| (key.to_uppercase(), upper(value)))
                    .collect(),
            )
        }
        Value::Array(items) => items.into_iter().map(upper).collect(),
        other => other,
    }
}

/// A configuration over a definition `cluster` of `kube-system` in place of delegates.
fn over_cluster(stage: &Stage) -> Value {
    stage.node.definition(
        "kube-system",
        "cluster",
        &stage.network("cluster", json!({})),
    );
    let mut conf = stage.node.conf(&[]);
    conf["clusterNetwork"] = json!("cluster");
    conf
}

#[test]
fn keys_match_in_any_case_at_every_depth() {
    // B0.1
    let stage = Stage::new();
    let mut conf = stage.conf();
    conf["runtimeConfig"] = json!({"portMappings": [{"hostPort": 8080, "containerPort": 80}],
        "mac": "02:00:00:00:00:0a", "infinibandGUID": "c2:11:22:33:44:55:66:77"});
    conf["logOptions"] = json!({"maxSize": 1});
    conf["timeouts"] = json!({"add": "60s"});
    conf["namespaceIsolation"] = json!(true);
    conf.as_object_mut().unwrap().remove("delegates");
    let mut conf = upper(conf);
    // What a delegate's key means only its plugin can say, but for those of CNI itself.
    let mut delegate = stage.network("cluster", json!({}));
    let keys = delegate.as_object_mut().unwrap();
    for key in ["name", "type", "cniVersion"] {
        let value = keys.remove(key).unwrap();
        keys.insert(key.to_uppercase(), value);
    }
    keys.insert(
        "CAPABILITIES".to_owned(),
        json!({"portMappings": true, "mac": true, "infinibandGUID": true}),
    );
    conf["DELEGATES"] = json!([delegate]);
    let lan = json!([{"NAME": "lan", "INTERFACE": "data0"}]);
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", json!({})));

    let calls = stage.add(&conf, &lan.to_string());

    assert_eq!(summary(&calls), ["ADD cluster eth0", "ADD lan data0"]);
    let expected = json!({"portMappings": [{"hostPort": 8080, "containerPort": 80}],
        "mac": "02:00:00:00:00:0a", "infinibandGUID": "c2:11:22:33:44:55:66:77"});
    assert_eq!(calls[0].at("/runtimeConfig"), &expected);
    stage.node.pod_with("shop", "web", "elsewhere/lan");
    stage.del(&conf);
    let answer = stage.node.call("ADD", &stage.container, &conf);
    answer.refused(7, &["namespace isolation enabled"]);
}

#[test]
fn the_exact_spelling_of_a_key_wins_and_of_two_equal_ones_the_last() {
    // B0.1, B0.2
    let stage = Stage::new();
    stage.node.pod_with("shop", "web", "");
    let mut conf = stage.conf();
    conf["CNIDIR"] = json!("/nonexistent/upper");
    conf["cnidir"] = json!("/nonexistent/lower");
    let twice = "\"name\":\"first\",\"name\":\"multus-cni-network\"";
    let text = conf
        .to_string()
        .replace("\"name\":\"multus-cni-network\"", twice);
    assert!(text.contains(twice), "{text}");
    add_text(&stage, &text).good();
    let ledger = stage.node.ledger("pod");
    let own = &ledger[0]["multusRs"]["container"];
    assert_eq!(own["configuration"], "multus-cni-network");
}

#[test]
fn null_leaves_every_default_and_an_empty_text_switches_off() {
    // B0.2, B2.11, B2.13–B2.18, B2.20, B2.24
    let stage = Stage::new();
    let keys = [
        "type",
        "capabilities",
        "runtimeConfig",
        "prevResult",
        "confDir",
        "binDir",
        "clusterNetwork",
        "defaultNetworks",
        "kubeconfig",
        "logFile",
        "logLevel",
        "logToStderr",
        "logOptions",
        "readinessindicatorfile",
        "namespaceIsolation",
        "globalNamespaces",
        "systemNamespaces",
        "multusNamespace",
        "retryDeleteOnError",
        "auxiliaryCNIChainName",
        "ipam",
        "dns",
        "timeouts",
    ];
    let mut conf = stage.conf();
    for key in keys {
        conf[key] = Value::Null;
    }
    assert_eq!(summary(&stage.add(&conf, "")), ["ADD cluster eth0"]);
    stage.del(&conf);
    for key in [
        "clusterNetwork",
        "kubeconfig",
        "logFile",
        "logLevel",
        "readinessindicatorfile",
        "globalNamespaces",
        "auxiliaryCNIChainName",
    ] {
        conf[key] = json!("");
    }
    assert_eq!(summary(&stage.add(&conf, "")), ["ADD cluster eth0"]);
    stage.del(&conf);
}

#[test]
fn type_and_capabilities_are_for_the_runtime() {
    // B2.3, B2.4
    let stage = Stage::new();
    let declares = json!({"capabilities": {"mac": true}});
    let mut conf = stage.node.conf(&[stage.network("cluster", declares)]);
    conf["type"] = json!("whatever");
    conf["capabilities"] = json!({"mac": false, "other": true});
    conf["runtimeConfig"] = json!({"mac": "02:00:00:00:00:0a"});
    let calls = stage.add(&conf, "");
    assert_eq!(calls[0].at("/runtimeConfig/mac"), "02:00:00:00:00:0a");
    assert_eq!(calls[0].at("/type"), "alpha");
}

#[test]
fn every_argument_of_the_runtime_reaches_a_plugin_that_declares_it() {
    // B2.5, B2.42–B2.46, B2.47, B4.65
    let stage = Stage::new();
    let known = [
        "ips",
        "mac",
        "infinibandGUID",
        "deviceID",
        "CNIDeviceInfoFile",
    ];
    let all: Map<String, Value> = known
        .into_iter()
        .chain(["aliases"])
        .map(|key| (key.to_owned(), json!(true)))
        .collect();
    let mut conf = stage
        .node
        .conf(&[stage.network("cluster", json!({"capabilities": all}))]);
    conf["runtimeConfig"] = json!({
        "ips": ["192.0.2.7/24", "2001:db8::7"],
        "mac": "02:00:00:00:00:0a",
        "infinibandGUID": "c2:11:22:33:44:55:66:77",
        "deviceID": "0000:03:02.0",
        "CNIDeviceInfoFile": "/tmp/elsewhere",
        "aliases": {"net": ["a"]},
    });
    let calls = stage.add(&conf, "");
    let mut expected = conf["runtimeConfig"].clone();
    expected.as_object_mut().unwrap().remove("aliases");
    // Where device information belongs is not the runtime's to say.
    let file = "/var/run/k8s.cni.cncf.io/devinfo/cni/cluster-pod_eth0";
    expected["CNIDeviceInfoFile"] = json!(file);
    assert_eq!(calls[0].at("/runtimeConfig"), &expected);
}

#[test]
fn a_prev_result_that_is_none_fails_every_verb_and_another_one_means_nothing() {
    // B2.6
    let stage = Stage::new();
    stage.node.pod_with("shop", "web", "");
    let network = stage.network("cluster", json!({"cniVersion": "1.1.0"}));
    let mut conf = stage.node.conf(&[network]);
    conf["cniVersion"] = json!("1.1.0");
    for (result, code) in [
        (json!({"cniVersion": "9.9.9"}), 1),
        (
            json!({"cniVersion": "1.1.0", "ips": [{"address": "nonsense"}]}),
            6,
        ),
        (json!([]), 6),
    ] {
        conf["prevResult"] = result;
        for verb in ["ADD", "CHECK", "DEL", "STATUS", "GC"] {
            let answer = stage.node.call(verb, &stage.container, &conf);
            answer.refused(code, &["error loading netconf: prevResult"]);
        }
    }
    assert!(stage.recorder.calls().unwrap().is_empty());
    conf["prevResult"] = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24"}]});
    stage.node.add(&stage.container, &conf);
    let calls = stage.recorder.calls().unwrap();
    assert_eq!(calls[0].at("/prevResult"), &Value::Null);
}

#[test]
fn default_networks_mean_nothing_without_a_cluster_network() {
    // B2.12, B2.141
    let stage = Stage::new();
    let everywhere = stage.network("everywhere", json!({}));
    stage
        .node
        .definition("kube-system", "everywhere", &everywhere);
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", json!({})));
    let mut conf = stage.conf();
    conf["defaultNetworks"] = json!(["everywhere", "nowhere"]);
    let calls = stage.add(&conf, "lan");
    assert_eq!(summary(&calls), ["ADD cluster eth0", "ADD lan net1"]);
}

#[test]
fn delegates_mean_nothing_beside_a_cluster_network_not_even_broken_ones() {
    // B2.10, B2.31, B2.140
    let stage = Stage::new();
    let mut conf = over_cluster(&stage);
    for delegates in [json!([{}]), json!([stage.network("other", json!({}))])] {
        conf["delegates"] = delegates;
        let calls = stage.add(&conf, "");
        assert_eq!(summary(&calls), ["ADD cluster eth0"]);
        stage.del(&conf);
    }
    // But for what no configuration may have (B0.3).
    conf["delegates"] = json!([7]);
    let answer = stage.node.call("ADD", &stage.container, &conf);
    answer.refused(6, &["delegates[0]"]);
}

#[test]
fn isolation_is_about_what_a_pod_says_and_not_about_what_the_configuration_says() {
    // B2.19, B2.145, B5.70, Q5
    let stage = Stage::new();
    let mut conf = over_cluster(&stage);
    for (namespace, name) in [
        ("kube-system", "everywhere"),
        ("shop", "lan"),
        ("den", "lair"),
    ] {
        let network = stage.network(name, json!({}));
        stage.node.definition(namespace, name, &network);
    }
    conf["defaultNetworks"] = json!(["everywhere"]);
    conf["namespaceIsolation"] = json!(true);
    let calls = stage.add(&conf, "lan");
    assert_eq!(
        summary(&calls),
        ["ADD cluster eth0", "ADD everywhere net1", "ADD lan net2"]
    );
    stage.del(&conf);
    for networks in ["kube-system/everywhere", "den/lair"] {
        stage.node.pod_with("shop", "web", networks);
        let answer = stage.node.call("ADD", &stage.container, &conf);
        answer.refused(7, &["shop/web", "namespace isolation enabled"]);
    }
    stage
        .node
        .pod("shop", "web", &[(DEFAULT_NETWORK, "den/lair")]);
    let answer = stage.node.call("ADD", &stage.container, &conf);
    answer.refused(7, &["shop/web", "namespace isolation enabled"]);
    conf["globalNamespaces"] = json!(" den,shop ");
    stage.node.add(&stage.container, &conf);
}
