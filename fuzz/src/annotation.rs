//! The annotations of a pod: the two by which it asks for networks, and the one that tells what it got.

use npwg::SelectionElement;
use serde_json::{Map, Value, json};

/// Every value of an element is what its key asks for, an element written in the long format is read back the same, and
/// so is a status.
pub fn annotation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(elements) = npwg::selection::parse(text, "default") {
        elements.iter().for_each(check);
        let written = Value::Array(elements.iter().map(long_format).collect()).to_string();
        let again = npwg::selection::parse(&written, "elsewhere");
        assert_eq!(again, Ok(elements.into_iter().map(known).collect()));
    }
    if let Ok(element) = npwg::selection::parse_default_network(text, "kube-system") {
        check(&element);
        let written = json!([long_format(&element)]).to_string();
        let again = npwg::selection::parse_default_network(&written, "elsewhere");
        assert_eq!(again, Ok(known(element)));
    }
    if let Ok(statuses) = npwg::status::parse(text) {
        let rendered = npwg::status::render(&statuses).expect("a status has a text");
        let again = npwg::status::parse(&rendered).expect("what was written can be read");
        assert_eq!(again, statuses);
        assert_eq!(npwg::status::render(&again), Ok(rendered));
    }
}

fn check(element: &SelectionElement) {
    assert!(!element.name.is_empty() && !element.namespace.is_empty());
    assert!(
        element
            .interface
            .as_deref()
            .is_none_or(|name| cni::IfName::parse(name).is_ok())
    );
    for ip in &element.ips {
        assert!(ip.parse::<std::net::IpAddr>().is_ok() || ip.parse::<cni::IpNet>().is_ok());
    }
    for (address, digits) in [(&element.mac, 12), (&element.infiniband_guid, 16)] {
        let hexadecimal = |text: &String| text.chars().filter(char::is_ascii_hexdigit).count();
        assert!(
            address
                .as_ref()
                .map(hexadecimal)
                .is_none_or(|n| n == digits)
        );
    }
    for key in &element.unknown_keys {
        assert!(!key.contains(char::is_control));
    }
}

/// The element without the keys that nobody reads.
fn known(element: SelectionElement) -> SelectionElement {
    SelectionElement {
        unknown_keys: Vec::new(),
        ..element
    }
}

fn long_format(element: &SelectionElement) -> Value {
    let mut map = Map::new();
    let mut put = |key: &str, value: Value| map.insert(key.to_owned(), value);
    put("name", json!(element.name));
    put("namespace", json!(element.namespace));
    put("interface", json!(element.interface));
    put("ips", json!(element.ips));
    put("mac", json!(element.mac));
    put("infiniband-guid", json!(element.infiniband_guid));
    put("portMappings", json!(element.port_mappings));
    put("bandwidth", json!(element.bandwidth));
    put("deviceID", json!(element.device_id));
    put("cni-args", json!(element.cni_args));
    put("default-route", json!(element.default_route));
    put(npwg::names::OPTIONAL_KEY, json!(element.optional));
    Value::Object(map)
}
