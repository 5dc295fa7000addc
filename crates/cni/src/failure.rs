//! What a failed run means.

mod diagnosis;

use std::io;

use thiserror::Error;

use crate::args::ArgsError;
use crate::cache::CacheError;
use crate::exec::{FindError, SpawnError, Status};
use crate::names::NameError;
use crate::result::ResultError;
use crate::{CniError, code};

pub use diagnosis::{judge, judge_add};

/// A plugin that was run, or should have been, and did not do what it was asked.
#[derive(Debug, Error)]
pub enum PluginFailure {
    /// It reported an error.
    #[error("{error}")]
    Reported {
        /// What it said; one line, bounded, and never without a message.
        error: CniError,
        /// How it ended.
        status: Status,
        /// The start of what it wrote on stderr.
        stderr: String,
    },
    /// It failed without a proper report (B4.130).
    #[error("{}", unexplained(*status, stdout, stderr))]
    Unexplained {
        /// How it ended.
        status: Status,
        /// The start of what it printed.
        stdout: String,
        /// The start of what it wrote on stderr.
        stderr: String,
    },
    /// It was still running at the deadline.
    #[error("timed out{}", also(stderr))]
    TimedOut {
        /// The start of what it wrote on stderr.
        stderr: String,
    },
    /// It succeeded and said nothing, where a result is needed (#32).
    #[error("plugin printed no result")]
    NoResult,
    /// It printed more than is kept (#43).
    #[error("plugin printed too much")]
    Truncated,
    /// It printed something else than a result (#35).
    #[error("{source}{}", printed(stdout))]
    BadResult {
        /// What is wrong with it.
        source: ResultError,
        /// The start of what it printed.
        stdout: String,
    },
    /// It could not be started.
    #[error("{error}: {}", error.source)]
    Spawn {
        /// The program, and what the system said.
        error: SpawnError,
    },
    /// It could not be found.
    #[error(transparent)]
    Find(FindError),
}

/// Why an operation on a network failed.
#[derive(Debug, Error)]
pub enum Cause {
    /// A plugin failed.
    #[error(transparent)]
    Plugin(PluginFailure),
    /// A name is missing or invalid; nothing was run.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The arguments cannot be passed on; nothing was run.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The network has no plugins; nothing was run.
    #[error("no plugin configs found")]
    NoPlugins,
    /// A request could not be written as JSON.
    #[error("failed to encode the request: {0}")]
    Request(gojson::Error),
    /// CHECK is younger than the configuration (#89, B4.128).
    #[error("configuration version \"{version}\" does not support the CHECK command")]
    NoCheck {
        /// The configuration's label.
        version: String,
    },
    /// CHECK needs the result of an ADD (#88).
    #[error("no cached result")]
    NoCachedResult,
    /// The cached result cannot be used.
    #[error("failed to get network \"{network}\" cached result: {source}")]
    CacheRead {
        /// The network.
        network: String,
        /// Why.
        source: CacheError,
    },
    /// The result could not be stored; what the plugins made was undone, or `undo` says what was not.
    #[error("failed to set network \"{network}\" cached result: {source}{}", undo.as_ref().map(|e| format!("; undo failed: {e}")).unwrap_or_default())]
    CacheWrite {
        /// The network.
        network: String,
        /// Why.
        source: io::Error,
        /// What the DEL that followed said.
        undo: Option<Box<crate::ChainErrors>>,
    },
}

impl PluginFailure {
    /// The plugin's own code, 999 without one.
    pub const fn code(&self) -> u32 {
        match self {
            Self::Reported { error, .. } if error.code != 0 => error.code,
            _ => code::INTERNAL,
        }
    }

    /// Whether the plugin refuses the configuration's version, which it does before anything else (CNI SPEC, error 1).
    pub const fn refuses_version(&self) -> bool {
        matches!(self, Self::Reported { error, .. } if error.code == code::INCOMPATIBLE_VERSION)
    }

    /// Whether the plugin just does not know GC or STATUS (CNI SPEC 1.1 §4; older skeletons say it in four ways).
    pub fn is_not_implemented(&self) -> bool {
        let Self::Reported { error, .. } = self else {
            return false;
        };
        match error.code {
            code::INCOMPATIBLE_VERSION => true,
            code::INVALID_ENVIRONMENT | 100 => error.msg.contains("unknown CNI_COMMAND"),
            code::UNKNOWN_CONTAINER => error.msg.contains("missing containerID"),
            _ => false,
        }
    }
}

impl Cause {
    /// The code for the caller: a plugin's own, the one of a refusal, 999 otherwise.
    pub const fn code(&self) -> u32 {
        match self {
            Self::Plugin(failure) => failure.code(),
            Self::Name(name) => name.code(),
            Self::Args(_) => code::INVALID_ENVIRONMENT,
            Self::NoPlugins => code::INVALID_NETWORK_CONFIG,
            Self::NoCheck { .. } => code::INCOMPATIBLE_VERSION,
            Self::NoCachedResult => code::UNKNOWN_CONTAINER,
            Self::CacheWrite { .. } => code::IO_FAILURE,
            Self::Request(_) | Self::CacheRead { .. } => code::INTERNAL,
        }
    }
}

fn unexplained(status: Status, stdout: &str, stderr: &str) -> String {
    match (stdout, stderr) {
        ("", "") => format!("netplugin failed with no error message: {status}"),
        ("", stderr) => format!("netplugin failed: \"{stderr}\": {status}"),
        (stdout, stderr) => format!(
            "netplugin failed but error parsing its diagnostic message \"{stdout}\": no error object: {status}{}",
            also(stderr)
        ),
    }
}

fn also(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": \"{stderr}\"")
    }
}

fn printed(stdout: &str) -> String {
    if stdout.is_empty() {
        String::new()
    } else {
        format!(", plugin printed \"{stdout}\"")
    }
}

#[cfg(test)]
mod tests;
