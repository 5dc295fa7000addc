//! `runtimeConfig`: what the runtime knows and what the pod asks for, to each plugin what it declares.

use serde_json::{Value, json};
use suites::node::DEFAULT_NETWORK;

use crate::stage::Stage;

/// Everything that a runtime passes, with containerd's spelling of keys.
fn of_containerd() -> Value {
    json!({
        "portMappings": [
            {"HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": ""},
            {"HostPort": 5353, "ContainerPort": 53, "Protocol": "udp", "HostIP": "192.0.2.1"},
        ],
        "bandwidth": {"IngressRate": 1000, "IngressBurst": 2000, "EgressRate": 0, "EgressBurst": 0},
        "dns": {"Servers": ["192.0.2.53"], "Searches": null, "Options": null},
        "ipRanges": [[{"Subnet": "192.0.2.0/24"}]],
        "cgroupPath": "/kubepods/pod1",
        "io.kubernetes.cri.pod-annotations": {"a": "b"},
        "mac": "02:00:00:00:00:0a",
        "ips": ["192.0.2.7/24"],
    })
}

/// All capabilities that there are.
fn everything() -> Value {
    json!({"portMappings": true, "bandwidth": true, "ips": true, "mac": true, "infinibandGUID": true, "deviceID": true, "dns": true, "ipRanges": true, "cgroupPath": true, "aliases": true, "io.kubernetes.cri.pod-annotations": true})
}

#[test]
fn a_plugin_gets_what_it_declares_in_the_spelling_of_the_specification() {
    // B4.124, B2.40, B2.41, B2.47, T3.14; containerd's keys are Go's
    let stage = Stage::new();
    let list = json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [
        stage.plugin("alpha", json!({"capabilities": everything()})),
        stage.plugin("beta", json!({"capabilities": {"portMappings": true, "bandwidth": false}})),
        stage.plugin("gamma", json!({})),
    ]});
    let mut conf = stage.node.conf(&[list]);
    conf["runtimeConfig"] = of_containerd();
    let calls = stage.add(&conf, "");
    let ports = json!([
        {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"},
        {"hostPort": 5353, "containerPort": 53, "protocol": "udp", "hostIP": "192.0.2.1"},
    ]);
    let bandwidth =
        json!({"ingressRate": 1000, "ingressBurst": 2000, "egressRate": 0, "egressBurst": 0});
    assert_eq!(
        calls[0].at("/runtimeConfig"),
        &json!({"portMappings": ports, "bandwidth": bandwidth, "mac": "02:00:00:00:00:0a", "ips": ["192.0.2.7/24"]})
    );
    assert_eq!(
        calls[1].at("/runtimeConfig"),
        &json!({"portMappings": ports})
    );
    assert_eq!(calls[2].at("/runtimeConfig"), &Value::Null);
    // What was declared stays to be seen.
    assert_eq!(calls[1].at("/capabilities/portMappings"), true);
}

#[test]
fn a_static_runtime_config_stays_where_nothing_takes_its_place() {
    // B4.124
    let stage = Stage::new();
    let list = json!({"cniVersion": "1.0.0", "name": "cluster", "plugins": [
        stage.plugin("alpha", json!({"runtimeConfig": {"mac": "static"}, "capabilities": {"mac": true}})),
        stage.plugin("beta", json!({"runtimeConfig": {"mac": "static"}})),
    ]});
    let mut conf = stage.node.conf(&[list]);
    conf["runtimeConfig"] = json!({"mac": "02:00:00:00:00:0a"});
    let calls = stage.add(&conf, "");
    assert_eq!(
        calls[0].at("/runtimeConfig"),
        &json!({"mac": "02:00:00:00:00:0a"})
    );
    assert_eq!(calls[1].at("/runtimeConfig"), &json!({"mac": "static"}));
}

#[test]
fn the_runtimes_arguments_reach_secondary_networks_too() {
    // B2.48
    let stage = Stage::new();
    let lan = stage.network("lan", json!({"capabilities": {"portMappings": true}}));
    stage.node.definition("shop", "lan", &lan);
    let mut conf = stage.conf();
    conf["runtimeConfig"] = of_containerd();
    let calls = stage.add(&conf, "lan");
    assert_eq!(calls[0].at("/runtimeConfig"), &Value::Null);
    assert_eq!(calls[1].at("/runtimeConfig/portMappings/0/hostPort"), 8080);
}

/// What a pod asks of one network.
const REQUESTS: &str = r#"[{"name": "lan", "mac": "02:00:00:00:00:01", "ips": ["10.0.0.2/24"],
    "infiniband-guid": "c2:11:22:33:44:55:66:77", "portMappings": [{"hostPort": 1, "containerPort": 2, "protocol": "sctp"}],
    "bandwidth": {"ingressRate": 5, "ingressBurst": 6, "egressRate": 7, "egressBurst": 8}}]"#;

