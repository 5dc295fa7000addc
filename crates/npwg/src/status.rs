//! The `network-status` annotation: what the pod got.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::device_info::DeviceInfo;
use crate::text;

/// One attachment of the pod (B3.71). Empty values are left out of the text; `name` and `dns` always stand there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkStatus {
    /// `<namespace>/<name>` of the definition, or the name in the CNI configuration (B3.72).
    pub name: String,
    /// Interface in the pod; empty where the result named none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interface: String,
    /// Addresses, without prefix length.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ips: Vec<String>,
    /// Hardware address of the interface.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mac: String,
    /// MTU of the interface, 0 where unknown.
    #[serde(skip_serializing_if = "is_zero")]
    pub mtu: u64,
    /// Whether this is the cluster network's interface (MN-083).
    #[serde(skip_serializing_if = "is_false")]
    pub default: bool,
    /// Name resolution that the result came with.
    pub dns: Dns,
    /// The device behind the interface (MN-086).
    #[serde(rename = "device-info", skip_serializing_if = "Option::is_none")]
    pub device_info: Option<DeviceInfo>,
    /// Gateways of the default routes. Other writers' `<nil>` (Q22) is read as it stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateway: Vec<String>,
}

/// Name resolution of one attachment (MN-084).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dns {
    /// Addresses of the servers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Local domain.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
    /// Search list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Resolver options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Why a `network-status` text could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatusError {
    /// Not JSON, or not a list of status elements.
    #[error("read network-status: {message}")]
    Decode {
        /// What the decoder said.
        message: String,
    },
    /// An element could not be written.
    #[error("write network-status: {message}")]
    Encode {
        /// What the encoder said.
        message: String,
    },
}

/// The annotation's text: every element indented by 4 spaces, joined by a comma without a space (B3.70).
///
/// # Errors
///
/// None of these values can fail to be written; the error is the encoder's.
pub fn render(statuses: &[NetworkStatus]) -> Result<String, StatusError> {
    let elements: Result<Vec<String>, _> = statuses.iter().map(gojson::to_string_pretty).collect();
    let elements = elements.map_err(|error| StatusError::Encode {
        message: text::message(&error),
    })?;
    Ok(format!("[{}]", elements.join(",")))
}

/// Reads the annotation's text, ours or another program's; empty text is an empty list.
///
/// # Errors
///
/// The text is not a JSON array of status elements.
pub fn parse(text: &str) -> Result<Vec<NetworkStatus>, StatusError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    gojson::from_str(text).map_err(|error| StatusError::Decode {
        message: text::message(&error),
    })
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_false(value: &bool) -> bool {
    !*value
}
