//! What the API refuses to us, as long as it does: watches that are open go on when rights or credentials are taken away, and
//! tell nothing of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::error::{ClusterError, Kind};
use crate::failure::Failure;

/// What a request is for that is sent by itself. Rights are given for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// To read a pod.
    Pods,
    /// To read a definition.
    Definitions,
    /// To read claims and slices of devices.
    Claims,
    /// To write a pod's status.
    Statuses,
    /// To post an event.
    Events,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Pods,
        Self::Definitions,
        Self::Claims,
        Self::Statuses,
        Self::Events,
    ];

    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pods => "pods",
            Self::Definitions => "definitions",
            Self::Claims => "claims",
            Self::Statuses => "statuses",
            Self::Events => "events",
        }
    }
}

/// How often something was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// In all.
    pub total: u64,
    /// The last time, and why, until one of the same purpose is done.
    pub last: Option<(Instant, String)>,
}

/// What was refused so far.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<Purpose, Refused>>);

impl Refusals {
    /// What became of a request.
    pub(crate) fn note<T>(&self, purpose: Purpose, done: &Result<T, ClusterError>) {
        let last = match done {
            Ok(_) => None,
            Err(error) => match error.kind() {
                Kind::Forbidden | Kind::Unauthorized if is_of_its_namespace(error) => return,
                Kind::Forbidden | Kind::Unauthorized => Some((Instant::now(), error.to_string())),
                // Whoever may not is not told what there is.
                Kind::NotFound | Kind::Replaced => None,
                Kind::Unavailable | Kind::Invalid => return,
            },
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = all.entry(purpose).or_default();
        refused.total += u64::from(last.is_some());
        refused.last = last;
    }

    pub(crate) fn of(&self, purpose: Purpose) -> Refused {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&purpose).cloned().unwrap_or_default()
    }
}

/// In a namespace that is being deleted nobody may make anything, an event neither.
fn is_of_its_namespace(error: &ClusterError) -> bool {
    let ends = "because it is being terminated";
    matches!(error.failure(), Some(Failure::Status(status)) if status.message.contains(ends))
}