#[test]
fn the_pods_requests_take_the_place_of_the_runtimes() {
    // B5.58, B5.65, B2.42–B2.46, B4.64, B3.34–B3.40, T3.13
    let stage = Stage::new();
    let all = json!({"capabilities": everything()});
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", all.clone()));
    stage
        .node
        .definition("shop", "plain", &stage.network("plain", all.clone()));
    let mut conf = stage.node.conf(&[stage.network("cluster", all)]);
    conf["runtimeConfig"] = of_containerd();
    let mut networks: Value = serde_json::from_str(REQUESTS).unwrap();
    networks
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "plain"}));
    let calls = stage.add(&conf, &networks.to_string());
    assert_eq!(calls[0].at("/runtimeConfig/mac"), "02:00:00:00:00:0a");
    assert_eq!(
        calls[1].at("/runtimeConfig"),
        &json!({"mac": "02:00:00:00:00:01", "ips": ["10.0.0.2/24"], "infinibandGUID": "c2:11:22:33:44:55:66:77",
            "portMappings": [{"hostPort": 1, "containerPort": 2, "protocol": "sctp"}],
            "bandwidth": {"ingressRate": 5, "ingressBurst": 6, "egressRate": 7, "egressBurst": 8}})
    );
    assert_eq!(calls[2].at("/runtimeConfig"), calls[0].at("/runtimeConfig"));
}

#[test]
fn an_empty_list_of_ports_takes_the_place_of_the_runtimes() {
    // B3.39, B4.64
    let stage = Stage::new();
    let all = json!({"capabilities": everything()});
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", all.clone()));
    let mut conf = stage.node.conf(&[stage.network("cluster", all)]);
    conf["runtimeConfig"] = of_containerd();
    let calls = stage.add(&conf, r#"[{"name": "lan", "portMappings": []}]"#);
    assert_eq!(calls[0].at("/runtimeConfig/portMappings/0/hostPort"), 8080);
    assert_eq!(calls[1].at("/runtimeConfig/portMappings"), &Value::Null);
    assert_eq!(calls[1].at("/runtimeConfig/mac"), "02:00:00:00:00:0a");
}

#[test]
fn check_and_del_get_the_arguments_of_the_add() {
    // B4.109, Q20: upstream forgets port mappings and bandwidth
    let stage = Stage::new();
    stage.node.definition(
        "shop",
        "lan",
        &stage.network("lan", json!({"capabilities": everything()})),
    );
    let conf = stage.conf();
    let adds = stage.add(&conf, REQUESTS);
    // The pod is another one by now, and the runtime says nothing.
    stage.node.pod_with("shop", "web", "");
    stage.recorder.clear().unwrap();
    stage.node.check(&stage.container, &conf);
    let checks = stage.recorder.calls().unwrap();
    let dels = stage.del(&conf);
    for call in [&checks[1], &dels[0]] {
        assert_eq!(
            call.at("/runtimeConfig"),
            adds[1].at("/runtimeConfig"),
            "{}",
            call.verb
        );
        assert_eq!(
            call.variable("CNI_ARGS"),
            adds[1].variable("CNI_ARGS"),
            "{}",
            call.verb
        );
        assert_eq!(call.variable("CNI_IFNAME"), "net1");
    }
}

#[test]
fn the_default_network_keeps_the_runtimes_arguments() {
    // B3.63: of its own requests only CNI_ARGS act
    let stage = Stage::new();
    let other = stage.network("other", json!({"capabilities": {"mac": true, "ips": true}}));
    stage.node.definition("kube-system", "other", &other);
    let request = r#"[{"name": "other", "mac": "02:00:00:00:00:01", "ips": ["10.0.0.2/24"]}]"#;
    stage.node.pod("shop", "web", &[(DEFAULT_NETWORK, request)]);
    let mut conf = stage.conf();
    conf["runtimeConfig"] = json!({"mac": "02:00:00:00:00:0a"});
    stage.node.add(&stage.container, &conf);
    let calls = stage.recorder.calls().unwrap();
    assert_eq!(
        calls[0].at("/runtimeConfig"),
        &json!({"mac": "02:00:00:00:00:0a"})
    );
    let args = calls[0].variable("CNI_ARGS");
    assert!(
        args.ends_with(";MAC=02:00:00:00:00:01;IP=10.0.0.2/24"),
        "{args}"
    );
}

#[test]
fn a_request_that_no_plugin_takes_does_not_fail_the_pod() {
    // B5.66
    let stage = Stage::new();
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", json!({})));
    let calls = stage.add(&stage.conf(), REQUESTS);
    assert_eq!(calls[1].at("/runtimeConfig"), &Value::Null);
    assert!(
        calls[1]
            .variable("CNI_ARGS")
            .ends_with(";MAC=02:00:00:00:00:01;IP=10.0.0.2/24")
    );
}

#[test]
fn a_plugin_that_asks_is_told_where_device_information_belongs() {
    // B4.65, device information 1.1.0
    let stage = Stage::new();
    let asks = json!({"capabilities": {"CNIDeviceInfoFile": true}});
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", asks));
    stage
        .node
        .definition("shop", "plain", &stage.network("plain", json!({})));
    let calls = stage.add(&stage.conf(), "lan,plain");
    let file = "/var/run/k8s.cni.cncf.io/devinfo/cni/shop-lan-pod_net1";
    assert_eq!(
        calls[1].at("/runtimeConfig"),
        &json!({"CNIDeviceInfoFile": file})
    );
    assert_eq!(calls[2].at("/runtimeConfig"), &Value::Null);
}
