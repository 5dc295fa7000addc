//! An address with the length of its prefix.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use thiserror::Error;

/// Address and prefix, host bits kept: `10.1.2.3/24`.
///
/// An IPv4-mapped IPv6 address stays one (#76).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpNet {
    addr: IpAddr,
    prefix: u8,
}

/// Text that is no address with a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an IP address with prefix")]
pub struct BadNet;

impl IpNet {
    /// Puts both together.
    ///
    /// # Errors
    /// [`BadNet`] when the prefix is longer than the address.
    pub fn new(addr: IpAddr, prefix: u8) -> Result<Self, BadNet> {
        let longest = if addr.is_ipv4() { 32 } else { 128 };
        if prefix > longest {
            Err(BadNet)
        } else {
            Ok(Self { addr, prefix })
        }
    }

    /// The destination of a default route: `0.0.0.0/0` or `::/0`.
    pub const fn default_route(ipv4: bool) -> Self {
        let addr = if ipv4 {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        };
        Self { addr, prefix: 0 }
    }

    /// The address, with its host bits.
    pub const fn addr(&self) -> IpAddr {
        self.addr
    }

    /// The length of the prefix.
    pub const fn prefix(&self) -> u8 {
        self.prefix
    }

    /// Whether it is IPv4.
    pub const fn is_ipv4(&self) -> bool {
        self.addr.is_ipv4()
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

impl FromStr for IpNet {
    type Err = BadNet;

    fn from_str(text: &str) -> Result<Self, BadNet> {
        let (addr, prefix) = text.split_once('/').ok_or(BadNet)?;
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadNet);
        }
        let addr = addr.parse().map_err(|_| BadNet)?;
        Self::new(addr, prefix.parse().map_err(|_| BadNet)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn host_bits_and_the_form_of_the_address_are_kept() {
        // #76
        for text in [
            "10.1.2.3/24",
            "fd00::1/64",
            "::ffff:10.0.0.1/120",
            "0.0.0.0/0",
        ] {
            assert_eq!(
                text.parse::<IpNet>().map(|net| net.to_string()).as_deref(),
                Ok(text)
            );
        }
        assert!(!"::ffff:10.0.0.1/120".parse::<IpNet>().unwrap().is_ipv4());
    }

    #[test]
    fn everything_else_is_refused() {
        // #70
        for text in [
            "",
            "10.0.0.1",
            "10.0.0.1/",
            "10.0.0.1/33",
            "999.1.1.1/24",
            "fd00::/129",
            "10.0.0.1/+8",
            "<nil>",
        ] {
            assert_eq!(text.parse::<IpNet>(), Err(BadNet), "{text}");
        }
    }

    #[test]
    fn a_default_route_leads_everywhere() {
        assert_eq!(IpNet::default_route(true).to_string(), "0.0.0.0/0");
        assert_eq!(IpNet::default_route(false).to_string(), "::/0");
    }

    proptest! {
        #[test]
        fn every_address_with_a_fitting_prefix_is_read_back(addr in any::<IpAddr>(), prefix in any::<u8>()) {
            let fits = prefix <= if addr.is_ipv4() { 32 } else { 128 };
            let read = format!("{addr}/{prefix}").parse::<IpNet>();
            prop_assert_eq!(read.is_ok(), fits);
            prop_assert_eq!(read, IpNet::new(addr, prefix));
            if let Ok(net) = read {
                prop_assert_eq!((net.addr(), net.prefix()), (addr, prefix));
            }
        }

        #[test]
        fn what_is_accepted_is_read_back_from_what_is_printed(text in "[0-9a-f.:]{0,20}(/[-+ 0-9a-z]{0,4})?") {
            if let Ok(net) = text.parse::<IpNet>() {
                prop_assert_eq!(net.to_string().parse(), Ok(net));
            }
        }
    }
}
