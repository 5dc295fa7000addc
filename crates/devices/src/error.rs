//! Why nobody could tell which devices a pod has.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::WireError;

/// Fragments that complete "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum DevicesError {
    /// The kubelet knows pods by namespace and name, and one of them is missing.
    #[error("ask the kubelet for the devices of a pod without namespace or name")]
    NoName,
    /// The checkpoint knows pods by UID, and there is none.
    #[error("look for the devices of pod {pod} in {}: its UID is not known", path.display())]
    NoUid {
        /// `namespace/name`.
        pod: String,
        /// The checkpoint.
        path: PathBuf,
    },
    /// Neither socket nor checkpoint.
    #[error(
        "find the devices of pod {pod}: the kubelet has neither its socket {} nor its checkpoint {}",
        socket.display(),
        checkpoint.display()
    )]
    NoKubelet {
        /// `namespace/name`.
        pod: String,
        /// Where the socket would be.
        socket: PathBuf,
        /// Where the checkpoint would be.
        checkpoint: PathBuf,
    },
    /// The kubelet's socket is there, and no answer came of it.
    #[error("ask the kubelet at {} for the devices of pod {pod}: {source}", socket.display())]
    Call {
        /// `namespace/name`.
        pod: String,
        /// The socket.
        socket: PathBuf,
        /// Why.
        source: CallError,
    },
    /// The checkpoint cannot be read or understood.
    #[error("look for the devices of pod {pod}: error reading file {}: {source}", path.display())]
    Checkpoint {
        /// `namespace/name`.
        pod: String,
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The runtime that drives the call cannot be made.
    #[error("start client: {0}")]
    Runtime(#[source] io::Error),
    /// Nobody listens.
    #[error("connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke, or does not speak HTTP/2.
    #[error("{0}")]
    Connection(#[source] h2::Error),
    /// An HTTP status that gRPC does not use.
    #[error("HTTP status {0}")]
    Http(http::StatusCode),
    /// The service refused.
    #[error("gRPC status {status}: {message}")]
    Refused {
        /// `7` is "permission denied", `8` "resource exhausted" (the kubelet answers ten requests a second), `14` "unavailable".
        status: String,
        /// What it says.
        message: String,
    },
    /// More than an answer may have.
    #[error("the answer has more than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// The answer is not one uncompressed message.
    #[error("the answer is not one whole message")]
    Frame,
    /// The message cannot be read.
    #[error("read answer: {0}")]
    Message(#[from] WireError),
    /// No answer in time.
    #[error("no answer within {:.1} s", .0.as_secs_f64())]
    Timeout(Duration),
}

impl DevicesError {
    /// Whether the same request may succeed later, without anyone changing anything.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoName | Self::NoUid { .. } | Self::Checkpoint { .. } => false,
            // A kubelet that starts makes its socket before it starts pods again.
            Self::NoKubelet { .. } => true,
            Self::Call { source, .. } => match source {
                CallError::Runtime(_)
                | CallError::Connect(_)
                | CallError::Connection(_)
                | CallError::Timeout(_) => true,
                CallError::Refused { status, .. } => matches!(status.as_str(), "4" | "8" | "14"),
                CallError::Http(_)
                | CallError::TooLarge { .. }
                | CallError::Frame
                | CallError::Message(_) => false,
            },
        }
    }
}
