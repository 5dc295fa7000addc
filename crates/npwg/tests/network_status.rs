//! The `network-status` annotation against recorded texts and at its edges.

use npwg::device_info::{DeviceInfo, PciDevice};
use npwg::status::{self, Dns, NetworkStatus};
use proptest::collection::vec;
use proptest::prelude::*;

/// Recorded annotations: pod network alone, short format, JSON format, several interfaces and DNS, another default.
const RECORDED: [(&str, &str); 5] = [
    ("plain", include_str!("fixtures/network-status/plain.json")),
    ("short", include_str!("fixtures/network-status/short.json")),
    ("json", include_str!("fixtures/network-status/json.json")),
    ("many", include_str!("fixtures/network-status/many.json")),
    (
        "default-override",
        include_str!("fixtures/network-status/default-override.json"),
    ),
];

#[test]
fn recorded_annotations_are_read_and_written_byte_for_byte() {
    // B3.70, B3.71
    for (name, text) in RECORDED {
        let statuses = status::parse(text).unwrap();
        assert_eq!(status::render(&statuses).unwrap(), text, "{name}");
    }
}

#[test]
fn a_recorded_annotation_has_the_expected_values() {
    let (_, text) = RECORDED[3];
    let statuses = status::parse(text).unwrap();
    assert_eq!(statuses.len(), 3);
    assert!(statuses[0].default);
    // Q22: other writers leave this where a default route has no gateway
    assert_eq!(statuses[0].gateway, ["<nil>"]);
    let expected = NetworkStatus {
        name: "vectors/canned-many".into(),
        interface: "net1".into(),
        ips: vec!["10.9.0.2".into()],
        mac: "02:00:00:00:00:02".into(),
        mtu: 9000,
        dns: Dns {
            nameservers: vec!["10.9.0.53".into()],
            domain: "x.test".into(),
            search: vec!["a.test".into()],
            options: vec!["ndots:2".into()],
        },
        ..NetworkStatus::default()
    };
    assert_eq!(statuses[1], expected);
}

#[test]
fn name_and_dns_stand_in_the_smallest_element() {
    // B3.71, B3.77
    let statuses = [NetworkStatus::default()];
    assert_eq!(
        status::render(&statuses).unwrap(),
        "[{\n    \"name\": \"\",\n    \"dns\": {}\n}]"
    );
}

#[test]
fn no_element_makes_an_empty_array() {
    assert_eq!(status::render(&[]).unwrap(), "[]");
    assert_eq!(status::parse("[]").unwrap(), []);
    assert_eq!(status::parse("").unwrap(), []);
}

#[test]
fn every_key_comes_in_its_place() {
    // B3.71, B3.80, B0.4
    let status = NetworkStatus {
        name: "a/b".into(),
        interface: "net1".into(),
        ips: vec!["10.0.0.1".into(), "fd00::1".into()],
        mac: "02:00:00:00:00:01".into(),
        mtu: 1500,
        default: true,
        dns: Dns {
            domain: "<a&b>".into(),
            ..Dns::default()
        },
        device_info: Some(DeviceInfo {
            kind: "pci".into(),
            version: "1.1.0".into(),
            pci: Some(PciDevice {
                pci_address: "0000:18:02.5".into(),
                ..PciDevice::default()
            }),
            ..DeviceInfo::default()
        }),
        gateway: vec!["10.0.0.254".into()],
    };
    let expected = r#"[{
    "name": "a/b",
    "interface": "net1",
    "ips": [
        "10.0.0.1",
        "fd00::1"
    ],
    "mac": "02:00:00:00:00:01",
    "mtu": 1500,
    "default": true,
    "dns": {
        "domain": "\u003ca\u0026b\u003e"
    },
    "device-info": {
        "type": "pci",
        "version": "1.1.0",
        "pci": {
            "pci-address": "0000:18:02.5"
        }
    },
    "gateway": [
        "10.0.0.254"
    ]
}]"#;
    assert_eq!(
        status::render(std::slice::from_ref(&status)).unwrap(),
        expected
    );
    assert_eq!(status::parse(expected).unwrap(), [status]);
}

#[test]
fn keys_of_other_writers_are_read_in_any_case_and_unknown_ones_dropped() {
    // B0.1, B0.2
    let statuses =
        status::parse(r#"[{"Name":"a","DNS":null,"Device-Info":{"Type":"pci"},"ips":null,"x":1}]"#)
            .unwrap();
    assert_eq!(statuses[0].name, "a");
    assert_eq!(statuses[0].device_info.as_ref().unwrap().kind, "pci");
}

#[test]
fn text_of_another_shape_is_an_error() {
    for text in [
        "x",
        "{}",
        "[1]",
        r#"[{"name":1}]"#,
        r#"[{"mtu":-1}]"#,
        r#"[{"ips":"10.0.0.1"}]"#,
    ] {
        let error = status::parse(text).unwrap_err().to_string();
        assert!(
            error.starts_with("read network-status: "),
            "{text}: {error}"
        );
    }
}

fn any_status() -> impl Strategy<Value = NetworkStatus> {
    let texts = || vec(any::<String>(), 0..3);
    let dns = (texts(), any::<String>(), texts(), texts());
    let dns = dns.prop_map(|(nameservers, domain, search, options)| Dns {
        nameservers,
        domain,
        search,
        options,
    });
    let device = proptest::option::of(any::<String>().prop_map(|pci_address| DeviceInfo {
        kind: "pci".into(),
        version: "1.1.0".into(),
        pci: Some(PciDevice {
            pci_address,
            ..PciDevice::default()
        }),
        ..DeviceInfo::default()
    }));
    (
        any::<[String; 3]>(),
        texts(),
        0..70_000_u64,
        any::<bool>(),
        dns,
        device,
        texts(),
    )
        .prop_map(
            |([name, interface, mac], ips, mtu, default, dns, device_info, gateway)| {
                NetworkStatus {
                    name,
                    interface,
                    ips,
                    mac,
                    mtu,
                    default,
                    dns,
                    device_info,
                    gateway,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_was_written_is_read_back(statuses in vec(any_status(), 0..4)) {
        let text = status::render(&statuses).unwrap();
        prop_assert_eq!(status::parse(&text).unwrap(), statuses);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = status::parse(&text);
        let _ = DeviceInfo::parse(text.as_bytes());
        let _ = npwg::Definition::from_json(text.as_bytes());
    }
}
