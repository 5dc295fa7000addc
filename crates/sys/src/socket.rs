//! Sockets of the node's programs, by their paths.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

/// Connects, and waits for nothing: where more have come than a listener takes up, as one that is frozen does not, the kernel
/// would let this process wait without end.
///
/// # Errors
/// Nobody listens; [`io::ErrorKind::WouldBlock`] where no more can come.
pub fn reach(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Whether somebody listens, also one that takes up nothing.
#[must_use]
pub fn is_served(path: &Path) -> bool {
    match reach(path) {
        Ok(_) => true,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_listener_that_takes_up_nothing_is_not_waited_for_and_is_there_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert_eq!(reach(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        // Room for one.
        rustix::net::listen(&listener, 0).unwrap();
        let _first = reach(&path).unwrap();

        assert_eq!(reach(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        assert!(is_served(&path));
        drop(listener);
        assert!(!is_served(&path));
    }
}
