//! Sockets of the node's programs, by their paths.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::PeerCredentials;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Uid, geteuid};

/// Connects to a program of root's, or of our own user's: what is said there is done as root. Waits for nothing: where more
/// have come than a listener takes up, as one that is frozen does not, the kernel would let this process wait without end.
///
/// # Errors
/// Nobody listens, or nobody who may; [`io::ErrorKind::WouldBlock`] where no more can come.
pub fn reach(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    // Not by `rustix`: to it a process id is never 0, which that of a listener in another container is.
    let user = getsockopt(&socket, PeerCredentials)?.uid();
    if ![Uid::ROOT, geteuid()].contains(&Uid::from_raw(user)) {
        let reason = format!("user {user} listens there, who is not root");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
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

/// The process that began to listen there, where it runs in another mount namespace, as that of another container does. One
/// that the kernel does not name here counts as our own.
#[must_use]
pub fn of_another_container(stream: &UnixStream) -> Option<i32> {
    let process = getsockopt(stream, PeerCredentials).ok()?.pid();
    let namespace = |of: &str| {
        let about = fs::metadata(format!("/proc/{of}/ns/mnt")).ok()?;
        Some((about.dev(), about.ino()))
    };
    let (own, other) = (namespace("self")?, namespace(&process.to_string())?);
    (own != other).then_some(process)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::testing::eventually;

    #[test]
    fn a_listener_that_takes_up_nothing_is_not_waited_for_and_is_there_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        assert_eq!(reach(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let listener = UnixListener::bind(&path).unwrap();
        // Room for one.
        rustix::net::listen(&listener, 0).unwrap();
        let first = reach(&path).unwrap();

        assert_eq!(reach(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);

        assert!(is_served(&path));
        assert_eq!(of_another_container(&first), None);
        drop(listener);
        // A child that another test starts has the listener until it executes its program.
        eventually("nobody listens", || !is_served(&path));
    }

    #[test]
    fn whoever_is_not_root_is_not_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let of = listener.try_clone().unwrap();
        // Who listens is who began to.
        let becoming = std::thread::Builder::new().spawn(move || {
            let user = Uid::from_raw(65_534);
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            rustix::net::listen(&of, 9).unwrap();
        });
        becoming.unwrap().join().unwrap();

        let error = reach(&path).unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let text = error.to_string();
        assert_eq!(text, "user 65534 listens there, who is not root");
        assert!(!is_served(&path));
    }
}
