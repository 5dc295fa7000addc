use cni::{ContainerId, IfName, NetworkConf};
use plan::{PodArgs, PodRef, Requests, RouteChange, RuntimeConfig};
use serde_json::{Value, json};

use super::*;

const SHORT: &[u8] = include_bytes!("../../tests/fixtures/upstream-short.json");
const JSON: &[u8] = include_bytes!("../../tests/fixtures/upstream-json.json");

fn container() -> Container {
    Container {
        id: ContainerId::parse("c1").unwrap(),
        netns: "/run/netns/x".into(),
        ifname: "eth0".into(),
        pod: PodRef {
            namespace: "ns".into(),
            name: "pod".into(),
            uid: "u".into(),
        },
        cni_args: "IgnoreUnknown=1".into(),
        configuration: "multus".into(),
        time: 7,
    }
}

fn decode(bytes: &[u8]) -> Result<Ledger, LedgerError> {
    let container = container();
    let args = PodArgs::parse("IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod").unwrap();
    let runtime_config = RuntimeConfig::default();
    Ledger::decode(
        bytes,
        &Remembered {
            container: &container,
            args: &args,
            runtime_config: &runtime_config,
        },
    )
}

fn without_own(bytes: &[u8]) -> Value {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    for element in value.as_array_mut().unwrap() {
        element.as_object_mut().unwrap().remove("multusRs");
    }
    value
}

#[test]
fn what_upstream_wrote_is_read_and_written_back_the_same() {
    // B2.60–B2.72, T1.22
    for bytes in [SHORT, JSON] {
        let ledger = decode(bytes).unwrap();
        assert_eq!(without_own(&ledger.encode().unwrap()), without_own(bytes));
    }
}

#[test]
fn interface_names_and_arguments_of_upstreams_ledgers_are_computed_as_it_does() {
    // B4.60, B4.105
    let ledger = decode(SHORT).unwrap();
    let names: Vec<&str> = ledger
        .records
        .iter()
        .map(|record| record.ifname.as_str())
        .collect();
    assert_eq!(names, ["eth0", "net1", "data0"]);
    let ledger = decode(JSON).unwrap();
    let keys: Vec<&str> = ledger.records[2]
        .args
        .iter()
        .map(|(key, _)| key.as_str())
        .collect();
    assert_eq!(keys.first(), Some(&"IgnoreUnknown"));
    assert!(
        ledger
            .records
            .iter()
            .any(|record| record.requests.mac.is_some() || !record.requests.ips.is_empty())
    );
}

#[test]
fn ours_keeps_what_upstream_loses() {
    // Q20
    let conf = json!({"cniVersion": "1.0.0", "name": "n", "type": "bridge"});
    let record = Record {
        name: "ns/n".into(),
        conf: NetworkConf::parse(conf.to_string().as_bytes()).unwrap(),
        ifname: IfName::parse("net7").unwrap(),
        args: vec![
            ("IgnoreUnknown".into(), "true".into()),
            ("X".into(), "y=z".into()),
        ],
        capability_args: json!({"bandwidth": {"ingressRate": 1}})
            .as_object()
            .unwrap()
            .clone(),
        requests: Requests {
            default_route: Some(Vec::new()),
            ..Requests::default()
        },
        routes: RouteChange::default(),
    };
    for phase in [Phase::Attaching, Phase::Attached, Phase::Detaching] {
        let ledger = Ledger {
            container: container(),
            phase,
            records: vec![record.clone()],
        };
        let read = decode(&ledger.encode().unwrap()).unwrap();
        assert_eq!(read.phase, phase);
        assert_eq!(read.container, container());
        assert_eq!(read.records[0].ifname.as_str(), "net7");
        assert_eq!(read.records[0].args, record.args);
        assert_eq!(read.records[0].capability_args, record.capability_args);
        assert_eq!(
            read.records[0].requests.default_route,
            Some(Vec::new()),
            "[] is kept (B2.67)"
        );
    }
}

#[test]
fn device_and_resource_stand_where_upstream_has_them() {
    // B2.69, B4.65, B4.105, B4.106
    let mut upstream = without_own(SHORT);
    upstream[1]["deviceID"] = json!("0000:03:02.0");
    upstream[1]["resourceName"] = json!("example.com/nic");
    let ledger = decode(upstream.to_string().as_bytes()).unwrap();
    let record = &ledger.records[1];
    assert_eq!(record.requests.device_id.as_deref(), Some("0000:03:02.0"));
    assert_eq!(
        record.requests.resource_name.as_deref(),
        Some("example.com/nic")
    );
    let name = record.name.replace('/', "-");
    let file = format!("/var/run/k8s.cni.cncf.io/devinfo/cni/{name}-c1_net1");
    assert_eq!(record.capability_args["deviceID"], "0000:03:02.0");
    assert_eq!(record.capability_args["CNIDeviceInfoFile"], json!(file));
    let without = &ledger.records[2].capability_args;
    assert!(!without.contains_key("CNIDeviceInfoFile"));
    assert_eq!(without_own(&ledger.encode().unwrap()), upstream);
}

#[test]
fn a_ledger_that_is_none_is_an_error_and_never_a_crash() {
    // Q6, Q26
    for bytes in [
        &b""[..],
        b"{",
        b"[]",
        b"[null]",
        b"[1]",
        b"{}",
        b"[{\"Bytes\":\"e30=\"}]",
        b"[{\"Bytes\":\"*\"}]",
    ] {
        assert!(
            decode(bytes).is_err(),
            "{:?}",
            String::from_utf8_lossy(bytes)
        );
    }
}
