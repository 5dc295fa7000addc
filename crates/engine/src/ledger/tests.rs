use cni::{ContainerId, IfName, NetworkConf};
use plan::{PodArgs, PodRef, Requests, RouteChange, RuntimeConfig};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
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
fn what_a_later_release_wrote_stays_when_a_ledger_is_rewritten() {
    let mut before: Value = serde_json::from_slice(SHORT).unwrap();
    let ledger = decode(SHORT).unwrap();
    let mut ours: Value = serde_json::from_slice(&ledger.encode().unwrap()).unwrap();
    let last = ledger.records.len() - 1;
    before[last]["Later"] = json!(1);
    ours[0]["multusRs"]["container"]["later"] = json!(2);
    ours[1]["multusRs"]["later"] = json!({"a": [3]});
    ours[last]["Later"] = json!(4);
    let rewritten = |ledger: &Ledger, before: &Value| -> Value {
        let text = ledger.encode_over(before.to_string().as_bytes()).unwrap();
        serde_json::from_slice(&text).unwrap()
    };

    // Of what is left of it, the first one is gone.
    let mut rest = ledger.clone();
    rest.phase = Phase::Detaching;
    rest.records.remove(0);
    let after = rewritten(&rest, &ours);
    assert_eq!(after[0]["multusRs"]["container"]["later"], 2);
    assert_eq!(after[0]["multusRs"]["container"]["phase"], "detaching");
    assert_eq!(after[0]["multusRs"]["later"], json!({"a": [3]}));
    assert_eq!(after[last - 1]["Later"], 4);
    assert_eq!(rewritten(&ledger, &before)[last]["Later"], 1);

    // Nothing strange: nothing else is written than ever, and what is settled does not come back.
    let mut owing = ledger.clone();
    owing.owed_status = Some(OwedStatus {
        text: "[1]".to_owned(),
        earlier: Some("[0]".to_owned()),
    });
    let owed = owing.encode().unwrap();
    for before in [&owed[..], b"", b"{}", b"[1]"] {
        assert_eq!(
            ledger.encode_over(before).unwrap(),
            ledger.encode().unwrap()
        );
    }
}

#[test]
fn every_key_that_is_written_is_a_known_one() {
    let mut ledger = decode(JSON).unwrap();
    ledger.records.extend(decode(SHORT).unwrap().records);
    ledger.owed_status = Some(OwedStatus {
        text: "[1]".to_owned(),
        earlier: Some("[0]".to_owned()),
    });
    let written: Value = serde_json::from_slice(&ledger.encode().unwrap()).unwrap();
    for element in written.as_array().unwrap() {
        for (place, known) in [
            ("", &kept::ELEMENT[..]),
            ("/multusRs", &kept::OWN),
            ("/multusRs/container", &kept::CONTAINER),
        ] {
            let keys = element.pointer(place).and_then(Value::as_object);
            for key in keys.into_iter().flat_map(|keys| keys.keys()) {
                assert!(known.contains(&key.as_str()), "{key}");
            }
        }
    }
}

#[test]
fn ours_keeps_what_upstream_loses() {
    // Q20
    let conf = json!({"cniVersion": "1.0.0", "name": "n", "type": "bridge"});
    let record = Attachment {
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
            owed_status: Some(OwedStatus {
                text: "[1]".to_owned(),
                earlier: Some("[0]".to_owned()),
            }),
        };
        let read = decode(&ledger.encode().unwrap()).unwrap();
        assert_eq!(read.phase, phase);
        // What is not attached owes nothing.
        let owed = ledger.owed_status.filter(|_| phase == Phase::Attached);
        assert_eq!(read.owed_status, owed);
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

prop_compose! {
    fn requests()(
        mac in option::of("[0-9a-f:]{1,5}"),
        infiniband_guid in option::of("[0-9a-f:]{1,5}"),
        ips in vec("[0-9.]{1,5}", 0..3),
        default_route in option::of(vec(any::<std::net::IpAddr>(), 0..3)),
        device in option::of(("[a-z]{1,3}", "[a-z]{1,3}")),
    ) -> Requests {
        let (device_id, resource_name) = device.unzip();
        Requests { mac, infiniband_guid, ips, default_route, device_id, resource_name, ..Requests::default() }
    }
}

prop_compose! {
    fn record()(
        name in "[a-z]{1,3}(/[a-z]{1,3})?",
        plugin in "[a-z]{1,3}",
        list in any::<bool>(),
        ifname in "[a-z]{1,5}[0-9]{0,2}",
        requests in requests(),
        args in vec(any::<(String, String)>(), 0..4),
        capability in option::of((any::<String>(), any::<i64>())),
        [remove_v4, remove_v6] in any::<[bool; 2]>(),
    ) -> Attachment {
        let text = match list {
            true => json!({"name": "n", "plugins": [{"type": plugin}]}),
            false => json!({"name": "n", "type": plugin}),
        };
        Attachment {
            name,
            conf: NetworkConf::parse(text.to_string().as_bytes()).unwrap(),
            ifname: IfName::parse(&ifname).unwrap(),
            args,
            capability_args: capability.into_iter().map(|(key, value)| (key, json!(value))).collect(),
            requests,
            routes: RouteChange { remove_v4, remove_v6, add: Vec::new() },
        }
    }
}

proptest! {
    #[test]
    fn what_was_written_is_enough_to_undo_it(records in vec(record(), 1..4), time in any::<u64>(), uid in any::<String>()) {
        // B2.60–B2.72, B4.105
        let mut container = container();
        container.time = time;
        container.pod.uid = uid;
        let ledger = Ledger { container, phase: Phase::Detaching, records, owed_status: None };
        let bytes = ledger.encode().unwrap();
        let read = decode(&bytes).unwrap();
        prop_assert_eq!((&read.container, read.phase), (&ledger.container, ledger.phase));
        prop_assert_eq!(read.records.len(), ledger.records.len());
        for (index, (read, written)) in read.records.iter().zip(&ledger.records).enumerate() {
            prop_assert_eq!((&read.name, &read.ifname), (&written.name, &written.ifname));
            prop_assert_eq!((&read.conf, &read.args), (&written.conf, &written.args));
            prop_assert_eq!(&read.capability_args, &written.capability_args);
            let interface = read.requests.interface.clone();
            let requests = Requests { interface: interface.clone(), ..written.requests.clone() };
            prop_assert_eq!(&read.requests, &requests);
            // What upstream computes from its part of the element is the same name.
            let upstream = plan::generated_ifname(index, interface.as_deref(), &ledger.container.ifname);
            prop_assert_eq!(upstream.as_str(), written.ifname.as_str());
        }
        prop_assert_eq!(read.encode().unwrap(), bytes);
    }

    #[test]
    fn no_document_makes_the_reader_panic(text in any::<String>(), key in "[a-zA-Z]{1,9}", bytes in any::<Vec<u8>>()) {
        let _ = decode(&bytes);
        let _ = decode(json!([{key: text}]).to_string().as_bytes());
    }
}
