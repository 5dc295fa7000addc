//! What goes wrong while a plan is carried out, with the CNI error code of each.

use std::fmt;
use std::io;

use cni::{ChainError, ChainErrors, FindError, ResultError, Version, code};
use plan::Attachment;

/// So many failures are told one by one: a node may have thousands.
const TOLD: usize = 16;

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// ADD of a container that is attached already.
    #[error(
        "container is attached already by configuration \"{configuration}\"; DEL comes before another ADD"
    )]
    AlreadyAttached {
        /// Its name.
        configuration: String,
    },
    /// Unfinished attachments of an earlier ADD are in the way.
    #[error("an earlier ADD of this container left attachments that cannot be undone: {0}")]
    LeftBehind(Failures),
    /// CHECK of a container that is not attached.
    #[error("container is not attached: there is no ledger for it")]
    NotAttached,
    /// CHECK of a container whose ADD or DEL did not end.
    #[error("container is half attached: its last ADD or DEL did not end")]
    HalfAttached,
    /// The ledger, or the list of all, cannot be read, written or removed.
    #[error("cannot {action} the ledger: {source}")]
    Ledger {
        /// `list`, `read`, `write`, `sync` or `remove`.
        action: &'static str,
        /// What the file system says.
        source: io::Error,
    },
    /// The ledger does not say what was attached, which is undone, but for what is named.
    #[error("{cause}{}", leftovers(.undo))]
    Unrecorded {
        /// What is wrong with the ledger.
        cause: Box<Self>,
        /// What could not be undone after it.
        undo: Failures,
    },
    /// The ledger cannot be understood.
    #[error(transparent)]
    LedgerText(#[from] crate::LedgerError),
    /// The sandbox cannot be looked into.
    #[error("no net namespace {netns} found: {source}")]
    Netns {
        /// Its path.
        netns: String,
        /// Why.
        source: io::Error,
    },
    /// One attachment failed; what had been attached is undone, but for what is named.
    #[error("{failure}{}", leftovers(.undo))]
    Attachment {
        /// What failed.
        failure: Failure,
        /// What could not be undone after it.
        undo: Failures,
    },
    /// The status could not be written; what had been attached is undone, but for what is named.
    #[error("error setting the networks status: {text}{}", leftovers(.undo))]
    Commit {
        /// Why.
        text: String,
        /// The CNI error code.
        code: u32,
        /// What could not be undone after it.
        undo: Failures,
    },
    /// Some attachments could not be undone; the ledger on disk says which.
    #[error("{0}")]
    Del(Failures),
    /// Some attachments could not be undone, and the ledger says something else.
    #[error("{left}; the ledger does not say so: {cause}")]
    DelUnrecorded {
        /// What is left.
        left: Failures,
        /// What is wrong with the ledger.
        cause: Box<Self>,
    },
}

/// A failure of one attachment.
#[derive(Debug, thiserror::Error)]
pub struct Failure {
    /// The CNI name of the network, as upstream puts it before the message.
    pub network: String,
    /// What happened.
    #[source]
    pub kind: FailureKind,
}

impl Failure {
    pub(crate) fn of(record: &Attachment, kind: FailureKind) -> Self {
        let network = record.conf.name().to_owned();
        Self { network, kind }
    }

    pub(crate) fn of_del(record: &Attachment, source: ChainErrors) -> Self {
        let ifname = record.ifname.to_string();
        Self::of(record, FailureKind::Del { ifname, source })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { network, kind } = self;
        match kind {
            FailureKind::NoPlugin(_)
            | FailureKind::InterfaceExists { .. }
            | FailureKind::SharedName { .. }
            | FailureKind::Add(_) => write!(
                formatter,
                "error adding container to network \"{network}\": {kind}"
            ),
            FailureKind::Check { .. } | FailureKind::Del { .. } => {
                write!(formatter, "network \"{network}\", {kind}")
            }
            FailureKind::Gc(_) | FailureKind::Routes { .. } | FailureKind::Result { .. } => {
                write!(formatter, "network \"{network}\": {kind}")
            }
            FailureKind::Busy { .. }
            | FailureKind::Unreached { .. }
            | FailureKind::Container { .. } => kind.fmt(formatter),
        }
    }
}

