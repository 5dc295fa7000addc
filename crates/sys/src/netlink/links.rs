//! Links.

use netlink_packet_core::NlasIterator;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkHeader, LinkMessage};
use rustix::io::Errno;

use super::{Cause, Netlink, NetlinkError};

const GET_LINK: u16 = 18;

/// The longest name of a link.
const LONGEST_NAME: usize = 15;

/// What a message about a link begins with, before its attributes.
const HEADER: usize = 16;
const NAME: u16 = 3;
/// In which there are other names.
const PROPERTIES: u16 = 52;
const OTHER_NAME: u16 = 53;

impl Netlink {
    /// The index of the link of this name, or `None`.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn link(&mut self, name: &str) -> Result<Option<u32>, NetlinkError> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
            return Ok(None);
        }
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::IfName(name.to_owned()), without_statistics()];
        let failed = |cause: Cause| cause.during(format_args!("look up link {name:?}"));
        match self.socket.request(GET_LINK, 0, &message) {
            Ok(answers) => answers
                .first()
                .map(|body| index(body))
                .transpose()
                .map_err(failed),
            Err(cause) if cause.is(Errno::NODEV) => Ok(None),
            Err(cause) => Err(failed(cause)),
        }
    }

    /// The names of all links, and the other names that they have.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, NetlinkError> {
        let mut message = LinkMessage::default();
        message.attributes = vec![without_statistics()];
        let links = self.socket.list(GET_LINK, &message);
        let links = links.map_err(|cause| cause.during("list links"))?;
        let mut names = Vec::new();
        for link in &links {
            collect_names(link.get(HEADER..).unwrap_or_default(), &mut names);
        }
        Ok(names)
    }
}

fn without_statistics() -> LinkAttribute {
    LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats])
}

fn collect_names(attributes: &[u8], names: &mut Vec<String>) {
    for attribute in NlasIterator::new(attributes).flatten() {
        match attribute.kind() {
            NAME | OTHER_NAME => {
                let name = String::from_utf8_lossy(attribute.value());
                names.push(name.trim_end_matches('\0').to_owned());
            }
            PROPERTIES => collect_names(attribute.value(), names),
            _ => {}
        }
    }
}

/// Lets the attributes be: kernels add some to links with every release.
fn index(body: &[u8]) -> Result<u32, Cause> {
    Ok(LinkHeader::parse(body)?.index)
}
