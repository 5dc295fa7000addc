//! Chains: each plugin gets the result of the one before; what comes after the ADD gets the last one.

use serde_json::{Value, json};

use crate::stage::{Stage, summary};

fn result(mac: &str) -> Value {
    json!({"interfaces": [{"name": "net1", "mac": mac, "sandbox": "/run/netns/pod"}],
        "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0}], "routes": [{"dst": "10.9.0.0/16"}]})
}

fn labelled(version: &str, mut result: Value) -> Value {
    result["cniVersion"] = json!(version);
    result
}

/// A chain of three: the first two answer with results of their own, the last passes on what it got.
fn chain(stage: &Stage, version: &str) -> Value {
    json!({"cniVersion": version, "name": "lan", "plugins": [
        stage.plugin("alpha", json!({"script": {"result": result("02:00:00:00:00:01")}})),
        stage.plugin("beta", json!({"script": {"result": result("02:00:00:00:00:02")}})),
        stage.plugin("gamma", json!({})),
    ]})
}

#[test]
fn each_plugin_gets_the_result_of_the_one_before() {
    // B4.42, B4.125
    let stage = Stage::new();
    stage
        .node
        .definition("shop", "lan", &chain(&stage, "1.0.0"));
    let calls = stage.add(&stage.conf(), "lan");
    let plugins: Vec<&str> = calls.iter().map(|call| call.plugin.as_str()).collect();
    assert_eq!(plugins, ["alpha", "alpha", "beta", "gamma"]);
    assert_eq!(calls[1].at("/prevResult"), &Value::Null);
    assert_eq!(
        calls[2].at("/prevResult"),
        &labelled("1.0.0", result("02:00:00:00:00:01"))
    );
    assert_eq!(
        calls[3].at("/prevResult"),
        &labelled("1.0.0", result("02:00:00:00:00:02"))
    );
    let cached = stage.node.cached("lan", "pod", "net1");
    assert_eq!(
        cached["result"],
        labelled("1.0.0", result("02:00:00:00:00:02"))
    );
}

#[test]
fn check_goes_forward_and_del_backward_with_the_last_result() {
    // B4.127, B4.128, T3.15, T3.16
    let stage = Stage::new();
    stage
        .node
        .definition("shop", "lan", &chain(&stage, "1.0.0"));
    let conf = stage.conf();
    stage.add(&conf, "lan");
    stage.recorder.clear().unwrap();
    stage.node.check(&stage.container, &conf);
    let checks = stage.recorder.calls_of("CHECK").unwrap();
    let dels = stage.del(&conf);
    let plugins = |calls: &[testkit::scripted::Call]| -> Vec<String> {
        calls.iter().map(|call| call.plugin.clone()).collect()
    };
    assert_eq!(plugins(&checks), ["alpha", "alpha", "beta", "gamma"]);
    assert_eq!(plugins(&dels), ["gamma", "beta", "alpha", "alpha"]);
    assert_eq!(
        summary(&dels),
        [
            "DEL lan net1",
            "DEL lan net1",
            "DEL lan net1",
            "DEL cluster eth0"
        ]
    );
    let last = labelled("1.0.0", result("02:00:00:00:00:02"));
    for call in checks[1..].iter().chain(&dels[..3]) {
        assert_eq!(
            call.at("/prevResult"),
            &last,
            "{} {}",
            call.verb,
            call.plugin
        );
    }
}

#[test]
fn del_below_version_0_4_0_gets_no_result() {
    // B4.127
    let stage = Stage::new();
    for (version, expected) in [("0.3.1", false), ("0.4.0", true)] {
        let mut list = chain(&stage, version);
        list["plugins"].as_array_mut().unwrap().remove(1);
        list["plugins"][0]["script"]["result"]["ips"][0]["version"] = json!("4");
        stage.node.definition("shop", "lan", &list);
        let conf = stage.conf();
        stage.add(&conf, "lan");
        let dels = stage.del(&conf);
        assert_eq!(dels[0].at("/prevResult").is_object(), expected, "{version}");
        assert_eq!(dels[1].at("/prevResult").is_object(), expected, "{version}");
    }
}

#[test]
fn a_result_of_another_version_is_converted_before_it_is_passed_on() {
    // B0, cni-runtime 1.4: upstream passes it on as it is, and the next plugin fails
    let stage = Stage::new();
    let old = json!({"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "10.9.0.0/16"}]}, "dns": {}});
    let list = json!({"cniVersion": "1.0.0", "name": "lan", "plugins": [
        stage.plugin("alpha", json!({"script": {"result": old}})), stage.plugin("beta", json!({}))]});
    stage.node.definition("shop", "lan", &list);
    let calls = stage.add(&stage.conf(), "lan");
    let expected = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}], "routes": [{"dst": "10.9.0.0/16"}]});
    assert_eq!(calls[2].at("/prevResult"), &expected);
}

