//! Results: one rich type for all versions; reading, converting and printing them.

mod convert;
mod fields;
mod net;
mod parse;
mod print;

use std::net::IpAddr;

use serde_json::{Map, Value};
use thiserror::Error;

pub use net::{BadNet, IpNet};

use crate::{Version, code, text};

/// What an ADD made.
#[derive(Debug, Clone, PartialEq)]
pub struct CniResult {
    /// The version that this result is in; what only other families know is empty.
    pub version: Version,
    /// Interfaces, in the container and outside of it.
    pub interfaces: Vec<Interface>,
    /// Addresses.
    pub ips: Vec<Ip>,
    /// Routes.
    pub routes: Vec<Route>,
    /// Name service.
    pub dns: Dns,
    /// Keys that the specification does not know; they survive as long as the family of versions stays the same.
    pub extra: Map<String, Value>,
}

/// An interface.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its hardware address; never checked, may be empty.
    pub mac: String,
    /// Its MTU, 0 when not said; since 1.0.0.
    pub mtu: u32,
    /// The path of its namespace, empty on the host.
    pub sandbox: String,
    /// The path of a socket in place of a kernel interface; since 1.0.0.
    pub socket_path: String,
    /// The device behind it; since 1.0.0.
    pub pci_id: String,
    /// Unknown keys.
    pub extra: Map<String, Value>,
}

/// An address.
#[derive(Debug, Clone, PartialEq)]
pub struct Ip {
    /// Address and prefix length; host bits are kept.
    pub address: IpNet,
    /// The gateway of its subnet.
    pub gateway: Option<IpAddr>,
    /// The index into [`CniResult::interfaces`]; not checked here, see [`CniResult::check_interfaces`].
    pub interface: Option<usize>,
    /// Unknown keys.
    pub extra: Map<String, Value>,
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Where to.
    pub dst: IpNet,
    /// The gateway; the one of the address when absent.
    pub gw: Option<IpAddr>,
    /// MTU along the route, 0 when not said.
    pub mtu: u32,
    /// Maximum segment size to announce, 0 when not said.
    pub advmss: u32,
    /// Priority, 0 when not said.
    pub priority: u32,
    /// Routing table.
    pub table: Option<i64>,
    /// Scope; 0 means global.
    pub scope: Option<i64>,
    /// Unknown keys.
    pub extra: Map<String, Value>,
}

/// Name service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dns {
    /// Addresses of name servers.
    pub nameservers: Vec<String>,
    /// The local domain.
    pub domain: String,
    /// Search list.
    pub search: Vec<String>,
    /// Options of the resolver.
    pub options: Vec<String>,
    /// Unknown keys.
    pub extra: Map<String, Value>,
}

/// A result that cannot be read or converted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ResultError {
    /// The text is no JSON.
    #[error("failed to decode the result: {0}")]
    Syntax(String),
    /// The value at `path` is not what it has to be.
    #[error("invalid result: {path}: {why}")]
    Field {
        /// Keys and indices, such as `ips[0].address`.
        path: String,
        /// What is wrong there.
        why: String,
    },
    /// The label is no known version.
    #[error("unsupported CNI result version {}", text::quoted(.0))]
    Version(String),
    /// Versions before 0.3.0 cannot say it.
    #[error("cannot convert: no valid IP addresses")]
    NoAddresses,
    /// An address belongs to an interface that is not there.
    #[error(
        "invalid result: ips[{ip}].interface is {interface}, there are {interfaces} interfaces"
    )]
    InterfaceIndex {
        /// Which address.
        ip: usize,
        /// What it says.
        interface: usize,
        /// How many interfaces there are.
        interfaces: usize,
    },
}

impl ResultError {
    /// The error code of the specification.
    pub const fn code(&self) -> u32 {
        match self {
            Self::Version(_) | Self::NoAddresses => code::INCOMPATIBLE_VERSION,
            Self::Syntax(_) | Self::Field { .. } | Self::InterfaceIndex { .. } => {
                code::DECODING_FAILURE
            }
        }
    }
}

impl CniResult {
    /// A result without content.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            interfaces: Vec::new(),
            ips: Vec::new(),
            routes: Vec::new(),
            dns: Dns::default(),
            extra: Map::new(),
        }
    }

    /// Whether every address's interface is there.
    ///
    /// # Errors
    /// [`ResultError::InterfaceIndex`] for the first that is not (#67).
    pub fn check_interfaces(&self) -> Result<(), ResultError> {
        let interfaces = self.interfaces.len();
        for (ip, address) in self.ips.iter().enumerate() {
            if let Some(interface) = address.interface.filter(|index| *index >= interfaces) {
                return Err(ResultError::InterfaceIndex {
                    ip,
                    interface,
                    interfaces,
                });
            }
        }
        Ok(())
    }
}

impl Ip {
    /// An address alone.
    pub fn new(address: IpNet) -> Self {
        Self {
            address,
            gateway: None,
            interface: None,
            extra: Map::new(),
        }
    }
}

impl Route {
    /// A route without attributes.
    pub fn new(dst: IpNet, gw: Option<IpAddr>) -> Self {
        Self {
            dst,
            gw,
            mtu: 0,
            advmss: 0,
            priority: 0,
            table: None,
            scope: None,
            extra: Map::new(),
        }
    }
}

impl Dns {
    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests;
