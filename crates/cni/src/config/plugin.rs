//! One plugin's configuration: all of it, and the part that a runtime understands.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::ConfError;
use crate::names::check_plugin_type;

/// One plugin's configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginConf {
    raw: Map<String, Value>,
    header: Header,
}

/// What a runtime understands. Types are strict (B5.61).
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Header {
    #[serde(rename = "cniVersion")]
    pub(super) cni_version: Option<String>,
    pub(super) name: Option<String>,
    #[serde(rename = "type")]
    pub(super) plugin_type: String,
    pub(super) capabilities: BTreeMap<String, bool>,
    pub(super) ipam: Ipam,
    pub(super) dns: DnsHeader,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Ipam {
    #[serde(rename = "type")]
    pub(super) plugin_type: String,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct DnsHeader {
    pub(super) nameservers: Vec<String>,
    pub(super) domain: String,
    pub(super) search: Vec<String>,
    pub(super) options: Vec<String>,
}

impl Header {
    pub(super) fn decode(raw: &Map<String, Value>) -> Result<Self, ConfError> {
        gojson::from_value(Value::Object(raw.clone())).map_err(ConfError::Decode)
    }
}

impl PluginConf {
    /// Reads one plugin's configuration, which needs a `type`.
    ///
    /// # Errors
    /// [`ConfError`] for bad JSON, a missing or invalid type, a key of a wrong type.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfError> {
        match gojson::from_slice(bytes).map_err(ConfError::Decode)? {
            Value::Object(raw) => Self::from_map(raw),
            _ => Err(ConfError::NotAnObject),
        }
    }

    /// The same from a decoded object.
    pub(super) fn from_map(mut raw: Map<String, Value>) -> Result<Self, ConfError> {
        strip(&mut raw);
        let header = Header::decode(&raw)?;
        if header.plugin_type.is_empty() {
            let is_list = gojson::get_fold(&raw, "plugins").is_some();
            let hint = if is_list {
                ", there is 'plugins': a list belongs into a .conflist file"
            } else {
                ""
            };
            return Err(ConfError::MissingType { hint });
        }
        check_plugin_type(&header.plugin_type)?;
        Ok(Self { raw, header })
    }

    /// The plugin: the name of its program.
    pub fn plugin_type(&self) -> &str {
        &self.header.plugin_type
    }

    /// The plugin that it has its addresses from, if there is one.
    pub fn ipam_type(&self) -> Option<&str> {
        Some(self.header.ipam.plugin_type.as_str()).filter(|ipam| !ipam.is_empty())
    }

    /// Its own name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.header.name.as_deref()
    }

    /// Its own version label, if it has one.
    pub fn cni_version(&self) -> Option<&str> {
        self.header.cni_version.as_deref()
    }

    /// The capabilities that it declares, also those that are off.
    pub const fn capabilities(&self) -> &BTreeMap<String, bool> {
        &self.header.capabilities
    }

    /// All of it.
    pub const fn raw(&self) -> &Map<String, Value> {
        &self.raw
    }

    pub(super) fn into_raw(self) -> Map<String, Value> {
        self.raw
    }

    pub(super) const fn header(&self) -> &Header {
        &self.header
    }
}

/// Removes what only a runtime sets (#18). A static `runtimeConfig` stays: plugins get it where no capability matched.
fn strip(raw: &mut Map<String, Value>) {
    let is_reserved = |key: &str| {
        let prefix = key
            .get(.."cni.dev/".len())
            .is_some_and(|start| start.eq_ignore_ascii_case("cni.dev/"));
        prefix || key.eq_ignore_ascii_case("prevResult")
    };
    raw.retain(|key, _| !is_reserved(key));
}
