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
    // B2.1, B4.51
    let stage = Stage::new();
    let mut conf = stage
        .node
        .conf(&[stage.network("cluster", json!({"script": {"result": result("1.0.0")}}))]);
    conf.as_object_mut().unwrap().remove("cniVersion");
    let printed = stage.node.add(&stage.container, &conf);
    assert_eq!(printed, expected("0.1.0", &[]));
}

#[test]
fn what_the_newest_version_knows_stays_in_result_and_cache() {
    // B4.126; CNI 1.1.0: MTU, socket, device, and what routes may say
    let stage = Stage::new();
    let result = json!({
        "cniVersion": "1.1.0",
        "interfaces": [
            {"name": "eth0", "mac": "02:00:00:00:00:01", "mtu": 9000, "sandbox": "/run/netns/pod",
             "socketPath": "/run/vhost.sock", "pciID": "0000:03:02.0"},
            {"name": "veth0", "mac": "02:00:00:00:00:02", "mtu": 1500},
        ],
        "ips": [
            {"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0},
            {"address": "2001:db8::2/64", "gateway": "2001:db8::1", "interface": 0},
        ],
        "routes": [
            {"dst": "0.0.0.0/0", "gw": "10.0.0.1", "mtu": 1400, "advmss": 1300, "priority": 7, "table": 5, "scope": 0},
            {"dst": "::/0", "gw": "2001:db8::1"},
        ],
        "dns": {"nameservers": ["10.0.0.53"], "domain": "x.test", "search": ["a.test"], "options": ["ndots:2"]},
    });
    let script = json!({"cniVersion": "1.1.0", "script": {"result": result}});
    let mut conf = stage.node.conf(&[stage.network("cluster", script)]);
    conf["cniVersion"] = json!("1.1.0");
    stage.node.pod_with("shop", "web", "");
    assert_eq!(stage.node.add(&stage.container, &conf), result);
    assert_eq!(
        stage.node.cached("cluster", "pod", "eth0")["result"],
        result
    );
    // B3.71, B3.73, B3.77
    let expected = json!([{
        "name": "cluster", "interface": "eth0", "ips": ["10.0.0.2", "2001:db8::2"], "mac": "02:00:00:00:00:01",
        "mtu": 9000, "default": true, "gateway": ["10.0.0.1", "2001:db8::1"], "dns": result["dns"],
    }]);
    assert_eq!(stage.node.status("shop", "web"), expected);
    stage.recorder.clear().unwrap();
    let dels = stage.del(&conf);
    assert_eq!(dels[0].at("/prevResult"), &result);
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
    // B4.46, T1.17: upstream only logs it
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
