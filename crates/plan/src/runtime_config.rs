//! `runtimeConfig`: what the runtime knows about the pod and passes to plugins that ask for it (B2.40–B2.48).

use npwg::{Bandwidth, PortMapping};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The capability arguments that Multus passes on. Every other one is dropped (B2.47).
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RuntimeConfig {
    /// Host ports of the pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub port_mappings: Vec<PortMapping>,
    /// Rates and bursts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<Bandwidth>,
    /// Addresses asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// MAC address asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// InfiniBand GUID asked for.
    #[serde(rename = "infinibandGUID", skip_serializing_if = "String::is_empty")]
    pub infiniband_guid: String,
    /// Device allocated to the pod.
    #[serde(rename = "deviceID", skip_serializing_if = "String::is_empty")]
    pub device_id: String,
    /// Where a plugin leaves its device information.
    #[serde(rename = "CNIDeviceInfoFile", skip_serializing_if = "String::is_empty")]
    pub device_info_file: String,
}

impl RuntimeConfig {
    /// The capability map (B2.46, B4.66): each key only where it holds something.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}
