//! Carries a plan out, and back: the ledger first, delegates in order, undo in reverse, routes, the network status, and
//! DEL and what a DEL had to leave, CHECK, STATUS and GC from what the ledger says.
//!
//! Synchronous, over ports that it defines ([`LedgerStore`], [`DeviceInfoFiles`], [`Netns`], [`Observer`]) and those of
//! [`cni`]. Whoever calls holds the container's lock.
//!
//! Never in here: Kubernetes, async, system calls.

mod add;
mod another;
mod attach;
mod books;
mod check;
mod del;
mod device_info;
mod error;
mod gc;
mod half_made;
mod ledger;
mod observer;
mod ports;
mod precheck;
mod rest;
mod routes;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use add::{Attached, Unwritten, WriteStatus};
pub use del::DelReport;
pub use error::{EngineError, Failure, FailureKind, Failures};
pub use gc::{Claim, GcReport};
pub use ledger::{Container, Debtor, Ledger, LedgerError, OwedStatus, Phase, Remembered};
pub use observer::{Event, Observer, Stage, Unobserved};
pub use ports::{DeviceInfoFiles, LedgerStore, Netns, Pending};

use cni::Runtime;

/// The engine: what it runs plugins with, and where it keeps its books.
#[derive(Clone, Copy)]
pub struct Engine<'a> {
    /// Finds and runs the delegates, and keeps their results.
    pub runtime: &'a Runtime<'a>,
    /// The ledgers.
    pub ledgers: &'a dyn LedgerStore,
    /// Device information.
    pub device_info: &'a dyn DeviceInfoFiles,
    /// Looks into sandboxes.
    pub netns: &'a dyn Netns,
    /// Is told what happens.
    pub observer: &'a dyn Observer,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Engine").finish_non_exhaustive()
    }
}
