//! The plugin's end of the socket.
//!
//! Requests are HTTP/1.0: neither Go's server nor ours answers them in chunks, so that a body ends where its length or the
//! connection says. A connection that both want to keep serves several requests, one after the other.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use thiserror::Error;

/// The longest answer: a plan of a pod with hundreds of networks stays far below it.
pub const LIMIT: usize = 16 << 20;

/// The longest head of an answer.
const HEAD: usize = 16 << 10;

/// The daemon could not be asked.
#[derive(Debug, Error)]
pub enum IpcError {
    /// Nobody listens on the socket, or whoever does takes up nothing.
    #[error("no daemon on {}: {source}", path.display())]
    NoDaemon {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// It did not answer in time.
    #[error("the daemon on {} did not answer {endpoint} within {:.1} s", path.display(), waited.as_secs_f64())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// What was asked.
        endpoint: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The connection broke: a daemon that ends, or that is killed.
    #[error("the daemon on {} went away while it was asked for {endpoint}: {source}", path.display())]
    Broken {
        /// The socket.
        path: PathBuf,
        /// What was asked.
        endpoint: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// It answered something that is no answer.
    #[error("the daemon on {} answered {endpoint} with {reason}", path.display())]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What was asked.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl IpcError {
    /// Whether a daemon that starts or restarts would explain it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::NoDaemon { .. } | Self::Broken { .. })
    }
}

/// What the daemon said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// A connection to the daemon.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    path: PathBuf,
    /// The daemon closes it after its answer, or has not answered yet.
    is_over: bool,
    /// A request was sent whole, and its answer is still to come.
    is_asked: bool,
    /// When something was posted last.
    asked: Instant,
    /// What there is of its answer.
    answer: Vec<u8>,
}

impl Connection {
    /// Takes over what came of connecting to the socket.
    ///
    /// # Errors
    /// [`IpcError::NoDaemon`].
    pub fn over(reached: io::Result<UnixStream>, path: &Path) -> Result<Self, IpcError> {
        match reached {
            Ok(stream) => Ok(Self {
                stream,
                path: path.to_owned(),
                is_over: false,
                is_asked: false,
                asked: Instant::now(),
                answer: Vec::new(),
            }),
            Err(source) => Err(IpcError::NoDaemon {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Whether another request can be made over it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.is_over
    }

    /// Whether a request was sent whole whose answer is still to come.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Posts a document and waits for the answer.
    ///
    /// # Errors
    /// The daemon went away, stayed silent, or is no daemon.
    pub fn post(
        &mut self,
        endpoint: &str,
        body: &[u8],
        deadline: Instant,
    ) -> Result<Reply, IpcError> {
        self.post_beside(endpoint, body, deadline, &mut || ())
    }

    /// As [`Connection::post`], and does something short before it waits.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub fn post_beside(
        &mut self,
        endpoint: &str,
        body: &[u8],
        deadline: Instant,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Reply, IpcError> {
        self.asked = Instant::now();
        let answered = self.ask(endpoint, body, deadline).and_then(|()| {
            meanwhile();
            self.hear(deadline)
        });
        answered.map_err(|error| self.failed(endpoint, error))
    }

    /// Waits on for the answer to what was posted last, where that was [`IpcError::Silent`] so far.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub fn wait(&mut self, endpoint: &str, deadline: Instant) -> Result<Reply, IpcError> {
        let answered = self.hear(deadline);
        answered.map_err(|error| self.failed(endpoint, error))
    }

    fn failed(&self, endpoint: &str, error: io::Error) -> IpcError {
        let (path, endpoint) = (self.path.clone(), endpoint.to_owned());
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => IpcError::Silent {
                path,
                endpoint,
                waited: self.asked.elapsed(),
            },
            io::ErrorKind::InvalidData => IpcError::Answer {
                path,
                endpoint,
                reason: "what is no HTTP, or too long",
            },
            _ => IpcError::Broken {
                path,
                endpoint,
                source: error,
            },
        }
    }

    fn ask(&mut self, endpoint: &str, body: &[u8], deadline: Instant) -> io::Result<()> {
        self.is_over = true;
        self.is_asked = false;
        self.answer.clear();
        let mut request = format!(
            "POST {endpoint} HTTP/1.0\r\nHost: dummy\r\nConnection: keep-alive\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.write(&request, deadline)?;
        self.is_asked = true;
        Ok(())
    }

    /// Piece by piece: at its timeout a write ends with what it got rid of.
    fn write(&mut self, mut request: &[u8], deadline: Instant) -> io::Result<()> {
        while !request.is_empty() {
            self.stream.set_write_timeout(Some(time_left(deadline)?))?;
            match self.stream.write(request) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => request = request.get(count..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    fn hear(&mut self, deadline: Instant) -> io::Result<Reply> {
        let head = loop {
            if let Some(end) = end_of_head(&self.answer) {
                break Head::parse(self.answer.get(..end).unwrap_or_default())?.at(end);
            }
            if self.answer.len() > HEAD {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.read_more(deadline)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        };
        let enough = |length: usize| head.length.is_some_and(|wanted| length >= wanted);
        while !enough(self.answer.len() - head.end) {
            if self.answer.len() > LIMIT {
                return Err(io::ErrorKind::InvalidData.into());
            }
            if self.read_more(deadline)? == 0 {
                match head.length {
                    Some(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    None => break,
                }
            }
        }
        self.is_over = !head.keeps_alive || head.length.is_none();
        self.is_asked = false;
        let mut body = self.answer.split_off(head.end);
        body.truncate(head.length.unwrap_or(body.len()));
        Ok(Reply {
            status: head.status,
            body,
        })
    }

    fn read_more(&mut self, deadline: Instant) -> io::Result<usize> {
        let mut piece = [0; 4096];
        loop {
            self.stream.set_read_timeout(Some(time_left(deadline)?))?;
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(length) => {
                    self.answer
                        .extend_from_slice(piece.get(..length).unwrap_or_default());
                    return Ok(length);
                }
            }
        }
    }
}

/// The time that is left; none is an error, for a timeout of zero would mean for ever.
fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// What of an answer's head matters.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<usize>,
    keeps_alive: bool,
    end: usize,
}

impl Head {
    fn parse(head: &[u8]) -> io::Result<Self> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let text = std::str::from_utf8(head).map_err(|_| bad())?;
        let mut lines = text.split("\r\n");
        let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
        let version = first.next().unwrap_or_default();
        if !version.starts_with("HTTP/1.") {
            return Err(bad());
        }
        let status = first.next().unwrap_or_default();
        let mut head = Self {
            status: status.parse().map_err(|_| bad())?,
            length: None,
            keeps_alive: false,
            end: 0,
        };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                let length: usize = value.parse().map_err(|_| bad())?;
                if length > LIMIT {
                    return Err(bad());
                }
                head.length = Some(length);
            } else if name.eq_ignore_ascii_case("connection") {
                head.keeps_alive = value.eq_ignore_ascii_case("keep-alive");
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return Err(bad());
            }
        }
        Ok(head)
    }

    fn at(self, end: usize) -> Self {
        Self { end, ..self }
    }
}

#[cfg(test)]
mod tests;
