//! Printing results in every family's shape.

use serde_json::{Map, Value};

use super::{CniResult, Dns, Interface, Ip, ResultError, Route};
use crate::{Family, Version};

impl CniResult {
    /// The result as JSON in `version`, converted where necessary.
    ///
    /// # Errors
    /// As [`CniResult::convert`].
    pub fn to_value(&self, version: Version) -> Result<Value, ResultError> {
        if version.family() == self.version.family() {
            return Ok(self.print(version));
        }
        self.clone()
            .convert(version)
            .map(|converted| converted.print(version))
    }

    /// As [`CniResult::to_value`], as text for stdout: four spaces, no line end behind it.
    ///
    /// # Errors
    /// As [`CniResult::convert`].
    pub fn to_json(&self, version: Version) -> Result<String, ResultError> {
        let value = self.to_value(version)?;
        gojson::to_string_pretty(&value).map_err(|e| ResultError::Syntax(e.to_string()))
    }

    /// In its own family's shape.
    fn print(&self, version: Version) -> Value {
        let mut out = self.extra.clone();
        out.insert("cniVersion".into(), version.as_str().into());
        let family = version.family();
        if family == Family::F02 {
            self.print_slots(&mut out);
        } else {
            put_list(
                &mut out,
                "interfaces",
                self.interfaces.iter().map(|i| print_interface(i, family)),
            );
            put_list(
                &mut out,
                "ips",
                self.ips.iter().map(|ip| print_ip(ip, family)),
            );
            put_list(&mut out, "routes", self.routes.iter().map(print_route));
        }
        if family != Family::F1 || !self.dns.is_empty() {
            out.insert("dns".into(), print_dns(&self.dns));
        }
        Value::Object(out)
    }

    fn print_slots(&self, out: &mut Map<String, Value>) {
        for (key, is_ipv4) in [("ip4", true), ("ip6", false)] {
            let Some(ip) = self.ips.iter().find(|ip| ip.address.is_ipv4() == is_ipv4) else {
                continue;
            };
            let mut slot = ip.extra.clone();
            slot.insert("ip".into(), ip.address.to_string().into());
            put_address(&mut slot, "gateway", ip.gateway);
            let routes = self
                .routes
                .iter()
                .filter(|route| route.dst.is_ipv4() == is_ipv4);
            put_list(&mut slot, "routes", routes.map(print_route));
            out.insert(key.into(), Value::Object(slot));
        }
    }
}

fn print_interface(interface: &Interface, family: Family) -> Value {
    let mut out = interface.extra.clone();
    out.insert("name".into(), interface.name.as_str().into());
    put_text(&mut out, "mac", &interface.mac);
    put_text(&mut out, "sandbox", &interface.sandbox);
    if family == Family::F1 {
        put_number(&mut out, "mtu", interface.mtu);
        put_text(&mut out, "socketPath", &interface.socket_path);
        put_text(&mut out, "pciID", &interface.pci_id);
    }
    Value::Object(out)
}

fn print_ip(ip: &Ip, family: Family) -> Value {
    let mut out = ip.extra.clone();
    out.insert("address".into(), ip.address.to_string().into());
    put_address(&mut out, "gateway", ip.gateway);
    if let Some(index) = ip.interface {
        out.insert("interface".into(), index.into());
    }
    if family == Family::F04 {
        out.insert(
            "version".into(),
            if ip.address.is_ipv4() { "4" } else { "6" }.into(),
        );
    }
    Value::Object(out)
}

fn print_route(route: &Route) -> Value {
    let mut out = route.extra.clone();
    out.insert("dst".into(), route.dst.to_string().into());
    put_address(&mut out, "gw", route.gw);
    put_number(&mut out, "mtu", route.mtu);
    put_number(&mut out, "advmss", route.advmss);
    put_number(&mut out, "priority", route.priority);
    if let Some(table) = route.table {
        out.insert("table".into(), table.into());
    }
    if let Some(scope) = route.scope {
        out.insert("scope".into(), scope.into());
    }
    Value::Object(out)
}

fn print_dns(dns: &Dns) -> Value {
    let mut out = dns.extra.clone();
    put_list(
        &mut out,
        "nameservers",
        dns.nameservers.iter().cloned().map(Value::String),
    );
    put_text(&mut out, "domain", &dns.domain);
    put_list(
        &mut out,
        "search",
        dns.search.iter().cloned().map(Value::String),
    );
    put_list(
        &mut out,
        "options",
        dns.options.iter().cloned().map(Value::String),
    );
    Value::Object(out)
}

fn put_list(out: &mut Map<String, Value>, key: &str, items: impl Iterator<Item = Value>) {
    let items: Vec<_> = items.collect();
    if !items.is_empty() {
        out.insert(key.into(), Value::Array(items));
    }
}

fn put_text(out: &mut Map<String, Value>, key: &str, text: &str) {
    if !text.is_empty() {
        out.insert(key.into(), text.into());
    }
}

fn put_number(out: &mut Map<String, Value>, key: &str, number: u32) {
    if number != 0 {
        out.insert(key.into(), number.into());
    }
}

fn put_address(out: &mut Map<String, Value>, key: &str, address: Option<std::net::IpAddr>) {
    if let Some(address) = address {
        out.insert(key.into(), address.to_string().into());
    }
}
