//! Links and default routes over rtnetlink: one synchronous socket, one request at a time.
//!
//! A socket belongs to the network namespace of the thread that opened it, for ever and from every thread. To work in another
//! namespace, open it there: `in_netns(path, Netlink::open)`.

mod links;
mod routes;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display};
use std::io;

use netlink_packet_core::DecodeError;
use rustix::io::Errno;

pub(crate) use routes::Family;
#[cfg(test)]
use routes::Hop;
use socket::Socket;

/// A request that failed.
#[derive(Debug, thiserror::Error)]
#[error("failed to {doing}: {cause}")]
pub(crate) struct NetlinkError {
    doing: String,
    #[source]
    cause: Cause,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    /// The conversation with the kernel broke.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// The kernel's answer is an error.
    #[error("{error}{}", Explained(.detail))]
    Refused {
        /// Its number.
        error: io::Error,
        /// Its words, if it has any.
        detail: String,
    },
    /// The kernel's answer makes no sense.
    #[error("the kernel's answer cannot be read: {0}")]
    Unreadable(#[from] DecodeError),
    /// Routes or links changed so fast that they could not be listed.
    #[error("they change too fast")]
    Unsteady,
}

impl Cause {
    fn is(&self, errno: Errno) -> bool {
        matches!(self, Self::Refused { error, .. } if error.raw_os_error() == Some(errno.raw_os_error()))
    }

    fn during(self, doing: impl Display) -> NetlinkError {
        NetlinkError {
            doing: doing.to_string(),
            cause: self,
        }
    }
}

struct Explained<'a>(&'a str);

impl Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, ": {}", self.0)
        }
    }
}

/// A connection to the kernel's routing, in one network namespace.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: Socket,
}

impl Netlink {
    /// Opens one in the network namespace of this thread.
    ///
    /// # Errors
    /// When there is no socket to be had.
    pub(crate) fn open() -> Result<Self, NetlinkError> {
        match Socket::open() {
            Ok(socket) => Ok(Self { socket }),
            Err(error) => Err(Cause::Socket(error).during("open a netlink socket")),
        }
    }
}
