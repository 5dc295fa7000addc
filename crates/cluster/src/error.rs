//! Why the cluster could not be asked, or did not do what it was asked for.

use std::io;
use std::path::PathBuf;

use http::StatusCode;

use crate::effort::Effort;
use crate::failure::Failure;

/// What a caller can make of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The object does not exist (any more).
    NotFound,
    /// We may not.
    Forbidden,
    /// The API does not know us, or our credentials could not be had.
    Unauthorized,
    /// The API did not answer, or said that it cannot now: the same request may succeed later.
    Unavailable,
    /// There is another pod of the same name.
    Replaced,
    /// The request, the configuration or the answer is wrong, and will be the next time.
    Invalid,
}

/// Fragments that complete "failed to …". They hold no credentials.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The kubeconfig cannot be read or used.
    #[error("read kubeconfig {}: {reason}", path.display())]
    Kubeconfig {
        /// Its path.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The service account's files cannot be read or used.
    #[error("read service account in {}: {reason}", directory.display())]
    ServiceAccount {
        /// Where its files were looked for.
        directory: PathBuf,
        /// What is wrong with them.
        reason: String,
    },
    /// A token or a certificate cannot be had.
    #[error("get credentials for {server}: {reason}")]
    Credentials {
        /// The API server.
        server: String,
        /// Why not.
        reason: String,
    },
    /// The credentials are there, but no client comes of them.
    #[error("set up client for {server}: {reason}")]
    Client {
        /// The API server.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The runtime that drives requests cannot be made.
    #[error("start client: {0}")]
    Runtime(#[source] io::Error),
    /// A name that would make another request of the one that is meant.
    #[error("ask for {what} {value:?}: not a name")]
    Name {
        /// What it is the name of.
        what: &'static str,
        /// The name, cut.
        value: String,
    },
    /// A request that was not answered, or not with success.
    #[error(transparent)]
    Request(#[from] Box<RequestError>),
    /// A success that does not hold the object.
    #[error("{action} at {server}: read answer: {reason}")]
    Answer {
        /// What was asked.
        action: String,
        /// The API server.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The pod that was meant was deleted, and there is another one of its name.
    #[error("write status of pod {pod}: it was replaced by another pod of this name")]
    PodReplaced {
        /// `<namespace>/<name>`.
        pod: String,
    },
    /// The pod was deleted.
    #[error("write status of pod {pod}: it does not exist any more")]
    PodGone {
        /// `<namespace>/<name>`.
        pod: String,
    },
}

/// A request that was not answered, or not with success.
#[derive(Debug, thiserror::Error)]
#[error("{action} at {server}: {failure} ({effort})")]
pub struct RequestError {
    /// What was asked, such as `get pod default/web`.
    pub action: String,
    /// The API server.
    pub server: String,
    /// The last attempt's failure.
    pub failure: Failure,
    /// How often it was tried, and for how long.
    pub effort: Effort,
}

impl RequestError {
    pub(crate) fn code(&self) -> Option<StatusCode> {
        match &self.failure {
            Failure::Status(status) => Some(status.code),
            _ => None,
        }
    }

    fn kind(&self) -> Kind {
        match &self.failure {
            Failure::Timeout(_)
            | Failure::Silence(_)
            | Failure::Connection(_)
            | Failure::NoTime => Kind::Unavailable,
            Failure::Credentials(_) => Kind::Unauthorized,
            Failure::TooLong(_) => Kind::Invalid,
            Failure::Status(status) => match status.code {
                StatusCode::UNAUTHORIZED => Kind::Unauthorized,
                StatusCode::FORBIDDEN => Kind::Forbidden,
                StatusCode::NOT_FOUND if status.is_not_found() => Kind::NotFound,
                // A conflict that outlived its retries: somebody else writes, and will stop.
                StatusCode::CONFLICT
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS => Kind::Unavailable,
                code if code.is_server_error() => Kind::Unavailable,
                _ => Kind::Invalid,
            },
        }
    }
}

impl ClusterError {
    /// What to make of it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Kubeconfig { .. } | Self::ServiceAccount { .. } => Kind::Invalid,
            Self::Client { .. } | Self::Name { .. } | Self::Answer { .. } => Kind::Invalid,
            Self::Credentials { .. } => Kind::Unauthorized,
            Self::Runtime(_) => Kind::Unavailable,
            Self::Request(error) => error.kind(),
            Self::PodReplaced { .. } => Kind::Replaced,
            Self::PodGone { .. } => Kind::NotFound,
        }
    }

    /// Whether the same may succeed later: nobody has to do anything about it but ask again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self.kind() {
            Kind::Unavailable | Kind::Replaced | Kind::NotFound => true,
            Kind::Forbidden | Kind::Unauthorized | Kind::Invalid => false,
        }
    }

    /// The HTTP status, where an answer came.
    pub(crate) fn code(&self) -> Option<StatusCode> {
        match self {
            Self::Request(error) => error.code(),
            _ => None,
        }
    }

    /// The failed attempt, where there was one.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Request(error) => Some(&error.failure),
            _ => None,
        }
    }
}
