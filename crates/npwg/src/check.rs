//! What a value must look like, whichever key it stands under.

use std::net::IpAddr;

use thiserror::Error;

use crate::capability::PortMapping;
use crate::text::quoted;

/// A value that cannot be what its key asks for. Values inside are cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueError {
    /// A required value is missing or empty.
    #[error("must not be empty")]
    Empty,
    /// Not a name that the API would give to an object.
    #[error(
        "{value} cannot be the name of an object: lower-case letters, digits, '-' and '.' in its middle, at most 253 characters"
    )]
    ObjectName {
        /// The value.
        value: String,
    },
    /// Not a DNS label: namespaces, and names in the short format.
    #[error(
        "{value} is not lower-case letters, digits and '-' in its middle, at most {limit} characters"
    )]
    Label {
        /// The value.
        value: String,
        /// Longest text accepted.
        limit: usize,
    },
    /// Not a name that the kernel would give to an interface, or that a CNI plugin accepts.
    #[error("{value} cannot be the name of an interface: {reason}")]
    Interface {
        /// The value.
        value: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// Has a `/` but is not an address with a prefix length.
    #[error("failed to parse CIDR {value}")]
    Cidr {
        /// The value.
        value: String,
    },
    /// Not an IP address.
    #[error("failed to parse IP address {value}")]
    Ip {
        /// The value.
        value: String,
    },
    /// Not a hardware address of 6 bytes.
    #[error("{value} {reason}")]
    Mac {
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a GUID of 8 bytes.
    #[error("{value} {reason}")]
    Guid {
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a port.
    #[error("{value} is not a port (1-65535)")]
    Port {
        /// The value, 0 where the key is missing.
        value: u16,
    },
    /// Not a transport protocol that ports belong to.
    #[error("{value} is not tcp, udp or sctp")]
    Protocol {
        /// The value.
        value: String,
    },
    /// Both ways of asking for addresses in one element.
    #[error("must not be combined with ips")]
    ClaimWithIps,
}

/// Longest name of an object.
pub(crate) const OBJECT_NAME_LIMIT: usize = 253;
/// Longest name of a namespace.
pub(crate) const NAMESPACE_LIMIT: usize = 63;
/// Longest name of an interface, in bytes.
const INTERFACE_LIMIT: usize = 15;

/// Names of objects: labels joined by dots (MN-007).
pub(crate) fn object_name(value: &str) -> Result<(), ValueError> {
    if value.is_empty() {
        return Err(ValueError::Empty);
    }
    if value.len() <= OBJECT_NAME_LIMIT && value.split('.').all(is_label) {
        Ok(())
    } else {
        Err(ValueError::ObjectName {
            value: quoted(value),
        })
    }
}

/// A single label: namespaces, and names in the short format, where dots are not possible (B3.23).
pub(crate) fn label(value: &str, limit: usize) -> Result<(), ValueError> {
    if value.is_empty() {
        return Err(ValueError::Empty);
    }
    if value.len() <= limit && is_label(value) {
        Ok(())
    } else {
        Err(ValueError::Label {
            value: quoted(value),
            limit,
        })
    }
}

fn is_label(value: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    value.chars().all(|c| alphanumeric(c) || c == '-')
        && value.starts_with(alphanumeric)
        && value.ends_with(alphanumeric)
}

/// Names of interfaces: what the kernel takes literally and CNI plugins accept (MN-032, B3.24, B4.122).
pub(crate) fn interface(value: &str) -> Result<(), ValueError> {
    let reason = if value.is_empty() {
        "it is empty"
    } else if value.len() > INTERFACE_LIMIT {
        "it has more than 15 bytes"
    } else if value.contains(|c: char| c == '/' || c == ':' || c.is_whitespace()) {
        "it has a '/', a ':' or white space"
    } else if value.contains(char::is_control) {
        "it has a control character"
    } else if value.contains('%') {
        "it has a '%', which the kernel would expand"
    } else if matches!(value, "." | ".." | "all" | "default") {
        "it is reserved"
    } else {
        return Ok(());
    };
    Err(ValueError::Interface {
        value: quoted(value),
        reason,
    })
}

/// An address, with or without prefix length (MN-025).
pub(crate) fn ip_or_cidr(value: &str) -> Result<(), ValueError> {
    let Some((address, prefix)) = value.split_once('/') else {
        return ip(value).map(drop);
    };
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => {
            return Err(ValueError::Cidr {
                value: quoted(value),
            });
        }
    };
    // Digits alone: the standard parser would take a sign.
    let digits = !prefix.is_empty() && prefix.chars().all(|c| c.is_ascii_digit());
    match prefix.parse::<u32>() {
        Ok(prefix) if digits && prefix <= longest => Ok(()),
        _ => Err(ValueError::Cidr {
            value: quoted(value),
        }),
    }
}

/// An address; IPv4 in IPv6 clothes counts as IPv4, as everywhere in the Go world.
pub(crate) fn ip(value: &str) -> Result<IpAddr, ValueError> {
    match value.parse::<IpAddr>() {
        Ok(address) => Ok(address.to_canonical()),
        Err(_) => Err(ValueError::Ip {
            value: quoted(value),
        }),
    }
}

/// A hardware address of 6 bytes (MN-030, Q75).
pub(crate) fn mac(value: &str) -> Result<(), ValueError> {
    hardware_address(value, 6).map_err(|reason| ValueError::Mac {
        value: quoted(value),
        reason,
    })
}

/// An InfiniBand GUID of 8 bytes (MN-047, Q75).
pub(crate) fn guid(value: &str) -> Result<(), ValueError> {
    hardware_address(value, 8).map_err(|reason| ValueError::Guid {
        value: quoted(value),
        reason,
    })
}

/// Checks `00:11:22:…`, `00-11-22-…` and `0011.2233.…`; otherwise says what is wrong.
fn hardware_address(value: &str, expected: usize) -> Result<(), String> {
    let (separator, digits) = if value.contains(':') {
        (':', 2)
    } else if value.contains('-') {
        ('-', 2)
    } else {
        ('.', 4)
    };
    let well_formed =
        |group: &str| group.len() == digits && group.chars().all(|c| c.is_ascii_hexdigit());
    if !value.split(separator).all(well_formed) {
        return Err("is not a hardware address".to_owned());
    }
    let bytes = value.split(separator).count() * digits / 2;
    if bytes == expected {
        Ok(())
    } else {
        Err(format!("has {bytes} bytes instead of {expected}"))
    }
}

/// Ports, protocol and address of one mapping (MN-037); an error comes with the key that it is about.
pub(crate) fn port_mapping(mapping: &PortMapping) -> Result<(), (&'static str, ValueError)> {
    for (key, value) in [
        ("hostPort", mapping.host_port),
        ("containerPort", mapping.container_port),
    ] {
        if value == 0 {
            return Err((key, ValueError::Port { value }));
        }
    }
    if let Some(value) = &mapping.protocol
        && !["tcp", "udp", "sctp"]
            .iter()
            .any(|known| value.eq_ignore_ascii_case(known))
    {
        return Err((
            "protocol",
            ValueError::Protocol {
                value: quoted(value),
            },
        ));
    }
    if let Some(value) = &mapping.host_ip {
        ip(value).map_err(|problem| ("hostIP", problem))?;
    }
    Ok(())
}
