//! The selection annotations under arbitrary text.

use std::net::IpAddr;

use npwg::names::OPTIONAL_KEY;
use npwg::selection::{SelectionElement, parse, parse_default_network};
use npwg::{Bandwidth, PortMapping};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value, json};

/// Fragments of both formats, so that arbitrary text reaches more than the first check.
fn fragments() -> impl Strategy<Value = String> {
    const PARTS: [&str; 24] = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "/",
        "@",
        "null",
        "\"name\":",
        "\"a\"",
        "\"ips\":[",
        "\"mac\":",
        "\"10.0.0.1/8\"",
        "\"interface\":",
        "\"portMappings\":[{\"hostPort\":1",
        "\"bandwidth\":{",
        "-1",
        "1e9",
        "\\u0000",
        "\"default-route\":",
        "a.b",
        "\u{feff}",
    ];
    vec(
        Union::new(
            PARTS
                .map(|part| Just(part.to_owned()).boxed())
                .into_iter()
                .chain([any::<String>().boxed()]),
        ),
        0..20,
    )
    .prop_map(|parts| parts.concat())
}

fn label() -> impl Strategy<Value = String> {
    "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
}

fn interface() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.-]{1,15}".prop_filter("reserved", |name| {
        !matches!(name.as_str(), "." | ".." | "all" | "default")
    })
}

fn short_element() -> impl Strategy<Value = SelectionElement> {
    (label(), label(), option::of(interface())).prop_map(|(namespace, name, interface)| {
        SelectionElement {
            interface,
            ..SelectionElement::new(namespace, name)
        }
    })
}

fn short_text(element: &SelectionElement) -> String {
    match &element.interface {
        Some(interface) => format!("{}@{interface}", element.reference()),
        None => element.reference(),
    }
}

/// Hardware addresses of so many bytes, in the three notations.
fn hardware_address(bytes: usize) -> impl Strategy<Value = String> {
    (vec(any::<u8>(), bytes), 0..3_usize).prop_map(|(bytes, notation)| {
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match notation {
            0 => pairs.join(":"),
            1 => pairs.join("-").to_uppercase(),
            _ => pairs
                .chunks(2)
                .map(<[_]>::concat)
                .collect::<Vec<_>>()
                .join("."),
        }
    })
}

fn address_with_prefix() -> impl Strategy<Value = String> {
    (any::<IpAddr>(), option::of(any::<u8>())).prop_map(|(address, prefix)| match prefix {
        Some(prefix) if address.is_ipv4() => format!("{address}/{}", prefix % 33),
        Some(prefix) => format!("{address}/{}", prefix % 129),
        None => address.to_string(),
    })
}

fn port_mapping() -> impl Strategy<Value = PortMapping> {
    let protocol = option::of(prop_oneof!["tcp", "UDP", "sctp"]);
    let host_ip = option::of(any::<IpAddr>().prop_map(|address| address.to_string()));
    (1..=u16::MAX, 1..=u16::MAX, protocol, host_ip).prop_map(
        |(host_port, container_port, protocol, host_ip)| PortMapping {
            host_port,
            container_port,
            protocol,
            host_ip,
        },
    )
}

fn bandwidth() -> impl Strategy<Value = Bandwidth> {
    let amount = || 0..=i64::MAX.unsigned_abs();
    (amount(), amount(), amount(), amount()).prop_map(
        |(ingress_rate, ingress_burst, egress_rate, egress_burst)| Bandwidth {
            ingress_rate,
            ingress_burst,
            egress_rate,
            egress_burst,
        },
    )
}

prop_compose! {
    fn long_element()(
        element in short_element(),
        ips in vec(address_with_prefix(), 0..3),
        mac in option::of(hardware_address(6)),
        infiniband_guid in option::of(hardware_address(8)),
        port_mappings in option::of(vec(port_mapping(), 0..3)),
        bandwidth in option::of(bandwidth()),
        device_id in option::of("[!-~]{1,20}"),
        argument in option::of((any::<String>(), any::<i64>())),
        gateways in option::of(vec(any::<IpAddr>(), 0..3)),
        optional in any::<Option<bool>>(),
    ) -> SelectionElement {
        let default_route = gateways.map(|all| all.iter().map(IpAddr::to_canonical).collect());
        let cni_args = argument.map(|(key, value)| Map::from_iter([(key, json!(value))]));
        SelectionElement {
            ips, mac, infiniband_guid, port_mappings, bandwidth, device_id, cni_args, default_route, optional, ..element
        }
    }
}

fn long_text(element: &SelectionElement) -> Value {
    json!({
        "name": element.name, "namespace": element.namespace, "interface": element.interface, "ips": element.ips,
        "mac": element.mac, "infiniband-guid": element.infiniband_guid, "portMappings": element.port_mappings,
        "bandwidth": element.bandwidth, "deviceID": element.device_id, "cni-args": element.cni_args,
        "default-route": element.default_route, OPTIONAL_KEY: element.optional,
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), fragments()]) {
        let _ = parse(&text, "default");
        let _ = parse_default_network(&text, "default");
    }

    #[test]
    fn refusals_are_bounded_and_free_of_control_characters(text in prop_oneof![any::<String>(), fragments()]) {
        if let Err(error) = parse(&text, "default") {
            let message = error.to_string();
            prop_assert!(message.chars().count() < 2000);
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
        }
    }

    #[test]
    fn what_the_short_format_says_is_read_back(elements in vec(short_element(), 1..6), pad in "[ \t\n]{0,2}") {
        let items: Vec<String> = elements.iter().map(|element| format!("{pad}{}{pad}", short_text(element))).collect();
        prop_assert_eq!(parse(&items.join(","), "default"), Ok(elements));
    }

    #[test]
    fn both_formats_read_the_same(elements in vec(short_element(), 1..6)) {
        let objects = elements.iter().map(|element| json!({
            "name": element.name, "namespace": element.namespace, "interface": element.interface,
        }));
        let text = Value::Array(objects.collect()).to_string();
        prop_assert_eq!(parse(&text, "default"), Ok(elements));
    }

    #[test]
    fn what_the_long_format_says_is_read_back(elements in vec(long_element(), 1..4)) {
        let text = Value::Array(elements.iter().map(long_text).collect()).to_string();
        prop_assert_eq!(parse(&text, "default"), Ok(elements.clone()));
        for element in elements {
            let text = json!([long_text(&element)]).to_string();
            prop_assert_eq!(parse_default_network(&text, "default"), Ok(element));
        }
    }

    #[test]
    fn a_hardware_address_of_another_length_is_refused(mac in hardware_address(7), guid in hardware_address(6)) {
        // MN-030, MN-047, Q75
        for (key, value) in [("mac", mac), ("infiniband-guid", guid)] {
            let text = json!([{"name": "a", key: value}]).to_string();
            prop_assert!(parse(&text, "default").is_err(), "{}", text);
        }
    }
}
