//! Requests and their answers, as bytes.

use std::io;
use std::time::Duration;

use netlink_packet_core::{
    DecodeError, Emitable, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST,
    NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NetlinkBuffer, NlasIterator,
};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket as RawSocket, SocketAddr};
use rustix::buffer::spare_capacity;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{RecvFlags, recv};

use super::Cause;

const HEADER: usize = 16;
/// The kernel fills up to this much at once.
const BUFFER: usize = 32 << 10;
/// The kernel answers within the request; this is for the day when it does not.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a listing is begun again because what it lists changed.
const RESTARTS: u32 = 10;
/// The text among the attributes of an error.
const ERROR_TEXT: u16 = 1;

#[derive(Default)]
struct Answer {
    bodies: Vec<Vec<u8>>,
    is_complete: bool,
    /// What was listed changed meanwhile.
    is_interrupted: bool,
}

#[derive(Debug)]
pub(super) struct Socket {
    raw: RawSocket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Socket {
    pub(super) fn open() -> io::Result<Self> {
        let mut raw = RawSocket::new(NETLINK_ROUTE)?;
        raw.bind_auto()?;
        raw.connect(&SocketAddr::new(0, 0))?;
        set_socket_timeout(&raw, Timeout::Recv, Some(PATIENCE))?;
        // Errors with words, without a copy of the request, and filters in listings: where the kernel is too old for one of
        // them, we get on without.
        let _old = (
            raw.set_ext_ack(true),
            raw.set_cap_ack(true),
            raw.set_netlink_get_strict_chk(true),
        );
        Ok(Self {
            raw,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        })
    }

    /// One request; the answers are the bodies of the messages that came before its acknowledgement.
    pub(super) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        body: &impl Emitable,
    ) -> Result<Vec<Vec<u8>>, Cause> {
        let mut bytes = vec![0; body.buffer_len()];
        body.emit(&mut bytes);
        self.request_bytes(kind, flags | NLM_F_ACK, &bytes)
    }

    /// A request for all objects of a kind.
    pub(super) fn list(&mut self, kind: u16, body: &impl Emitable) -> Result<Vec<Vec<u8>>, Cause> {
        let mut bytes = vec![0; body.buffer_len()];
        body.emit(&mut bytes);
        self.request_bytes(kind, NLM_F_DUMP, &bytes)
    }

    /// As [`Socket::request`], or as [`Socket::list`] with the flag for it, with a body that is ready.
    pub(super) fn request_bytes(
        &mut self,
        kind: u16,
        flags: u16,
        body: &[u8],
    ) -> Result<Vec<Vec<u8>>, Cause> {
        for _ in 0..RESTARTS {
            self.sequence = self.sequence.wrapping_add(1);
            self.send(kind, flags | NLM_F_REQUEST, body)?;
            let mut answer = Answer::default();
            while !answer.is_complete {
                self.receive(&mut answer)?;
            }
            if !answer.is_interrupted {
                return Ok(answer.bodies);
            }
        }
        Err(Cause::Unsteady)
    }

    fn send(&self, kind: u16, flags: u16, body: &[u8]) -> Result<(), Cause> {
        let length = HEADER + body.len();
        let mut message = vec![0; HEADER];
        let mut header = NetlinkBuffer::new(&mut message);
        header.set_length(
            u32::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?,
        );
        header.set_message_type(kind);
        header.set_flags(flags);
        header.set_sequence_number(self.sequence);
        message.extend_from_slice(body);
        self.raw.send(&message, 0)?;
        Ok(())
    }

    /// Takes one packet, which holds one or more messages.
    fn receive(&mut self, answer: &mut Answer) -> Result<(), Cause> {
        self.buffer.clear();
        let (_, length) = match recv(
            &self.raw,
            spare_capacity(&mut self.buffer),
            RecvFlags::TRUNC,
        ) {
            Ok(received) => received,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(io::Error::from(error).into()),
        };
        let Some(mut rest) = self.buffer.get(..length) else {
            return Err(DecodeError::from(format!("{length} bytes at once")).into());
        };
        while !rest.is_empty() {
            let message = NetlinkBuffer::new_checked(rest)?;
            let size = usize::try_from(message.length())
                .unwrap_or(usize::MAX)
                .next_multiple_of(4);
            rest = rest.get(size..).unwrap_or_default();
            if message.sequence_number() != self.sequence {
                // The rest of an answer that was given up.
                continue;
            }
            answer.is_interrupted |= message.flags() & NLM_F_DUMP_INTR != 0;
            match message.message_type() {
                NLMSG_NOOP => {}
                NLMSG_ERROR | NLMSG_DONE => {
                    check(message.payload(), message.flags())?;
                    answer.is_complete = true;
                }
                _ => answer.bodies.push(message.payload().to_vec()),
            }
        }
        Ok(())
    }
}

/// What an acknowledgement or the end of a listing says.
fn check(body: &[u8], flags: u16) -> Result<(), Cause> {
    let code = body
        .first_chunk()
        .map_or(0, |bytes| i32::from_ne_bytes(*bytes));
    if code == 0 {
        return Ok(());
    }
    let mut detail = String::new();
    if flags & NLM_F_ACK_TLVS != 0 {
        // After the number comes the header of our request.
        let attributes = body.get(4 + HEADER..).unwrap_or_default();
        for attribute in NlasIterator::new(attributes).flatten() {
            if attribute.kind() == ERROR_TEXT {
                detail = String::from_utf8_lossy(attribute.value())
                    .trim_end_matches('\0')
                    .to_owned();
            }
        }
    }
    Err(Cause::Refused {
        error: io::Error::from_raw_os_error(code.wrapping_neg()),
        detail,
    })
}
