//! Reading results of every family.

use serde_json::Value;

use super::fields::{Fields, invalid};
use super::{CniResult, Dns, Interface, Ip, ResultError, Route};
use crate::{Family, Version, text};

impl CniResult {
    /// Reads a result: one JSON object, or `null` for an empty one (#33, B4.131). The label decides about its shape;
    /// without one it is in version `default`.
    ///
    /// # Errors
    /// [`ResultError`], which names the place.
    pub fn parse(bytes: &[u8], default: Version) -> Result<Self, ResultError> {
        let value =
            serde_json::from_slice(bytes).map_err(|e| ResultError::Syntax(e.to_string()))?;
        Self::from_value(value, default)
    }

    /// As [`CniResult::parse`], from a decoded value.
    ///
    /// # Errors
    /// As [`CniResult::parse`].
    pub fn from_value(value: Value, default: Version) -> Result<Self, ResultError> {
        if value.is_null() {
            return Ok(Self::new(default));
        }
        let mut fields = Fields::new(value, String::new())?;
        let version = match fields.take("cniVersion") {
            Some(Value::String(label)) if !label.is_empty() => Version::parse(&label)
                .map_err(|e| ResultError::Version(text::one_line(e.0.as_bytes(), text::EXCERPT)))?,
            _ => default,
        };
        let mut result = Self::new(version);
        match version.family() {
            Family::F02 => slots(&mut result, &mut fields)?,
            family => {
                for object in fields.objects("interfaces")? {
                    result.interfaces.push(interface(object, family)?);
                }
                for object in fields.objects("ips")? {
                    result.ips.push(ip(object, family)?);
                }
                for object in fields.objects("routes")? {
                    result.routes.push(route(object)?);
                }
            }
        }
        if let Some(object) = fields.object("dns")? {
            result.dns = dns(object)?;
        }
        result.extra = fields.rest();
        Ok(result)
    }
}

/// `ip4` and `ip6`, at most one address each.
fn slots(result: &mut CniResult, fields: &mut Fields) -> Result<(), ResultError> {
    for (key, is_ipv4) in [("ip4", true), ("ip6", false)] {
        let Some(mut slot) = fields.object(key)? else {
            continue;
        };
        let address = slot.net("ip")?;
        if address.is_ipv4() != is_ipv4 {
            return Err(invalid(&slot.path("ip"), "address of the other family"));
        }
        let gateway = slot.address("gateway")?;
        for object in slot.objects("routes")? {
            result.routes.push(route(object)?);
        }
        result.ips.push(Ip {
            address,
            gateway,
            interface: None,
            extra: slot.rest(),
        });
    }
    Ok(())
}

fn interface(mut fields: Fields, family: Family) -> Result<Interface, ResultError> {
    let mut interface = Interface {
        name: fields.text("name")?,
        mac: fields.text("mac")?,
        sandbox: fields.text("sandbox")?,
        ..Interface::default()
    };
    // Before 1.0.0 these are unknown keys.
    if family == Family::F1 {
        interface.mtu = fields.number("mtu")?;
        interface.socket_path = fields.text("socketPath")?;
        interface.pci_id = fields.text("pciID")?;
    }
    interface.extra = fields.rest();
    Ok(interface)
}

fn ip(mut fields: Fields, family: Family) -> Result<Ip, ResultError> {
    // Computed from the address when it is printed, so one that is missing or wrong does no harm (#69).
    if family == Family::F04 {
        fields.take("version");
    }
    let address = fields.net("address")?;
    let gateway = fields.address("gateway")?;
    // Old plugins say -1 for "unknown" (#68).
    let interface = fields
        .integer("interface")?
        .and_then(|index| usize::try_from(index).ok());
    Ok(Ip {
        address,
        gateway,
        interface,
        extra: fields.rest(),
    })
}

fn route(mut fields: Fields) -> Result<Route, ResultError> {
    Ok(Route {
        dst: fields.net("dst")?,
        gw: fields.address("gw")?,
        mtu: fields.number("mtu")?,
        advmss: fields.number("advmss")?,
        priority: fields.number("priority")?,
        table: fields.integer("table")?,
        scope: fields.integer("scope")?,
        extra: fields.rest(),
    })
}

fn dns(mut fields: Fields) -> Result<Dns, ResultError> {
    Ok(Dns {
        nameservers: fields.texts("nameservers")?,
        domain: fields.text("domain")?,
        search: fields.texts("search")?,
        options: fields.texts("options")?,
        extra: fields.rest(),
    })
}
