//! The long format: a JSON array of objects (B3.30–B3.49).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Annotation, SelectionElement, SelectionError};
use crate::capability::{Bandwidth, PortMapping};
use crate::check::{self, NAMESPACE_LIMIT, ValueError};
use crate::names::OPTIONAL_KEY;
use crate::text::{excerpt, message, quoted};

/// A key that we don't read, but whose meaning the standard defines (MN-049): not reported as unknown.
const CLAIM_KEY: &str = "ipam-claim-reference";

/// Every key with a meaning.
const KNOWN_KEYS: [&str; 15] = [
    "name",
    "namespace",
    "ips",
    "mac",
    "infiniband-guid",
    "interface",
    "interfaceRequest",
    "portMappings",
    "bandwidth",
    "deviceID",
    "cni-args",
    "default-route",
    CLAIM_KEY,
    OPTIONAL_KEY,
    "optional",
];

/// An element as it stands in the text.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawElement {
    name: String,
    namespace: String,
    ips: Vec<String>,
    mac: String,
    #[serde(rename = "infiniband-guid")]
    infiniband_guid: String,
    interface: String,
    #[serde(rename = "interfaceRequest")]
    interface_request: String,
    #[serde(rename = "portMappings")]
    port_mappings: Option<Vec<PortMapping>>,
    bandwidth: Option<Bandwidth>,
    #[serde(rename = "deviceID")]
    device_id: String,
    #[serde(rename = "cni-args")]
    cni_args: Option<Map<String, Value>>,
    #[serde(rename = "default-route")]
    default_route: Option<Vec<String>>,
    // Any type: it is for others to read, and to judge.
    #[serde(rename = "ipam-claim-reference")]
    claim: Value,
    #[serde(rename = "multus-cni.io/optional")]
    optional: Option<bool>,
    #[serde(rename = "optional")]
    plain_optional: Option<bool>,
}

/// Reads the whole array.
pub(super) fn parse(
    text: &str,
    default_namespace: &str,
    which: Annotation,
) -> Result<Vec<SelectionElement>, SelectionError> {
    let value: Value = gojson::from_str(text).map_err(|error| SelectionError::Json {
        message: message(&error),
    })?;
    let Value::Array(values) = value else {
        return Err(SelectionError::Json {
            message: format!("it is {} instead of an array", kind(&value)),
        });
    };
    let elements = values.into_iter().enumerate();
    elements
        .map(|(index, value)| Place::of(index, &value).element(value, default_namespace, which))
        .collect()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Where in the annotation we are, for messages.
struct Place {
    index: usize,
    name: String,
}

impl Place {
    fn of(index: usize, value: &Value) -> Self {
        let name = value
            .as_object()
            .and_then(|map| gojson::get_fold(map, "name"))
            .and_then(Value::as_str);
        Self {
            index,
            name: name.map_or_else(String::new, |name| format!(" ({})", quoted(name))),
        }
    }

    fn decode_error(&self, message: String) -> SelectionError {
        SelectionError::Element {
            index: self.index,
            name: self.name.clone(),
            message,
        }
    }

    fn check(
        &self,
        key: impl Into<String>,
        result: Result<(), ValueError>,
    ) -> Result<(), SelectionError> {
        result.map_err(|problem| self.value_error(key, problem))
    }

    fn value_error(&self, key: impl Into<String>, problem: ValueError) -> SelectionError {
        SelectionError::Value {
            index: self.index,
            name: self.name.clone(),
            key: key.into(),
            problem,
        }
    }

    fn element(
        &self,
        value: Value,
        default_namespace: &str,
        which: Annotation,
    ) -> Result<SelectionElement, SelectionError> {
        let Value::Object(map) = &value else {
            return Err(self.decode_error(format!("it is {} instead of an object", kind(&value))));
        };
        let unknown_keys = map
            .keys()
            .filter(|key| !is_known(key))
            .map(|key| excerpt(key))
            .collect();
        let raw: RawElement =
            gojson::from_value(value).map_err(|error| self.decode_error(message(&error)))?;
        let (interface_key, interface) = if raw.interface.is_empty() {
            ("interfaceRequest", raw.interface_request.as_str())
        } else {
            ("interface", raw.interface.as_str())
        };

        self.check("name", check::object_name(&raw.name))?;
        self.unless_empty("namespace", &raw.namespace, |value| {
            check::label(value, NAMESPACE_LIMIT)
        })?;
        self.unless_empty(interface_key, interface, check::interface)?;
        for (index, value) in raw.ips.iter().enumerate() {
            self.check(format!("ips[{index}]"), check::ip_or_cidr(value))?;
        }
        self.unless_empty("mac", &raw.mac, check::mac)?;
        self.unless_empty("infiniband-guid", &raw.infiniband_guid, check::guid)?;
        for (index, mapping) in raw.port_mappings.iter().flatten().enumerate() {
            check::port_mapping(mapping).map_err(|(key, problem)| {
                self.value_error(format!("portMappings[{index}].{key}"), problem)
            })?;
        }
        // A claim and addresses exclude each other (MN-050), but for the cluster network, where neighbours write both.
        let claimed = !matches!(&raw.claim, Value::Null) && raw.claim.as_str() != Some("");
        if claimed && !raw.ips.is_empty() && which == Annotation::Networks {
            return Err(self.value_error(CLAIM_KEY, ValueError::ClaimWithIps));
        }

        Ok(SelectionElement {
            interface: non_empty(interface.to_owned()),
            default_route: self.gateways(raw.default_route)?,
            namespace: non_empty(raw.namespace).unwrap_or_else(|| default_namespace.to_owned()),
            name: raw.name,
            ips: raw.ips,
            mac: non_empty(raw.mac),
            infiniband_guid: non_empty(raw.infiniband_guid),
            port_mappings: raw.port_mappings,
            bandwidth: raw.bandwidth,
            device_id: non_empty(raw.device_id),
            cni_args: raw.cni_args,
            optional: raw.optional.or(raw.plain_optional),
            unknown_keys,
        })
    }

    fn unless_empty(
        &self,
        key: &str,
        value: &str,
        check: impl FnOnce(&str) -> Result<(), ValueError>,
    ) -> Result<(), SelectionError> {
        if value.is_empty() {
            Ok(())
        } else {
            self.check(key, check(value))
        }
    }

    fn gateways(
        &self,
        texts: Option<Vec<String>>,
    ) -> Result<Option<Vec<std::net::IpAddr>>, SelectionError> {
        let Some(texts) = texts else { return Ok(None) };
        let gateways = texts.iter().enumerate().map(|(index, text)| {
            check::ip(text)
                .map_err(|problem| self.value_error(format!("default-route[{index}]"), problem))
        });
        gateways.collect::<Result<_, _>>().map(Some)
    }
}

fn is_known(key: &str) -> bool {
    KNOWN_KEYS
        .iter()
        .any(|known| key.eq_ignore_ascii_case(known))
}

fn non_empty(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
