use super::*;

#[test]
fn names_and_namespaces_are_those_of_objects() {
    // Q62, MN-007
    for name in [
        "", "A", "ns/a", "a b", "a.", ".a", "a..b", "a_b", "-a", "a\\u0000", "../a",
    ] {
        let message = refusal(&format!(r#"[{{"name": "{name}"}}]"#));
        assert!(message.contains(": name: "), "{message}");
    }
    assert!(refusal(&format!(r#"[{{"name": "{}"}}]"#, "a".repeat(254))).contains(": name: "));
    assert!(refusal(r#"[{"namespace": "b"}]"#).contains("element 0: name: must not be empty"));
    for namespace in ["B", "a.b", "a/b", " ", "kube-system "] {
        assert!(
            element_refusal(&format!(r#""namespace": "{namespace}""#)).starts_with("namespace: ")
        );
    }
}

#[test]
fn addresses_have_a_valid_prefix_length_or_none() {
    // B3.34, MN-025
    for ip in [
        "10.0.0.5",
        "10.0.0.5/0",
        "10.0.0.5/32",
        "fd00::5",
        "fd00::5/128",
        "::ffff:10.0.0.5/120",
    ] {
        assert_eq!(element(&format!(r#""ips": ["{ip}"]"#)).ips, [ip]);
    }
    for ip in [
        "10.0.0.5/33",
        "10.0.0/8",
        "/24",
        "10.0.0.5/",
        "10.0.0.5/+8",
        "10.0.0.5/-1",
        "fd00::5/129",
        "10.0.0.5/8/8",
    ] {
        let expected = format!("ips[1]: failed to parse CIDR \"{ip}\"");
        assert_eq!(
            element_refusal(&format!(r#""ips": ["::1", "{ip}"]"#)),
            expected
        );
    }
    for ip in [
        "",
        "10.0.0.256",
        "010.0.0.1",
        "fe80::1%eth0",
        "host",
        " 10.0.0.1",
    ] {
        let expected = format!("ips[0]: failed to parse IP address \"{ip}\"");
        assert_eq!(element_refusal(&format!(r#""ips": ["{ip}"]"#)), expected);
    }
}

#[test]
fn a_mac_has_six_bytes() {
    // B3.35, MN-030, Q75
    for mac in ["02:42:ac:11:00:05", "02-42-AC-11-00-05", "0242.ac11.0005"] {
        assert_eq!(
            element(&format!(r#""mac": "{mac}""#)).mac.as_deref(),
            Some(mac)
        );
    }
    let cases = [
        ("02:42:ac:11:00:05:00:01", "has 8 bytes instead of 6"),
        ("02:42:ac:11:00", "has 5 bytes instead of 6"),
        ("0242.ac11.0005.0001", "has 8 bytes instead of 6"),
        ("2:42:ac:11:00:05", "is not a hardware address"),
        ("02:42:ac:11:00:0g", "is not a hardware address"),
        ("02:42-ac:11-00:05", "is not a hardware address"),
        ("0242ac110005", "is not a hardware address"),
        (" 02:42:ac:11:00:05", "is not a hardware address"),
    ];
    for (mac, reason) in cases {
        assert_eq!(
            element_refusal(&format!(r#""mac": "{mac}""#)),
            format!("mac: \"{mac}\" {reason}")
        );
    }
}

#[test]
fn a_guid_has_eight_bytes() {
    // B3.36, MN-047, Q75
    let guid = "c2:11:22:33:44:55:66:77";
    assert_eq!(
        element(&format!(r#""infiniband-guid": "{guid}""#))
            .infiniband_guid
            .as_deref(),
        Some(guid)
    );
    let expected = "infiniband-guid: \"02:42:ac:11:00:05\" has 6 bytes instead of 8";
    assert_eq!(
        element_refusal(r#""infiniband-guid": "02:42:ac:11:00:05""#),
        expected
    );
}

#[test]
fn ports_and_protocols_are_checked() {
    // B11.7, B3.39, MN-037
    for protocol in ["tcp", "UDP", "Sctp"] {
        element(&format!(
            r#""portMappings": [{{"hostPort": 65535, "containerPort": 1, "protocol": "{protocol}"}}]"#
        ));
    }
    let cases = [
        (
            r#"{"containerPort": 1}"#,
            "portMappings[0].hostPort: 0 is not a port (1-65535)",
        ),
        (
            r#"{"hostPort": 1, "containerPort": 0}"#,
            "portMappings[0].containerPort: 0 is not a port (1-65535)",
        ),
        (
            r#"{"hostPort": 1, "containerPort": 1, "protocol": "icmp"}"#,
            "portMappings[0].protocol: \"icmp\" is not tcp, udp or sctp",
        ),
        (
            r#"{"hostPort": 1, "containerPort": 1, "hostIP": "host"}"#,
            "portMappings[0].hostIP: failed to parse IP address \"host\"",
        ),
    ];
    for (mapping, expected) in cases {
        assert_eq!(
            element_refusal(&format!(r#""portMappings": [{mapping}]"#)),
            expected
        );
    }
    for port in ["65536", "-1", "1.5", "\"80\""] {
        let message = element_refusal(&format!(r#""portMappings": [{{"hostPort": {port}}}]"#));
        assert!(
            message.starts_with("portMappings[0].hostPort: "),
            "{message}"
        );
        assert!(message.ends_with("expected a port number"), "{message}");
    }
}

#[test]
fn bandwidth_is_whole_numbers_of_at_least_zero() {
    // B11.7, B3.40, MN-040
    assert_eq!(
        element(r#""bandwidth": {"egressBurst": 5}"#)
            .bandwidth
            .unwrap()
            .egress_burst,
        5
    );
    for value in ["-1", "1.5", "\"1M\"", "true", "9223372036854775808"] {
        let message = element_refusal(&format!(r#""bandwidth": {{"ingressRate": {value}}}"#));
        assert!(message.starts_with("bandwidth.ingressRate: "), "{message}");
        assert!(
            message.ends_with("expected a whole number, 0 or more"),
            "{message}"
        );
    }
}

#[test]
fn gateways_are_addresses() {
    // B0.6, B3.43; IPv4 in IPv6 clothes is IPv4
    let gateways = element(r#""default-route": ["::ffff:10.0.0.1"]"#).default_route;
    assert_eq!(gateways, Some(vec!["10.0.0.1".parse().unwrap()]));
    for gateway in ["", "10.0.0.1/24", "gw"] {
        let expected = format!("default-route[0]: failed to parse IP address \"{gateway}\"");
        assert_eq!(
            element_refusal(&format!(r#""default-route": ["{gateway}"]"#)),
            expected
        );
    }
}

#[test]
fn addresses_and_a_claim_exclude_each_other() {
    // B11.5, MN-050
    let expected = "ipam-claim-reference: must not be combined with ips";
    assert_eq!(
        element_refusal(r#""ips": ["10.0.0.1"], "IPAM-claim-reference": "c""#),
        expected
    );
    assert_eq!(
        element(r#""ips": ["10.0.0.1"], "ipam-claim-reference": """#).ips,
        ["10.0.0.1"]
    );
}

#[test]
fn interface_names_are_those_of_the_kernel_and_of_cni() {
    // Q62, MN-032, B4.122
    for name in ["e", "pod16477688c0e", "123456789012345", "eth0.5", "all0"] {
        assert_eq!(
            element(&format!(r#""interface": "{name}""#))
                .interface
                .as_deref(),
            Some(name)
        );
    }
    let cases = [
        ("1234567890123456", "it has more than 15 bytes"),
        ("äöüäöüäö", "it has more than 15 bytes"),
        ("../x", "it has a '/', a ':' or white space"),
        ("eth0:1", "it has a '/', a ':' or white space"),
        ("a\u{a0}b", "it has a '/', a ':' or white space"),
        ("a\\u0000b", "it has a control character"),
        ("net%d", "it has a '%', which the kernel would expand"),
        ("..", "it is reserved"),
        ("default", "it is reserved"),
    ];
    for (name, reason) in cases {
        let message = element_refusal(&format!(r#""interface": "{name}""#));
        assert!(
            message.starts_with("interface: ") && message.ends_with(reason),
            "{message}"
        );
    }
}
