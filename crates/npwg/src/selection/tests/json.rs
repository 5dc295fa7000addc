use serde_json::json;

use super::*;

#[test]
fn every_field_is_read() {
    // B3.31–B3.43, T1.18
    let text = r#"[{
        "name": "net.a", "namespace": "blue", "interface": "lan0",
        "ips": ["10.0.0.5/24", "fd00::5"], "mac": "02:42:AC:11:00:05", "infiniband-guid": "c2:11:22:33:44:55:66:77",
        "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "TCP", "hostIP": "192.0.2.1"}],
        "bandwidth": {"ingressRate": 2048, "ingressBurst": 1600, "egressRate": 4096, "egressBurst": 1800},
        "deviceID": "0000:18:02.5", "cni-args": {"x": {"y": null}}, "default-route": ["10.0.0.1", "fd00::1"],
        "multus-cni.io/optional": true
    }]"#;
    let mapping = PortMapping {
        host_port: 8080,
        container_port: 80,
        protocol: Some("TCP".into()),
        host_ip: Some("192.0.2.1".into()),
    };
    let bandwidth = Bandwidth {
        ingress_rate: 2048,
        ingress_burst: 1600,
        egress_rate: 4096,
        egress_burst: 1800,
    };
    let expected = SelectionElement {
        namespace: "blue".into(),
        name: "net.a".into(),
        interface: Some("lan0".into()),
        ips: vec!["10.0.0.5/24".into(), "fd00::5".into()],
        mac: Some("02:42:AC:11:00:05".into()),
        infiniband_guid: Some("c2:11:22:33:44:55:66:77".into()),
        port_mappings: Some(vec![mapping]),
        bandwidth: Some(bandwidth),
        device_id: Some("0000:18:02.5".into()),
        cni_args: json!({"x": {"y": null}}).as_object().cloned(),
        default_route: Some(vec![
            "10.0.0.1".parse().unwrap(),
            "fd00::1".parse().unwrap(),
        ]),
        optional: Some(true),
        unknown_keys: vec![],
    };
    assert_eq!(read(text), [expected]);
}

#[test]
fn an_empty_array_selects_nothing() {
    // B3.50
    assert_eq!(read(" [ ] "), []);
}

#[test]
fn elements_come_in_order_and_may_repeat() {
    // B3.47, B3.48, MN-060, T2.3
    let elements = read(r#"[{"name":"b"},{"name":"a","namespace":"x"},{"name":"b"}]"#);
    let references: Vec<String> = elements.iter().map(SelectionElement::reference).collect();
    assert_eq!(references, ["pods/b", "x/a", "pods/b"]);
}

#[test]
fn keys_match_in_any_case_and_the_exact_spelling_wins() {
    // B0.1
    let text = r#"[{"NAME":"a","Interface":"x1","PORTMAPPINGS":[{"HostPort":1,"containerport":2,"HOSTIP":"::1"}],
        "Bandwidth":{"INGRESSRATE":1},"DeviceId":"d","Default-Route":[],"mac":"02:00:00:00:00:01","MAC":"x"}]"#;
    let element = read(text).remove(0);
    assert_eq!(element.interface.as_deref(), Some("x1"));
    assert_eq!(
        element.port_mappings.unwrap()[0].host_ip.as_deref(),
        Some("::1")
    );
    assert_eq!(element.bandwidth.unwrap().ingress_rate, 1);
    assert_eq!(element.device_id.as_deref(), Some("d"));
    assert_eq!(element.default_route, Some(vec![]));
    assert_eq!(element.mac.as_deref(), Some("02:00:00:00:00:01"));
    assert_eq!(element.unknown_keys, [""; 0]);
}

#[test]
fn null_and_empty_text_mean_absent() {
    // B0.2
    let members = r#""namespace": "", "interface": null, "ips": null, "mac": "", "infiniband-guid": "",
        "portMappings": null, "bandwidth": null, "deviceID": "", "cni-args": null, "default-route": null,
        "optional": null, "ipam-claim-reference": null"#;
    assert_eq!(element(members), SelectionElement::new("pods", "a"));
}

#[test]
fn empty_lists_are_not_the_same_as_none() {
    // B2.67, B3.39, B3.43
    let element = element(
        r#""portMappings": [], "default-route": [], "cni-args": {}, "bandwidth": {}, "ips": []"#,
    );
    assert_eq!(element.port_mappings, Some(vec![]));
    assert_eq!(element.default_route, Some(vec![]));
    assert_eq!(element.cni_args, Some(Map::new()));
    assert_eq!(element.bandwidth, Some(Bandwidth::default()));
    assert_eq!(element.ips, [""; 0]);
}

#[test]
fn the_old_interface_key_counts_where_the_new_one_is_empty() {
    // B3.38
    assert_eq!(
        element(r#""interfaceRequest": "old0""#)
            .interface
            .as_deref(),
        Some("old0")
    );
    assert_eq!(
        element(r#""interfaceRequest": "old0", "interface": """#)
            .interface
            .as_deref(),
        Some("old0")
    );
    assert_eq!(
        element(r#""interfaceRequest": "old 0", "interface": "new0""#)
            .interface
            .as_deref(),
        Some("new0")
    );
    assert!(element_refusal(r#""interfaceRequest": "old 0""#).starts_with("interfaceRequest: "));
}

#[test]
fn unknown_keys_are_kept_by_name() {
    // B3.45, B3.46, T2.3; the claim is for others to read (B3.44)
    let members = r#""ipRequest": "10.0.0.1", "macRequest": "x", "gateway": ["x"], "ipam-claim-reference": "c",
        "example.com/x\n": 1"#;
    let expected = ["example.com/x\\n", "gateway", "ipRequest", "macRequest"];
    assert_eq!(
        element(members),
        SelectionElement {
            unknown_keys: expected.map(str::to_owned).to_vec(),
            ..SelectionElement::new("pods", "a")
        }
    );
}

#[test]
fn optional_is_read_under_both_keys_and_ours_wins() {
    assert_eq!(element(r#""optional": true"#).optional, Some(true));
    assert_eq!(
        element(r#""multus-cni.io/optional": true"#).optional,
        Some(true)
    );
    assert_eq!(
        element(r#""multus-cni.io/optional": false, "optional": true"#).optional,
        Some(false)
    );
    assert!(element_refusal(r#""optional": "yes""#).starts_with("optional: "));
}

#[test]
fn requests_are_written_with_their_own_keys() {
    // B2.40, B2.41
    let mapping = PortMapping {
        host_port: 8080,
        container_port: 80,
        ..PortMapping::default()
    };
    assert_eq!(
        gojson::to_string(&mapping).unwrap(),
        r#"{"hostPort":8080,"containerPort":80}"#
    );
    let mapping = PortMapping {
        protocol: Some("udp".into()),
        host_ip: Some("::1".into()),
        ..mapping
    };
    let expected = r#"{"hostPort":8080,"containerPort":80,"protocol":"udp","hostIP":"::1"}"#;
    assert_eq!(gojson::to_string(&mapping).unwrap(), expected);
    let expected = r#"{"ingressRate":0,"ingressBurst":0,"egressRate":7,"egressBurst":0}"#;
    let bandwidth = Bandwidth {
        egress_rate: 7,
        ..Bandwidth::default()
    };
    assert_eq!(gojson::to_string(&bandwidth).unwrap(), expected);
}
