//! Addresses on loopback that no other process uses.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::Context;

/// Ports that are tried; below those that the kernel gives to clients, so that a server that restarts finds its port free.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// This process's own loopback address: test processes that run at the same time cannot take ports from each other.
pub(crate) fn own() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // 127.0.0.0 and 127.255.255.255 are special, and 127.0.0.1 is everybody's.
    Ipv4Addr::new(127, 64 + high % 128, middle, low)
}

/// A free port at `address`, which this process gets once only.
pub(crate) fn free_port(address: Ipv4Addr) -> anyhow::Result<SocketAddrV4> {
    static NEXT: AtomicU16 = AtomicU16::new(PORTS.start);
    std::iter::repeat_with(|| NEXT.fetch_add(1, Ordering::Relaxed))
        .take_while(|port| *port < PORTS.end)
        .map(|port| SocketAddrV4::new(address, port))
        .find(|address| TcpListener::bind(address).is_ok_and(release))
        .with_context(|| {
            format!(
                "no port between {} and {} is free at {address}",
                PORTS.start, PORTS.end
            )
        })
}

/// Lets a port go at once. A process that another thread is just starting has a copy of the socket until it is the new program,
/// and closing ours alone would leave that one listening.
fn release(listener: TcpListener) -> bool {
    rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_free_although_a_starting_process_has_a_copy_of_its_socket() {
        let address = SocketAddrV4::new(own(), PORTS.end);
        let listener = TcpListener::bind(address).unwrap();
        let copy = listener.try_clone().unwrap();
        assert!(release(listener));
        drop(TcpListener::bind(address).unwrap());
        drop(copy);
    }

    #[test]
    fn ports_differ_and_can_be_bound() {
        let (one, two) = (free_port(own()).unwrap(), free_port(own()).unwrap());
        assert_ne!(one, two);
        assert!(one.ip().is_loopback());
        drop((
            TcpListener::bind(one).unwrap(),
            TcpListener::bind(two).unwrap(),
        ));
    }
}
