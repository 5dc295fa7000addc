use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Family;

mod conversion;

fn parse(value: Value) -> Result<CniResult, ResultError> {
    CniResult::from_value(value, Version::V1_1_0)
}

fn fails(value: Value) -> String {
    parse(value).unwrap_err().to_string()
}

/// One golden document for each version: reading and printing changes nothing.
fn golden(version: Version) -> Value {
    match version.family() {
        Family::F02 => json!({
            "cniVersion": version.as_str(),
            "ip4": {"ip": "10.1.2.3/24", "gateway": "10.1.2.1", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.2.9"}]},
            "ip6": {"ip": "fd00::3/64", "routes": [{"dst": "::/0", "gw": "fd00::1"}]},
            "dns": {"nameservers": ["10.1.2.53"], "domain": "x.test", "search": ["a.test"], "options": ["ndots:2"]},
        }),
        Family::F04 => json!({
            "cniVersion": version.as_str(),
            "interfaces": [{"name": "br0"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x"}],
            "ips": [
                {"version": "4", "address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 1},
                {"version": "6", "address": "fd00::3/64"},
            ],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.0.0.0/8", "gw": "10.1.2.9", "mtu": 1400}],
            "dns": {},
        }),
        Family::F1 => json!({
            "cniVersion": version.as_str(),
            "interfaces": [
                {"name": "br0", "mtu": 9000},
                {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/x", "socketPath": "/run/s", "pciID": "0000:00:1f.6"},
            ],
            "ips": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1", "interface": 1}, {"address": "fd00::3/64"}],
            "routes": [{"dst": "10.0.0.0/8", "gw": "10.1.2.9", "mtu": 1400, "advmss": 1360, "priority": 7, "table": 0, "scope": 0}],
            "dns": {"nameservers": ["10.1.2.53"]},
        }),
    }
}

#[test]
fn every_version_is_printed_as_it_was_read() {
    for version in Version::ALL {
        let golden = golden(version);
        let result = parse(golden.clone()).unwrap();
        assert_eq!(result.version, version);
        assert_eq!(result.to_value(version), Ok(golden), "{version}");
    }
}

#[test]
fn text_for_stdout_has_four_spaces_and_no_line_end() {
    // B4.50
    let result = parse(
        json!({"cniVersion": "1.0.0", "interfaces": [{"name": "eth0", "mac": "m"}], "ips": []}),
    )
    .unwrap();
    let text = "{\n    \"cniVersion\": \"1.0.0\",\n    \"interfaces\": [\n        {\n            \"mac\": \"m\",\n            \
                \"name\": \"eth0\"\n        }\n    ]\n}";
    assert_eq!(result.to_json(Version::V1_0_0).as_deref(), Ok(text));
}

#[test]
fn an_empty_dns_is_printed_below_1_0_0_only() {
    for version in Version::ALL {
        let printed = CniResult::new(version).to_value(version).unwrap();
        assert_eq!(
            printed.get("dns").is_some(),
            version < Version::V1_0_0,
            "{version}"
        );
    }
}

#[test]
fn without_a_label_a_result_is_in_the_version_asked_for() {
    // #34, B4.131
    for value in [
        json!({}),
        json!({"cniVersion": ""}),
        json!({"cniVersion": null}),
        json!({"cniVersion": 7}),
    ] {
        let result = CniResult::from_value(value, Version::V0_3_1).unwrap();
        assert_eq!(result, CniResult::new(Version::V0_3_1));
    }
    assert_eq!(
        CniResult::parse(b" null ", Version::V0_4_0),
        Ok(CniResult::new(Version::V0_4_0))
    );
}

#[test]
fn an_unknown_version_is_named() {
    // #65
    for label in ["5.0.0", "1.2.0", "1.0"] {
        assert_eq!(
            fails(json!({"cniVersion": label})),
            format!("unsupported CNI result version \"{label}\"")
        );
    }
}

#[test]
fn an_unknown_version_has_a_code_of_its_own() {
    // CNI SPEC 1.1, error codes
    let code = |value| parse(value).unwrap_err().code();
    assert_eq!(
        code(json!({"cniVersion": "5.0.0"})),
        code::INCOMPATIBLE_VERSION
    );
    assert_eq!(code(json!([])), code::DECODING_FAILURE);
}

#[test]
fn keys_are_read_in_any_case() {
    // B0.1
    let result = parse(json!({"CNIVersion": "1.0.0", "IPs": [{"Address": "10.0.0.1/8"}]})).unwrap();
    let printed = json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.1/8"}]});
    assert_eq!(result.to_value(Version::V1_0_0), Ok(printed));
}

#[test]
fn unknown_keys_survive_within_a_family_and_not_beyond() {
    let value = json!({
        "cniVersion": "1.0.0", "x": {"y": 1},
        "interfaces": [{"name": "a", "x": 1}], "ips": [{"address": "10.0.0.1/8", "x": 2}],
        "routes": [{"dst": "10.0.0.0/8", "x": 3}], "dns": {"domain": "d", "x": 4},
    });
    let result = parse(value.clone()).unwrap();
    assert_eq!(result.to_value(Version::V1_0_0), Ok(value.clone()));
    let mut newer = value;
    newer["cniVersion"] = "1.1.0".into();
    assert_eq!(result.to_value(Version::V1_1_0), Ok(newer));
    assert!(
        !result
            .to_value(Version::V0_4_0)
            .unwrap()
            .to_string()
            .contains("\"x\"")
    );
}

#[test]
fn a_negative_interface_index_means_none() {
    // #68
    let result = parse(json!({"ips": [{"address": "10.0.0.1/8", "interface": -1}]})).unwrap();
    assert_eq!(result.ips[0].interface, None);
    assert_eq!(result.check_interfaces(), Ok(()));
}

#[test]
fn an_interface_index_out_of_range_is_found() {
    // #67
    let result = parse(
        json!({"interfaces": [{"name": "a"}], "ips": [{"address": "10.0.0.1/8", "interface": 1}]}),
    )
    .unwrap();
    let error = result.check_interfaces().unwrap_err().to_string();
    assert_eq!(
        error,
        "invalid result: ips[0].interface is 1, there are 1 interfaces"
    );
}

#[test]
fn bad_values_are_named_by_their_place() {
    // B0.6, T4.4, #70, #71
    for (value, message) in [
        (json!([]), "document: not an object"),
        (
            json!({"ips": [{"address": "10.0.0.1"}]}),
            "ips[0].address: not an IP address with prefix",
        ),
        (
            json!({"ips": [{"address": "999.1.1.1/24"}]}),
            "ips[0].address: not an IP address with prefix",
        ),
        (json!({"ips": [{}]}), "ips[0].address: missing"),
        (
            json!({"ips": [{"address": "10.0.0.1/8", "gateway": "x"}]}),
            "ips[0].gateway: not an IP address",
        ),
        (
            json!({"ips": [{"address": "10.0.0.1/8", "interface": 1.5}]}),
            "ips[0].interface: not an integer",
        ),
        (json!({"ips": {}}), "ips: not an array"),
        (
            json!({"routes": [{"gw": "10.0.0.1"}]}),
            "routes[0].dst: missing",
        ),
        (
            json!({"routes": [{"dst": "0.0.0.0/0"}, null]}),
            "routes[1]: not an object",
        ),
        (
            json!({"interfaces": [null]}),
            "interfaces[0]: not an object",
        ),
        (
            json!({"interfaces": [{"name": 1}]}),
            "interfaces[0].name: not a string",
        ),
        (
            json!({"interfaces": [{"mtu": -1}]}),
            "interfaces[0].mtu: not a number from 0 to 4294967295",
        ),
        (
            json!({"dns": {"search": ["a", 1]}}),
            "dns.search[1]: not a string",
        ),
        (
            json!({"cniVersion": "0.2.0", "ip4": {"gateway": "10.0.0.1"}}),
            "ip4.ip: missing",
        ),
        (
            json!({"cniVersion": "0.2.0", "ip4": {"ip": "fd00::1/64"}}),
            "ip4.ip: address of the other family",
        ),
        (
            json!({"cniVersion": "0.2.0", "ip6": {"ip": "fd00::1/64", "routes": [{}]}}),
            "ip6.routes[0].dst: missing",
        ),
    ] {
        assert_eq!(fails(value), format!("invalid result: {message}"));
    }
}

#[test]
fn empty_gateways_count_as_absent_and_null_lists_as_empty() {
    // B0.6
    let value =
        json!({"ips": [{"address": "10.0.0.1/8", "gateway": ""}], "routes": null, "dns": null});
    let result = parse(value).unwrap();
    assert_eq!(result.ips, [Ip::new("10.0.0.1/8".parse().unwrap())]);
}

#[test]
fn text_behind_the_result_is_an_error() {
    // #35
    for text in ["{} x", "x {}", "", "{"] {
        let error = CniResult::parse(text.as_bytes(), Version::LATEST).unwrap_err();
        assert!(matches!(error, ResultError::Syntax(_)), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = CniResult::parse(text.as_bytes(), Version::LATEST);
    }
}
