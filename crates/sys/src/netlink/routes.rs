//! Default routes.

use std::fmt;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, Parseable as _};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteType,
    RouteVia,
};

use super::{Cause, Netlink, NetlinkError};

const NEW_ROUTE: u16 = 24;
const DELETE_ROUTE: u16 = 25;
const GET_ROUTE: u16 = 26;

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// The family of an address.
    #[must_use]
    pub(super) fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    fn number(self) -> AddressFamily {
        match self {
            Self::V4 => AddressFamily::Inet,
            Self::V6 => AddressFamily::Inet6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// One way that a route goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hop {
    /// The index of the link.
    pub(crate) interface: u32,
    /// The router, where there is one.
    pub(crate) gateway: Option<IpAddr>,
}

/// A default route of the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DefaultRoute {
    /// Its family.
    family: Family,
    /// Its ways: one, or several that share the load.
    pub(crate) hops: Vec<Hop>,
    /// As the kernel gave it, with all that is not shown here.
    raw: Vec<u8>,
}

impl Netlink {
    /// The default routes of a family in the main table.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn default_routes(
        &mut self,
        family: Family,
    ) -> Result<Vec<DefaultRoute>, NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = family.number();
        let answers = self.socket.list(GET_ROUTE, &message);
        let routes = answers.and_then(|answers| {
            let defaults = answers
                .into_iter()
                .filter_map(|body| read_default(body, family).transpose());
            defaults.collect::<Result<_, _>>()
        });
        routes.map_err(|cause| cause.during(format_args!("list {family} routes")))
    }

    /// Adds a default route by way of a router on a link.
    ///
    /// # Errors
    /// When there is one already, the router cannot be reached on the link, or the right is missing.
    pub(crate) fn add_default_route(
        &mut self,
        gateway: IpAddr,
        interface: u32,
    ) -> Result<(), NetlinkError> {
        let mut message = RouteMessage::default();
        message.header.address_family = Family::of(gateway).number();
        message.header.table = RouteHeader::RT_TABLE_MAIN;
        message.header.protocol = RouteProtocol::Boot;
        message.header.kind = RouteType::Unicast;
        message.attributes = vec![
            RouteAttribute::Gateway(gateway.into()),
            RouteAttribute::Oif(interface),
        ];
        match self
            .socket
            .request(NEW_ROUTE, NLM_F_CREATE | NLM_F_EXCL, &message)
        {
            Ok(_) => Ok(()),
            Err(cause) => Err(cause.during(format_args!(
                "add a default route via {gateway} on link {interface}"
            ))),
        }
    }

    /// Deletes exactly this route.
    ///
    /// # Errors
    /// When it is gone, or the right is missing.
    pub(crate) fn delete_route(&mut self, route: &DefaultRoute) -> Result<(), NetlinkError> {
        match self
            .socket
            .request_bytes(DELETE_ROUTE, NLM_F_ACK, &route.raw)
        {
            Ok(_) => Ok(()),
            Err(cause) => Err(cause.during(format_args!("delete {route}"))),
        }
    }
}

impl fmt::Display for DefaultRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} default route", self.family)?;
        for hop in &self.hops {
            match hop.gateway {
                Some(gateway) => write!(f, " via {gateway} on link {}", hop.interface)?,
                None => write!(f, " on link {}", hop.interface)?,
            }
        }
        Ok(())
    }
}

fn read_default(body: Vec<u8>, family: Family) -> Result<Option<DefaultRoute>, Cause> {
    let header = RouteHeader::parse(&body)?;
    if header.destination_prefix_length != 0
        || header.source_prefix_length != 0
        || header.table != RouteHeader::RT_TABLE_MAIN
        || header.kind != RouteType::Unicast
        || header.flags.contains(RouteFlags::Cloned)
    {
        return Ok(None);
    }
    let message = RouteMessage::parse(&body)?;
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(interface) => {
                hops.push(Hop {
                    interface: *interface,
                    gateway: gateway(&message.attributes),
                });
            }
            RouteAttribute::MultiPath(ways) => {
                let ways = ways.iter();
                hops.extend(ways.map(|way| Hop {
                    interface: way.interface_index,
                    gateway: gateway(&way.attributes),
                }));
            }
            _ => {}
        }
    }
    Ok(Some(DefaultRoute {
        family,
        hops,
        raw: body,
    }))
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Gateway(RouteAddress::Inet(ip))
        | RouteAttribute::Via(RouteVia::Inet(ip)) => Some((*ip).into()),
        RouteAttribute::Gateway(RouteAddress::Inet6(ip))
        | RouteAttribute::Via(RouteVia::Inet6(ip)) => Some((*ip).into()),
        _ => None,
    })
}