/// What happened to one attachment.
#[derive(Debug, thiserror::Error)]
pub enum FailureKind {
    /// A plugin of its chain is not there: which, and where it was looked for.
    #[error(transparent)]
    NoPlugin(FindError),
    /// Its interface exists already.
    #[error("interface name {ifname} already exists in the sandbox")]
    InterfaceExists {
        /// The name.
        ifname: String,
    },
    /// Its cached result would have the name of another attachment's.
    #[error("its cached result would have the name of that of network \"{other}\"")]
    SharedName {
        /// The CNI name of the other one.
        other: String,
    },
    /// Its chain failed on ADD.
    #[error(transparent)]
    Add(ChainError),
    /// Its chain failed on CHECK.
    #[error("interface {ifname}: {source}")]
    Check {
        /// The interface.
        ifname: String,
        /// What the plugin said.
        source: ChainError,
    },
    /// Plugins of its chain failed on DEL.
    #[error("interface {ifname}: {source}")]
    Del {
        /// The interface.
        ifname: String,
        /// What the plugins said.
        source: ChainErrors,
    },
    /// Plugins of its chain failed on GC.
    #[error(transparent)]
    Gc(ChainErrors),
    /// It failed on the DEL of a container that GC detaches.
    #[error("container {container}: {failure}")]
    Container {
        /// Its id, and its pod.
        container: String,
        /// What happened.
        failure: Box<Failure>,
    },
    /// Somebody still works on a container that GC would detach: all of its networks.
    #[error("container {container} is busy: {reason}")]
    Busy {
        /// Its id, and its pod.
        container: String,
        /// Why it cannot be had.
        reason: String,
    },
    /// The time for a GC was over before their turn came: all of their networks.
    #[error("no time is left for {containers} more containers, which the next GC detaches")]
    Unreached {
        /// How many.
        containers: usize,
    },
    /// Its default routes could not be changed.
    #[error("cannot change the default route of {ifname}: {source}")]
    Routes {
        /// The interface.
        ifname: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// Its result cannot be given to the runtime in the version that it asks for.
    #[error("its result has no form in CNI version {version}: {source}")]
    Result {
        /// The version that the runtime asks for.
        version: Version,
        /// Why.
        source: ResultError,
    },
}

impl FailureKind {
    fn code(&self) -> u32 {
        match self {
            Self::NoPlugin(_) | Self::SharedName { .. } => code::INVALID_NETWORK_CONFIG,
            Self::InterfaceExists { .. } => code::INVALID_ENVIRONMENT,
            Self::Add(source) | Self::Check { source, .. } => delegate_code(source.code()),
            Self::Del { source, .. } | Self::Gc(source) => delegate_code(source.code()),
            Self::Container { failure, .. } => failure.kind.code(),
            Self::Busy { .. } | Self::Unreached { .. } => code::TRY_AGAIN_LATER,
            Self::Routes { .. } => code::INTERNAL,
            Self::Result { .. } => code::INCOMPATIBLE_VERSION,
        }
    }
}

/// A delegate's code is kept, but 3 tells a runtime that there is nothing to delete, which is not the delegate's to say;
/// and 0 is no error.
fn delegate_code(delegate: u32) -> u32 {
    match delegate {
        0 | code::UNKNOWN_CONTAINER => code::INTERNAL,
        other => other,
    }
}

/// Failures that did not stop the others.
#[derive(Debug, Default)]
pub struct Failures(pub Vec<Failure>);

impl Failures {
    /// None at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The CNI error code of the first.
    #[must_use]
    pub fn code(&self) -> u32 {
        self.0
            .first()
            .map_or(code::INTERNAL, |failure| failure.kind.code())
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().take(TOLD).enumerate() {
            let separator = if index == 0 { "" } else { " / " };
            write!(formatter, "{separator}{failure}")?;
        }
        match self.0.len().saturating_sub(TOLD) {
            0 => Ok(()),
            more => write!(formatter, " / and {more} more"),
        }
    }
}

fn leftovers(undo: &Failures) -> String {
    if undo.is_empty() {
        String::new()
    } else {
        format!("; not undone, kept in the ledger: {undo}")
    }
}

impl EngineError {
    pub(crate) fn unrecorded(cause: Self, undo: Failures) -> Self {
        let cause = Box::new(cause);
        Self::Unrecorded { cause, undo }
    }

    /// The CNI error code.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::AlreadyAttached { .. } => code::INVALID_ENVIRONMENT,
            Self::NotAttached => code::UNKNOWN_CONTAINER,
            Self::HalfAttached | Self::LedgerText(_) => code::INTERNAL,
            Self::Ledger { .. } => code::IO_FAILURE,
            Self::Unrecorded { cause, .. } => cause.code(),
            Self::Netns { .. } => code::INVALID_ENVIRONMENT,
            Self::Attachment { failure, .. } => failure.kind.code(),
            Self::Commit { code, .. } => *code,
            Self::Del(left) | Self::LeftBehind(left) | Self::DelUnrecorded { left, .. } => {
                left.code()
            }
        }
    }

    /// The CNI name of the network that failed, where it was a single one.
    #[must_use]
    pub fn network(&self) -> Option<&str> {
        match self {
            Self::Attachment { failure, .. } => Some(&failure.network),
            _ => None,
        }
    }
}
