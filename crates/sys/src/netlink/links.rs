//! Links.

use netlink_packet_route::link::{LinkAttribute, LinkExtentMask, LinkHeader, LinkMessage};
use rustix::io::Errno;

use super::{Cause, Netlink, NetlinkError};

const GET_LINK: u16 = 18;

/// The longest name of a link.
const LONGEST_NAME: usize = 15;

impl Netlink {
    /// The index of the link of this name, or `None`.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub(crate) fn link(&mut self, name: &str) -> Result<Option<u32>, NetlinkError> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains('\0') {
            return Ok(None);
        }
        let without_statistics = LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]);
        let mut message = LinkMessage::default();
        message.attributes = vec![LinkAttribute::IfName(name.to_owned()), without_statistics];
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
}

/// Lets the attributes be: kernels add some to links with every release.
fn index(body: &[u8]) -> Result<u32, Cause> {
    Ok(LinkHeader::parse(body)?.index)
}
