//! The decoded header as ledgers hold it beside the text (B2.60, B2.61).

use serde_json::{Map, Value, json};

use super::plugin::{DnsHeader, Header};
use super::{Form, NetworkConf};

impl NetworkConf {
    /// The header of the whole text read as a single configuration; for a list, what stands beside `plugins` (B2.60).
    pub fn header_value(&self) -> Value {
        match self.form {
            Form::Single => self
                .plugins
                .first()
                .map_or_else(|| json!({"ipam": {}}), |plugin| header(plugin.header())),
            // Was decoded when the list was read.
            Form::List => header(&Header::decode(&self.list).unwrap_or_default()),
        }
    }

    /// The header of a list with those of its plugins; `{}` for a single configuration (B2.61).
    pub fn list_header_value(&self) -> Value {
        let mut out = Map::new();
        if self.form == Form::List {
            put_text(&mut out, "cniVersion", &self.version_label);
            put_text(&mut out, "name", &self.name);
            for (key, on) in [
                ("disableCheck", self.disable_check),
                ("disableGC", self.disable_gc),
            ] {
                if on {
                    out.insert(key.into(), true.into());
                }
            }
            if !self.plugins.is_empty() {
                out.insert(
                    "plugins".into(),
                    self.plugins
                        .iter()
                        .map(|plugin| header(plugin.header()))
                        .collect(),
                );
            }
        }
        Value::Object(out)
    }
}

fn header(header: &Header) -> Value {
    let mut out = Map::new();
    put_text(
        &mut out,
        "cniVersion",
        header.cni_version.as_deref().unwrap_or_default(),
    );
    put_text(&mut out, "name", header.name.as_deref().unwrap_or_default());
    put_text(&mut out, "type", &header.plugin_type);
    if !header.capabilities.is_empty() {
        out.insert("capabilities".into(), json!(header.capabilities));
    }
    let mut ipam = Map::new();
    put_text(&mut ipam, "type", &header.ipam.plugin_type);
    out.insert("ipam".into(), Value::Object(ipam));
    if header.dns != DnsHeader::default() {
        out.insert("dns".into(), dns(&header.dns));
    }
    Value::Object(out)
}

fn dns(header: &DnsHeader) -> Value {
    let mut out = Map::new();
    put_text(&mut out, "domain", &header.domain);
    for (key, list) in [
        ("nameservers", &header.nameservers),
        ("search", &header.search),
        ("options", &header.options),
    ] {
        if !list.is_empty() {
            out.insert(key.into(), json!(list));
        }
    }
    Value::Object(out)
}

fn put_text(out: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        out.insert(key.into(), text.into());
    }
}
