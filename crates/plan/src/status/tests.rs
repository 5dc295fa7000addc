use super::*;
use serde_json::{Value, json};

fn statuses(is_default: bool, result: Value) -> Vec<NetworkStatus> {
    let result = CniResult::from_value(result, Version::V1_1_0).unwrap();
    network_statuses("ns/net", is_default, &result)
}

#[test]
fn a_single_interface_takes_all_addresses() {
    // B3.73, T6.7
    let found = statuses(
        false,
        json!({"cniVersion": "1.0.0",
            "interfaces": [{"name": "net1", "mac": "02:00:00:00:00:01", "sandbox": "/s", "mtu": 1500}],
            "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0}, {"address": "fd00::2/64"}],
            "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.9"}]}),
    );
    let [one] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (one.interface.as_str(), one.mac.as_str(), one.mtu),
        ("net1", "02:00:00:00:00:01", 1500)
    );
    assert_eq!(one.ips, ["10.0.0.2", "fd00::2"]);
    assert_eq!(one.gateway, ["10.0.0.9"]);
    assert!(!one.default);
}

#[test]
fn only_interfaces_in_the_sandbox_have_entries() {
    // B3.73, T6.7
    let found = statuses(
        true,
        json!({"cniVersion": "1.0.0",
            "interfaces": [{"name": "br"}, {"name": "veth"}, {"name": "eth0", "sandbox": "/s"}],
            "ips": [{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 2}]}),
    );
    let [one] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(one.default && one.interface == "eth0");
}

#[test]
fn the_first_interface_with_a_gateway_is_the_default_one() {
    // B3.73, Q21
    let interfaces =
        json!([{"name": "host"}, {"name": "a", "sandbox": "/s"}, {"name": "b", "sandbox": "/s"}]);
    let default = |ips: Value| -> Vec<bool> {
        let result = json!({"cniVersion": "1.0.0", "interfaces": interfaces.clone(), "ips": ips});
        statuses(true, result)
            .iter()
            .map(|status| status.default)
            .collect()
    };
    assert_eq!(
        default(json!([{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 2}])),
        [false, true]
    );
    assert_eq!(
        default(json!([{"address": "10.0.0.2/24", "interface": 2}])),
        [true, false]
    );
    assert_eq!(
        default(json!([{"address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0}])),
        [true, false]
    );
}

#[test]
fn an_address_without_index_goes_to_the_last_interface() {
    // B3.73, T6.7
    let found = statuses(
        false,
        json!({"cniVersion": "1.0.0", "interfaces": [{"name": "a", "sandbox": "/s"}, {"name": "b", "sandbox": "/s"}],
            "ips": [{"address": "10.0.0.2/24"}]}),
    );
    assert!(found[0].ips.is_empty());
    assert_eq!(found[1].ips, ["10.0.0.2"]);
}

#[test]
fn addresses_without_interface_make_a_minimal_entry_and_nothing_makes_none() {
    // Q21, MN-073
    assert!(statuses(true, json!({"cniVersion": "1.0.0"})).is_empty());
    let found = statuses(
        true,
        json!({"cniVersion": "0.2.0", "ip4": {"ip": "10.0.0.2/24"}}),
    );
    let [one] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(one.interface.is_empty() && one.ips == ["10.0.0.2"] && one.default);
}

#[test]
fn a_default_route_without_gateway_goes_through_that_of_its_address_or_is_not_listed() {
    // Q22
    let gateway = |ips: Value| {
        let result = json!({"cniVersion": "1.0.0", "interfaces": [{"name": "a", "sandbox": "/s"}], "ips": ips,
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "0.0.0.0/8", "gw": "10.0.0.7"}]});
        statuses(true, result)[0].gateway.clone()
    };
    assert_eq!(
        gateway(json!([{"address": "10.0.0.2/24", "gateway": "10.0.0.1"}])),
        ["10.0.0.1"]
    );
    assert!(gateway(json!([{"address": "10.0.0.2/24"}])).is_empty());
}

#[test]
fn the_empty_result_exists_in_every_version() {
    // B4.24, Q2, T3.19
    for version in Version::ALL {
        let value = empty_result(version, "eth0", "/s")
            .to_value(version)
            .unwrap();
        assert_eq!(value["cniVersion"], version.as_str());
        if version >= Version::V0_3_0 {
            assert_eq!(
                value["interfaces"],
                json!([{"name": "eth0", "sandbox": "/s"}])
            );
            assert_eq!(value["ips"][0]["address"], "0.0.0.0/0");
            assert_eq!(value["ips"][0]["gateway"], "0.0.0.0");
        } else {
            assert_eq!(
                value["ip4"],
                json!({"ip": "0.0.0.0/0", "gateway": "0.0.0.0"})
            );
        }
    }
}

#[test]
fn every_entry_has_the_name_and_the_name_service_of_its_attachment() {
    // B3.71, B3.72, MN-084
    let found = statuses(
        false,
        json!({"cniVersion": "1.0.0",
            "interfaces": [{"name": "a", "sandbox": "/s"}, {"name": "b", "sandbox": "/s"}],
            "dns": {"nameservers": ["10.0.0.53"], "domain": "d", "search": ["s"], "options": ["o"]}}),
    );
    assert_eq!(found.len(), 2);
    for status in found {
        assert_eq!(status.name, "ns/net");
        let expected = npwg::status::Dns {
            nameservers: vec!["10.0.0.53".into()],
            domain: "d".into(),
            search: vec!["s".into()],
            options: vec!["o".into()],
        };
        assert_eq!(status.dns, expected);
    }
}
