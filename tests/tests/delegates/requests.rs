//! Standard input: the plugin's configuration with the network's name and version, and what is added to it.

use serde_json::{Value, json};

use crate::stage::Stage;

#[test]
fn a_plugin_gets_its_configuration_with_the_networks_name_and_version() {
    // B5.67, B4.123
    let stage = Stage::new();
    let list = json!({"cniVersion": "0.4.0", "name": "lan", "keyOfTheList": 1, "plugins": [
        stage.plugin("alpha", json!({"own": {"key": [1, "two", null]}})),
        stage.plugin("beta", json!({"name": "of-the-plugin", "cniVersion": "0.2.0"})),
    ]});
    stage.node.definition("shop", "lan", &list);
    let calls = stage.add(&stage.conf(), "lan");
    let (first, second) = (
        calls[1].config.as_ref().unwrap(),
        calls[2].config.as_ref().unwrap(),
    );
    let mut expected = list["plugins"][0].clone();
    expected["name"] = json!("lan");
    expected["cniVersion"] = json!("0.4.0");
    assert_eq!(first, &expected);
    assert_eq!(
        (&second["name"], &second["cniVersion"]),
        (&json!("lan"), &json!("0.4.0"))
    );
}

#[test]
fn a_configuration_without_name_gets_the_definitions() {
    // B5.57, MN-010
    let stage = Stage::new();
    for (name, config) in [
        (
            "single",
            stage.plugin("alpha", json!({"cniVersion": "0.3.1"})),
        ),
        (
            "list",
            json!({"cniVersion": "0.3.1", "plugins": [stage.plugin("alpha", json!({}))]}),
        ),
        (
            "empty",
            stage.plugin("alpha", json!({"cniVersion": "0.3.1", "name": ""})),
        ),
    ] {
        stage.node.definition("shop", name, &config);
    }
    let calls = stage.add(&stage.conf(), "single,list,empty");
    let names: Vec<&str> = calls.iter().map(|call| call.network()).collect();
    assert_eq!(names, ["cluster", "single", "list", "empty"]);
}

#[test]
fn a_configuration_without_version_is_passed_without_one() {
    // B4.123, B4.104, Q28: upstream fills one in for DEL, in lists
    let stage = Stage::new();
    let mut network = stage.network("old", json!({}));
    network.as_object_mut().unwrap().remove("cniVersion");
    stage.node.definition("shop", "old", &network);
    let list = json!({"name": "list", "plugins": [stage.plugin("alpha", json!({}))]});
    stage.node.definition("shop", "list", &list);
    let mut calls = stage.add(&stage.conf(), "old,list");
    calls.extend(stage.del(&stage.conf()));
    let own = calls.iter().filter(|call| call.network() != "cluster");
    let versions: Vec<_> = own.map(|call| call.at("/cniVersion").clone()).collect();
    assert_eq!(versions, [""; 4]);
}

#[test]
fn what_multus_does_not_know_is_passed_on_unchanged() {
    // B0.4, Q76
    let stage = Stage::new();
    let text = r#"{"cniVersion": "1.0.0", "name": "odd", "type": "alpha", "big": 9007199254740993, "small": 1e-7,
        "text": "<a> & \"b\" é \u0001", "Case": 1, "case": 2, "nested": {"z": 1, "a": [[], {}]}, "script": SCRIPT}"#;
    let script = json!({"record": stage.recorder.path()}).to_string();
    let definition = json!({"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": "odd", "namespace": "shop"}, "spec": {"config": text.replace("SCRIPT", &script)}});
    stage.node.manifest("odd.json", &definition.to_string());
    let calls = stage.add(&stage.conf(), "odd");
    let raw = String::from_utf8(calls[1].stdin.clone()).unwrap();
    assert!(raw.contains("9007199254740993"), "{raw}");
    let config = calls[1].config.as_ref().unwrap();
    let expected: Value = serde_json::from_str(&text.replace("SCRIPT", &script)).unwrap();
    assert_eq!(config, &expected);
}

