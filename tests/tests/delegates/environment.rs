//! Variables: the six of CNI, interface names, `CNI_ARGS`, and what is inherited.

use serde_json::json;
use suites::node::DEFAULT_NETWORK;
use testkit::scripted::Call;

use crate::stage::{Stage, summary};

#[test]
fn a_delegate_gets_the_six_variables() {
    // B4.120, B4.121, B4.67
    let stage = Stage::new();
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", json!({})));
    let conf = stage.conf();
    let calls = stage.add(&conf, "lan");
    let calls: Vec<Call> = calls.into_iter().chain(stage.del(&conf)).collect();
    assert_eq!(
        summary(&calls),
        [
            "ADD cluster eth0",
            "ADD lan net1",
            "DEL lan net1",
            "DEL cluster eth0"
        ]
    );
    for call in calls {
        let names: Vec<&str> = call.cni.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "CNI_ARGS",
                "CNI_COMMAND",
                "CNI_CONTAINERID",
                "CNI_IFNAME",
                "CNI_NETNS",
                "CNI_PATH"
            ]
        );
        assert_eq!(call.variable("CNI_CONTAINERID"), "pod");
        assert_eq!(call.variable("CNI_NETNS"), "/run/netns/pod");
        assert_eq!(
            call.variable("CNI_PATH"),
            stage.node.plugins.to_str().unwrap()
        );
        assert_eq!(call.argv.len(), 1, "{:?}", call.argv);
    }
}

#[test]
fn the_search_path_begins_with_bin_dir() {
    // B2.9, B4.120
    let stage = Stage::new();
    let mut conf = stage.conf();
    let own = stage.node.world.folder("own-bin").unwrap();
    testkit::scripted::install(&own, &["alpha"]).unwrap();
    conf["binDir"] = json!(own);
    let calls = stage.add(&conf, "");
    let expected = format!("{}:{}", own.display(), stage.node.plugins.display());
    assert_eq!(calls[0].variable("CNI_PATH"), expected);
    assert!(
        calls[0].argv[0].starts_with(own.to_str().unwrap()),
        "{:?}",
        calls[0].argv
    );
}

#[test]
fn interfaces_are_named_by_request_or_by_place() {
    // B4.60: an explicit name does not shift the numbers of the others
    let stage = Stage::new();
    for name in ["a", "b", "c"] {
        stage
            .node
            .definition("shop", name, &stage.network(name, json!({})));
    }
    let calls = stage.add(&stage.conf(), "a,b@data0,c,shop/a@again0");
    let expected = [
        "ADD cluster eth0",
        "ADD a net1",
        "ADD b data0",
        "ADD c net3",
        "ADD a again0",
    ];
    assert_eq!(summary(&calls), expected);
}

#[test]
fn inline_delegates_count_too() {
    // B2.10, B4.60
    let stage = Stage::new();
    stage
        .node
        .definition("shop", "a", &stage.network("a", json!({})));
    let conf = stage.node.conf(&[
        stage.network("cluster", json!({})),
        stage.network("second", json!({})),
    ]);
    let calls = stage.add(&conf, "a");
    assert_eq!(
        summary(&calls),
        ["ADD cluster eth0", "ADD second net1", "ADD a net2"]
    );
}

#[test]
fn the_pods_own_default_network_may_rename_the_first_interface() {
    // B3.63, B4.60
    let stage = Stage::new();
    let other = stage.network("other", json!({}));
    stage.node.definition("kube-system", "other", &other);
    stage
        .node
        .pod("shop", "web", &[(DEFAULT_NETWORK, "other@up0")]);
    stage.node.add(&stage.container, &stage.conf());
    assert_eq!(stage.recorder.summary().unwrap(), ["ADD other up0"]);
    assert_eq!(stage.node.status("shop", "web")[0]["interface"], "up0");
    assert_eq!(summary(&stage.del(&stage.conf())), ["DEL other up0"]);
}

