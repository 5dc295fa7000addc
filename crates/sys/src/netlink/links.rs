//! Links and their addresses.

use std::net::IpAddr;

use netlink_packet_core::{NlasIterator, Parseable as _};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    LinkAttribute, LinkExtentMask, LinkFlags, LinkHeader, LinkMessage,
};

use super::{Cause, Netlink, NetlinkError};

const GET_LINK: u16 = 18;
const SET_LINK: u16 = 19;
const GET_ADDRESS: u16 = 22;

const LINK_HEADER: usize = 16;
const LINK_ADDRESS: u16 = 1;
const LINK_NAME: u16 = 3;
const LINK_MTU: u16 = 4;

/// The longest name of a link.
const LONGEST_NAME: usize = 15;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its index in its namespace.
    pub index: u32,
    /// Its name; not always the one that it was looked up by, since a link may have others beside.
    pub name: String,
    /// Its hardware address as `aa:bb:cc:dd:ee:ff`, empty where it has none.
    pub mac: String,
    /// The longest packet that it takes.
    pub mtu: u32,
    /// Whether it is set up.
    pub is_up: bool,
}

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The length of its prefix.
    pub prefix: u8,
}

impl Netlink {
    /// The link of this name, or `None`.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn link(&mut self, name: &str) -> Result<Option<Link>, NetlinkError> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
            return Ok(None);
        }
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::IfName(name.to_owned()), without_statistics()];
        let failed = |cause: Cause| cause.during(format_args!("look up link {name:?}"));
        match self.socket.request(GET_LINK, 0, &message) {
            Ok(answers) => answers
                .first()
                .map(|body| read_link(body))
                .transpose()
                .map_err(failed),
            Err(cause) if cause.is(rustix::io::Errno::NODEV) => Ok(None),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// All links of the namespace.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes = vec![without_statistics()];
        let answers = self.socket.list(GET_LINK, &message);
        let links =
            answers.and_then(|answers| answers.iter().map(|body| read_link(body)).collect());
        links.map_err(|cause: Cause| cause.during("list links"))
    }

    /// Sets a link up.
    ///
    /// # Errors
    /// When there is no such link, or no right to change it.
    pub fn set_up(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        match self.socket.request(SET_LINK, 0, &message) {
            Ok(_) => Ok(()),
            Err(cause) => Err(cause.during(format_args!("set link {index} up"))),
        }
    }

    /// The addresses of a link, of both families.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn addresses(&mut self, index: u32) -> Result<Vec<Address>, NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.index = index;
        let answers = self.socket.list(GET_ADDRESS, &message);
        let addresses = answers.and_then(|answers| {
            let of_link = answers
                .iter()
                .filter_map(|body| read_address(body, index).transpose());
            of_link.collect::<Result<_, _>>()
        });
        addresses.map_err(|cause| cause.during(format_args!("list the addresses of link {index}")))
    }
}

fn without_statistics() -> LinkAttribute {
    LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])
}

/// Takes from a link what is needed and lets the rest be: kernels add attributes to links with every release.
fn read_link(body: &[u8]) -> Result<Link, Cause> {
    let header = LinkHeader::parse(body)?;
    let mut link = Link {
        index: header.index,
        name: String::new(),
        mac: String::new(),
        mtu: 0,
        is_up: header.flags.contains(LinkFlags::Up),
    };
    for attribute in NlasIterator::new(body.get(LINK_HEADER..).unwrap_or_default()) {
        let attribute = attribute?;
        let value = attribute.value();
        match attribute.kind() {
            LINK_NAME => {
                link.name = String::from_utf8_lossy(value)
                    .trim_end_matches('\0')
                    .to_owned()
            }
            LINK_ADDRESS => {
                let bytes: Vec<_> = value.iter().map(|byte| format!("{byte:02x}")).collect();
                link.mac = bytes.join(":");
            }
            LINK_MTU => {
                link.mtu = value
                    .first_chunk()
                    .map_or(0, |bytes| u32::from_ne_bytes(*bytes))
            }
            _ => {}
        }
    }
    Ok(link)
}

fn read_address(body: &[u8], index: u32) -> Result<Option<Address>, Cause> {
    let message = AddressMessage::parse(body)?;
    if message.header.index != index {
        // Kernels before 4.20 do not filter.
        return Ok(None);
    }
    let (mut local, mut peer) = (None, None);
    for attribute in message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            // The other end of a point-to-point link, else the same.
            AddressAttribute::Address(ip) => peer = Some(ip),
            _ => {}
        }
    }
    Ok(local.or(peer).map(|ip| Address {
        ip,
        prefix: message.header.prefix_len,
    }))
}