#[test]
fn the_pods_cni_args_are_merged_into_every_plugin() {
    // B5.63, MN-035
    let stage = Stage::new();
    let list = json!({"cniVersion": "1.0.0", "name": "lan", "plugins": [
        stage.plugin("alpha", json!({"args": {"other": 1, "cni": {"x": "plugin", "y": "plugin"}}})),
        stage.plugin("beta", json!({})),
    ]});
    stage.node.definition("shop", "lan", &list);
    let calls = stage.add(
        &stage.conf(),
        r#"[{"name": "lan", "cni-args": {"x": "pod", "z": {"deep": true}}}]"#,
    );
    assert_eq!(calls[0].at("/args"), &Value::Null);
    assert_eq!(
        calls[1].at("/args"),
        &json!({"other": 1, "cni": {"x": "pod", "y": "plugin", "z": {"deep": true}}})
    );
    assert_eq!(
        calls[2].at("/args"),
        &json!({"cni": {"x": "pod", "z": {"deep": true}}})
    );
    // What was passed on ADD is passed on DEL.
    let dels = stage.del(&stage.conf());
    assert_eq!(dels[0].at("/args/cni/x"), "pod");
    assert_eq!(dels[1].at("/args/cni/x"), "pod");
}

#[test]
fn arguments_that_cannot_be_merged_are_refused_before_anything_runs() {
    // Q7
    let stage = Stage::new();
    stage.node.definition(
        "shop",
        "lan",
        &stage.network("lan", json!({"args": "text"})),
    );
    stage
        .node
        .pod_with("shop", "web", r#"[{"name": "lan", "cni-args": {"x": 1}}]"#);
    stage
        .node
        .call("ADD", &stage.container, &stage.conf())
        .refused(7, &["shop/web", "shop/lan", "args"]);
    assert!(stage.recorder.calls().unwrap().is_empty());
}

#[test]
fn gc_tells_every_networks_plugins_what_is_in_use() {
    // B4.140, B4.141, Q15, T3.20, #95: the key has two names; upstream runs the default network alone
    let stage = Stage::new();
    let of_1_1 = json!({"cniVersion": "1.1.0"});
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", of_1_1.clone()));
    stage
        .node
        .definition("shop", "older", &stage.network("older", json!({})));
    let mut conf = stage.node.conf(&[stage.network("cluster", of_1_1)]);
    conf["cniVersion"] = json!("1.1.0");
    stage.add(&conf, "lan,older@data0");
    stage.recorder.clear().unwrap();
    let mut listed = conf.clone();
    listed["cni.dev/valid-attachments"] = json!([{"containerID": "pod", "ifname": "eth0"}]);
    stage.node.call("GC", &stage.container, &listed).silent();
    let calls = stage.recorder.calls().unwrap();
    let mut networks: Vec<&str> = calls.iter().map(|call| call.network()).collect();
    networks.sort_unstable();
    assert_eq!(networks, ["cluster", "lan"]);
    for call in &calls {
        let ifname = if call.network() == "lan" {
            "net1"
        } else {
            "eth0"
        };
        let expected = json!([{"containerID": "pod", "ifname": ifname}]);
        assert_eq!(call.at("/cni.dev~1valid-attachments"), &expected);
        assert_eq!(call.at("/cni.dev~1attachments"), &expected);
        assert_eq!(
            (
                call.variable("CNI_CONTAINERID"),
                call.variable("CNI_IFNAME")
            ),
            ("", "")
        );
        assert_eq!(
            (call.variable("CNI_NETNS"), call.variable("CNI_ARGS")),
            ("", "")
        );
        assert_eq!(call.verb, "GC");
    }
}

#[test]
fn status_asks_with_name_and_version_alone() {
    // B4.138
    let stage = Stage::new();
    let list = json!({"cniVersion": "1.1.0", "name": "cluster", "plugins": [
        stage.plugin("alpha", json!({"capabilities": {"mac": true}})), stage.plugin("beta", json!({})),
    ]});
    let mut conf = stage.node.conf(std::slice::from_ref(&list));
    conf["cniVersion"] = json!("1.1.0");
    conf["runtimeConfig"] = json!({"mac": "02:00:00:00:00:01"});
    stage.node.call("STATUS", &stage.container, &conf).silent();
    let calls = stage.recorder.calls().unwrap();
    let verbs: Vec<&str> = calls.iter().map(|call| call.verb.as_str()).collect();
    assert_eq!(verbs, ["STATUS", "STATUS"]);
    let mut expected = list["plugins"][0].clone();
    expected["name"] = json!("cluster");
    expected["cniVersion"] = json!("1.1.0");
    assert_eq!(calls[0].config.as_ref(), Some(&expected));
    assert_eq!(calls[0].variable("CNI_CONTAINERID"), "");
}