#[test]
fn the_runtimes_interface_name_is_that_of_the_default_network() {
    let mut stage = Stage::new();
    stage.container.ifname = "uplink9".to_owned();
    stage
        .node
        .definition("shop", "a", &stage.network("a", json!({})));
    let calls = stage.add(&stage.conf(), "a");
    assert_eq!(summary(&calls), ["ADD cluster uplink9", "ADD a net1"]);
}

/// `CNI_ARGS` that the default network and the pod's network get for what the runtime says.
pub(crate) fn args(runtime: &str, networks: &str) -> (String, String) {
    let mut stage = Stage::new();
    stage.container = stage.container.with_args(runtime);
    stage
        .node
        .definition("shop", "a", &stage.network("a", json!({})));
    let calls = stage.add(&stage.conf(), networks);
    let of = |call: &Call| call.variable("CNI_ARGS").to_owned();
    (of(&calls[0]), of(&calls[1]))
}

#[test]
fn requested_mac_and_addresses_stand_at_the_end_of_cni_args() {
    // B4.41, B4.63
    let networks =
        r#"[{"name": "a", "mac": "02:00:00:00:00:01", "ips": ["10.0.0.2/24", "fd00::2"]}]"#;
    let (default, other) = args(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;IP=192.0.2.1",
        networks,
    );
    assert!(default.ends_with(";IP=192.0.2.1"), "{default}");
    assert!(
        other.ends_with(";K8S_POD_UID=;MAC=02:00:00:00:00:01;IP=10.0.0.2/24,fd00::2"),
        "{other}"
    );
}

#[test]
fn delegates_inherit_the_environment_but_nobody_elses_cni_variables() {
    // B4.121
    let mut stage = Stage::new();
    let more = [
        ("HTTPS_PROXY", "http://proxy.example.invalid"),
        ("TRACEPARENT", "00-1-2-01"),
        ("CNI_VERSION", "0.1.0"),
        ("CNI_FOREIGN", "1"),
        ("CNI_NETNS_OVERRIDE", "1"),
    ];
    for (name, value) in more {
        stage.container = stage.container.with_variable(name, value);
    }
    let recorded = json!({"script": {"record_environment": true}});
    let conf = stage.node.conf(&[stage.network("cluster", recorded)]);
    stage.node.add(&stage.container, &conf);
    let calls = stage.recorder.calls().unwrap();
    let environment = calls[0].environment.as_ref().unwrap();
    let get = |name: &str| environment.get(name).map(String::as_str);
    assert_eq!(get("HTTPS_PROXY"), Some("http://proxy.example.invalid"));
    assert_eq!(get("TRACEPARENT"), Some("00-1-2-01"));
    assert!(get("PATH").is_some());
    assert_eq!((get("CNI_VERSION"), get("CNI_FOREIGN")), (None, None));
    // Whoever lets multus run in the sandbox lets its delegates.
    assert_eq!(get("CNI_NETNS_OVERRIDE"), Some("1"));
    assert_eq!(get("CNI_COMMAND"), Some("ADD"));
}

#[test]
fn delegates_run_one_after_the_other_where_multus_runs() {
    // B4.28
    let stage = Stage::new();
    for name in ["a", "b"] {
        stage
            .node
            .definition("shop", name, &stage.network(name, json!({})));
    }
    let conf = stage.conf();
    let adds = stage.add(&conf, "a,b");
    let dels = stage.del(&conf);
    assert_eq!(
        summary(&dels),
        ["DEL b net2", "DEL a net1", "DEL cluster eth0"]
    );
    for calls in [adds, dels] {
        for pair in calls.windows(2) {
            assert!(pair[0].ended_before(&pair[1]));
            assert_eq!(pair[0].network_namespace, pair[1].network_namespace);
            assert_eq!(pair[0].mount_namespace, pair[1].mount_namespace);
        }
    }
}
