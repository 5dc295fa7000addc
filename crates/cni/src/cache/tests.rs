use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn entry() -> CacheEntry {
    let result = json!({"cniVersion": "0.3.1", "ips": [{"address": "192.168.10.2/24"}]});
    CacheEntry {
        container_id: "0101".into(),
        config: br#"{"type":"x"}"#.to_vec(),
        if_name: "net1".into(),
        network_name: "macvlan-a".into(),
        netns: "/run/netns/x".into(),
        cni_args: vec![("A".into(), "1".into()), ("A".into(), "b=c".into())],
        capability_args: Map::from_iter([("mac".into(), json!("m"))]),
        result: Some(CniResult::from_value(result, Version::LATEST).unwrap()),
    }
}

fn stored(bytes: &[u8]) -> Result<Option<CniResult>, CacheError> {
    stored_result(bytes, "macvlan-a", "0101", "net1")
}

#[test]
fn an_entry_is_written_as_upstream_writes_it() {
    // B4.126
    let text = concat!(
        r#"{"kind":"cniCacheV1","containerId":"0101","config":"eyJ0eXBlIjoieCJ9","ifName":"net1","networkName":"macvlan-a","#,
        r#""netns":"/run/netns/x","cniArgs":[["A","1"],["A","b=c"]],"capabilityArgs":{"mac":"m"},"#,
        r#""result":{"cniVersion":"0.3.1","dns":{},"ips":[{"address":"192.168.10.2/24","version":"4"}]}}"#,
    );
    assert_eq!(String::from_utf8(entry().encode().unwrap()).unwrap(), text);
    assert_eq!(CacheEntry::parse(text.as_bytes()).unwrap(), entry());
}

#[test]
fn empty_parts_are_left_out_and_may_be_absent() {
    let entry = CacheEntry {
        netns: String::new(),
        cni_args: Vec::new(),
        capability_args: Map::new(),
        result: None,
        ..entry()
    };
    let bytes = entry.encode().unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("netns"));
    assert_eq!(CacheEntry::parse(&bytes).unwrap(), entry);
    assert!(entry.is_of("macvlan-a", "0101", "net1"));
}

#[test]
fn the_entry_of_another_attachment_counts_as_none() {
    // #56, #101: both have the file name a-b-c-eth0
    let bytes = CacheEntry {
        network_name: "a-b".into(),
        container_id: "c".into(),
        ..entry()
    }
    .encode()
    .unwrap();
    assert!(stored_result(&bytes, "a-b", "c", "net1").unwrap().is_some());
    assert!(stored_result(&bytes, "a", "b-c", "net1").unwrap().is_none());
    assert!(stored_result(&bytes, "a-b", "c", "net2").unwrap().is_none());
}

#[test]
fn what_is_no_whole_entry_is_an_error() {
    // #100, #102
    let whole = entry().encode().unwrap();
    for bytes in [
        &b""[..],
        b"x",
        b"[]",
        b"{}",
        br#"{"kind":"other"}"#,
        &whole[..whole.len() - 1],
    ] {
        assert!(stored(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
    }
    for change in [
        json!({"config": "%"}),
        json!({"result": {"cniVersion": "5.0.0"}}),
        json!({"cniArgs": [["a"]]}),
    ] {
        let mut value: Value = serde_json::from_slice(&whole).unwrap();
        value
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        assert!(stored(value.to_string().as_bytes()).is_err(), "{change}");
    }
}

#[test]
fn a_bare_result_of_old_times_is_accepted_with_its_label() {
    // #103
    let result = stored(br#"{"cniVersion":"0.4.0","interfaces":[{"name":"a"}]}"#)
        .unwrap()
        .unwrap();
    assert_eq!(
        (result.version, result.interfaces.len()),
        (Version::V0_4_0, 1)
    );
    assert!(matches!(
        stored(br#"{"interfaces":[]}"#),
        Err(CacheError::Kind)
    ));
}

proptest! {
    #[test]
    fn what_was_stored_is_read_back(
        [container_id, if_name, network_name, netns] in any::<[String; 4]>(),
        config in any::<Vec<u8>>(),
        cni_args in vec(any::<(String, String)>(), 0..4),
        capability in any::<(String, i64)>(),
    ) {
        let entry = CacheEntry {
            container_id,
            config,
            if_name,
            network_name,
            netns,
            cni_args,
            capability_args: Map::from_iter([(capability.0, json!(capability.1))]),
            ..entry()
        };
        prop_assert_eq!(CacheEntry::parse(&entry.encode().unwrap()).unwrap(), entry);
    }
}