#[test]
fn a_result_without_version_has_that_of_the_configuration() {
    // B4.131
    let stage = Stage::new();
    let text = r#"{"interfaces": [{"name": "net1", "sandbox": "/run/netns/pod"}], "ips": []}"#;
    let list = json!({"cniVersion": "0.4.0", "name": "lan", "plugins": [
        stage.plugin("alpha", json!({"script": {"per_verb": {"ADD": {"stdout": text}}}})), stage.plugin("beta", json!({}))]});
    stage.node.definition("shop", "lan", &list);
    let calls = stage.add(&stage.conf(), "lan");
    assert_eq!(calls[2].at("/prevResult/cniVersion"), "0.4.0");
    assert_eq!(calls[2].at("/prevResult/interfaces/0/name"), "net1");
}

#[test]
fn a_plugin_that_fails_stops_its_chain_and_all_of_it_is_undone() {
    // B4.30, B4.31, B4.125, T3.6
    let stage = Stage::new();
    let mut list = chain(&stage, "1.0.0");
    list["plugins"][1]["script"]["fail"] = json!({"verb": "ADD", "code": 120, "msg": "no"});
    stage.node.definition("shop", "lan", &list);
    stage
        .node
        .definition("shop", "never", &stage.network("never", json!({})));
    stage.node.pod_with("shop", "web", "lan,never");
    let answer = stage.node.call("ADD", &stage.container, &stage.conf());
    answer.refused(
        120,
        &[
            "[shop/web/:lan]",
            "plugin type=\"beta\"",
            "failed (add)",
            "no",
        ],
    );
    let plugins: Vec<String> = stage
        .recorder
        .calls()
        .unwrap()
        .iter()
        .map(|call| format!("{} {}", call.verb, call.plugin))
        .collect();
    // The plugin that was never reached is asked too, as the specification wants it of a runtime.
    let expected = [
        "ADD alpha",
        "ADD alpha",
        "ADD beta",
        "DEL gamma",
        "DEL beta",
        "DEL alpha",
        "DEL alpha",
    ];
    assert_eq!(plugins, expected);
    assert!(!stage.node.state.join("pod").exists());
}

#[test]
fn del_goes_without_result_where_the_cached_one_is_gone_or_broken() {
    // B4.127, Q26
    let stage = Stage::new();
    stage
        .node
        .definition("shop", "lan", &chain(&stage, "1.0.0"));
    let conf = stage.conf();
    let file = stage.node.state.join("results/lan-pod-net1");
    for text in [
        None,
        Some(""),
        Some("{\"kind\": \"cniCacheV1\", \"resu"),
        Some("[]"),
        Some("{\"kind\": \"other\"}"),
    ] {
        stage.add(&conf, "lan");
        std::fs::remove_file(&file).unwrap();
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let dels = stage.del(&conf);
        assert_eq!(summary(&dels[..3]), ["DEL lan net1"; 3], "{text:?}");
        assert_eq!(dels[0].at("/prevResult"), &Value::Null, "{text:?}");
        assert!(!file.exists(), "{text:?}");
    }
}
