//! Upstream's words on the same socket (B6.20–B6.27): what its shim says to a daemon, and the daemon to its shim.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A CNI verb, executed by the daemon.
pub const CNI: &str = "/cni";
/// An attachment to a running pod (B6.43).
pub const DELEGATE: &str = "/delegate";
/// The daemon lives.
pub const HEALTHZ: &str = "/healthz";
/// The daemon can serve.
pub const READYZ: &str = "/readyz";

/// What is posted to [`CNI`] and [`DELEGATE`] (B6.20).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The environment of the plugin.
    pub env: BTreeMap<String, String>,
    /// What the runtime wrote to the plugin's stdin, in base64.
    pub config: String,
    /// What a pod would say of the network; for [`DELEGATE`] only.
    #[serde(
        rename = "interfaceAttributes",
        skip_serializing_if = "Option::is_none"
    )]
    pub interface_attributes: Option<InterfaceAttributes>,
}

impl Request {
    /// A plugin's environment, and what it was given on stdin.
    #[must_use]
    pub fn new(env: BTreeMap<String, String>, config: &[u8]) -> Self {
        Self {
            env,
            config: BASE64.encode(config),
            interface_attributes: None,
        }
    }

    /// What the plugin was given on stdin; `None` where that is not base64.
    #[must_use]
    pub fn stdin(&self) -> Option<Vec<u8>> {
        BASE64.decode(&self.config).ok()
    }
}

/// What a pod would say of a network that it is attached to later.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterfaceAttributes {
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// MAC address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// Arguments for the plugins.
    #[serde(rename = "cni-args")]
    pub cni_args: Option<Map<String, Value>>,
}

/// The answer to an ADD (B6.22).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The result, of version 1.1.0.
    #[serde(rename = "Result")]
    pub result: Value,
}

/// A CNI error in an answer (B6.24).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Error {
    /// The CNI error code.
    pub code: u32,
    /// What happened.
    pub msg: String,
    /// More of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub details: String,
}
