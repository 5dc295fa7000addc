//! ICMP echo, so that the demo needs no `ping` on the machine.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketType, bind, ipproto, recv, sendto, socket,
};

const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// Sends echo requests and waits for each answer; the value has the round-trip times of those that came within a second.
pub(super) fn ping(from: Ipv4Addr, to: Ipv4Addr, count: u16) -> io::Result<Vec<Duration>> {
    // A raw socket is a right of root, also of the root of a user namespace in a network that it made.
    let raw = socket(AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP))?;
    bind(&raw, &SocketAddrV4::new(from, 0))?;
    set_socket_timeout(&raw, Timeout::Recv, Some(Duration::from_secs(1)))?;
    let mut times = Vec::new();
    for sequence in 1..=count {
        let begun = Instant::now();
        sendto(
            &raw,
            &request(sequence),
            SendFlags::empty(),
            &SocketAddrV4::new(to, 0),
        )?;
        while begun.elapsed() < Duration::from_secs(1) {
            let mut packet = [0; 1500];
            match recv(&raw, &mut packet, RecvFlags::empty()) {
                Ok((size, _)) if answers(&packet[..size], sequence) => {
                    times.push(begun.elapsed());
                    break;
                }
                Ok(_) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(times)
}

fn identifier() -> [u8; 2] {
    let pid = std::process::id().to_be_bytes();
    [pid[2], pid[3]]
}

fn request(sequence: u16) -> Vec<u8> {
    let (id, number) = (identifier(), sequence.to_be_bytes());
    let mut packet = vec![ECHO_REQUEST, 0, 0, 0, id[0], id[1], number[0], number[1]];
    packet.extend(b"multus-rs demo, over this network");
    let sum = checksum(&packet).to_be_bytes();
    packet[2..4].copy_from_slice(&sum);
    packet
}

/// The internet checksum of RFC 1071.
fn checksum(packet: &[u8]) -> u16 {
    let word =
        |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or_default());
    let mut sum: u32 = packet.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(u16::MAX)
}

/// Whether an IPv4 packet is the answer to the request with that number.
fn answers(packet: &[u8], sequence: u16) -> bool {
    let header = packet
        .first()
        .map_or(0, |byte| usize::from(byte & 0x0f) * 4);
    let Some(icmp) = packet.get(header..header + 8) else {
        return false;
    };
    icmp[0] == ECHO_REPLY && icmp[4..6] == identifier() && icmp[6..8] == sequence.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_packet_with_its_checksum_is_zero() {
        assert_eq!(checksum(&request(7)), 0);
    }

    #[test]
    fn loopback_answers() {
        let world = testkit::world::World::new().unwrap();
        let times = world
            .node()
            .inside(|| ping(Ipv4Addr::LOCALHOST, Ipv4Addr::LOCALHOST, 2));
        assert_eq!(times.unwrap().unwrap().len(), 2);
    }
}
