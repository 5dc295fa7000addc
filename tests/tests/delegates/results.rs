//! Results of every version through configurations of every version, to a runtime of every version.

use serde_json::{Value, json};

use crate::stage::Stage;

const VERSIONS: [&str; 7] = [
    "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
];

/// The form of a result: `ip4` alone, `ips` with a family, `ips` without.
fn form(version: &str) -> u32 {
    match version {
        "0.1.0" | "0.2.0" => 2,
        "0.3.0" | "0.3.1" | "0.4.0" => 4,
        _ => 10,
    }
}

/// One interface, one address, one route, in the form of a version.
fn result(version: &str) -> Value {
    let dns = json!({"nameservers": ["10.0.0.53"]});
    if form(version) == 2 {
        let ip4 = json!({"ip": "10.0.0.2/24", "gateway": "10.0.0.1", "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}]});
        return json!({"cniVersion": version, "ip4": ip4, "dns": dns});
    }
    let mut ip = json!({"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0});
    if form(version) == 4 {
        ip["version"] = json!("4");
    }
    json!({"cniVersion": version, "interfaces": [{"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}],
        "ips": [ip], "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}], "dns": dns})
}

/// What `result` is in the form of another version after it went through all of these: the old form knows no interfaces.
fn expected(version: &str, on_the_way: &[&str]) -> Value {
    let mut value = result(version);
    let lost = on_the_way.iter().any(|version| form(version) == 2);
    if lost && form(version) != 2 {
        let keys = value.as_object_mut().unwrap();
        keys.remove("interfaces");
        keys["ips"][0].as_object_mut().unwrap().remove("interface");
    }
    value
}

/// Every version of a plugin's result in every version of its configuration is printed in this one (B4.52).
fn printed_as(version: &str) {
    let stage = Stage::new();
    for of_configuration in VERSIONS {
        for of_result in VERSIONS {
            let script =
                json!({"cniVersion": of_configuration, "script": {"result": result(of_result)}});
            let mut conf = stage.node.conf(&[stage.network("cluster", script)]);
            conf["cniVersion"] = json!(version);
            let printed = stage.node.add(&stage.container, &conf);
            let on_the_way = [of_result, of_configuration];
            assert_eq!(
                printed,
                expected(version, &on_the_way),
                "{of_result} in {of_configuration} to {version}"
            );
            let cached = &stage.node.cached("cluster", "pod", "eth0")["result"];
            assert_eq!(
                cached,
                &expected(of_configuration, &[of_result]),
                "{of_result} in {of_configuration}"
            );
            stage.node.del(&stage.container, &conf);
        }
    }
}

#[test]
fn results_of_all_versions_are_printed_in_the_first_versions() {
    printed_as("0.1.0");
    printed_as("0.2.0");
}

#[test]
fn results_of_all_versions_are_printed_in_version_0_3() {
    printed_as("0.3.0");
    printed_as("0.3.1");
}

#[test]
fn results_of_all_versions_are_printed_in_version_0_4_0() {
    printed_as("0.4.0");
}

#[test]
fn results_of_all_versions_are_printed_in_version_1() {
    printed_as("1.0.0");
    printed_as("1.1.0");
}

#[test]
fn a_configuration_without_version_gets_the_first() {
    // B2.1
    let stage = Stage::new();
    let mut conf = stage
        .node
        .conf(&[stage.network("cluster", json!({"script": {"result": result("1.0.0")}}))]);
    conf.as_object_mut().unwrap().remove("cniVersion");
    let printed = stage.node.add(&stage.container, &conf);
    assert_eq!(printed, expected("0.1.0", &[]));
}

#[test]
fn a_result_without_address_cannot_be_printed_in_version_0_2_0_and_is_undone() {
    let stage = Stage::new();
    let only_link = json!({"interfaces": [{"name": "eth0", "sandbox": "/run/netns/pod"}]});
    let mut conf = stage
        .node
        .conf(&[stage.network("cluster", json!({"script": {"result": only_link}}))]);
    conf["cniVersion"] = json!("0.2.0");
    stage.node.pod_with("shop", "web", "");
    let before = stage.node.snapshot();
    let (_, message) = stage.node.call("ADD", &stage.container, &conf).error();
    assert!(
        message.contains("shop/web")
            && message.contains("\"cluster\"")
            && message.contains("0.2.0"),
        "{message}"
    );
    assert_eq!(
        stage.recorder.summary().unwrap(),
        ["ADD cluster eth0", "DEL cluster eth0"]
    );
    stage.recorder.clear().unwrap();
    stage.node.nothing_left(&before, &[]);
}

#[test]
fn a_result_of_an_unknown_version_is_refused_and_undone() {
    let stage = Stage::new();
    let odd = json!({"cniVersion": "9.9.9", "interfaces": []});
    let conf = stage
        .node
        .conf(&[stage.network("cluster", json!({"script": {"result": odd}}))]);
    let (_, message) = stage.node.call("ADD", &stage.container, &conf).error();
    assert!(
        message.contains("\"cluster\"") && message.contains("9.9.9"),
        "{message}"
    );
    assert_eq!(
        stage.recorder.summary().unwrap(),
        ["ADD cluster eth0", "DEL cluster eth0"]
    );
}

#[test]
fn secondary_networks_of_every_version_stand_in_the_status() {
    // B3.73
    let stage = Stage::new();
    for version in VERSIONS {
        let mut result = result(version);
        if form(version) != 2 {
            result["interfaces"][0]["name"] = json!("${CNI_IFNAME}");
        }
        let network = stage.network(
            "lan",
            json!({"cniVersion": version, "script": {"result": result}}),
        );
        stage
            .node
            .definition("shop", &version.replace('.', "-"), &network);
    }
    let networks = VERSIONS.map(|version| version.replace('.', "-")).join(",");
    stage.add(&stage.conf(), &networks);
    let status = stage.node.status("shop", "web");
    for (index, version) in VERSIONS.iter().enumerate() {
        let entry = &status[index + 1];
        assert_eq!(entry["name"], format!("shop/{}", version.replace('.', "-")));
        assert_eq!(entry["ips"], json!(["10.0.0.2"]));
        assert_eq!(entry["gateway"], json!(["10.0.0.1"]));
        assert_eq!(entry["dns"], json!({"nameservers": ["10.0.0.53"]}));
        let interface = (form(version) != 2).then(|| json!(format!("net{}", index + 1)));
        assert_eq!(
            entry["interface"],
            interface.unwrap_or_default(),
            "{version}"
        );
    }
    stage.node.del(&stage.container, &stage.conf());
}
