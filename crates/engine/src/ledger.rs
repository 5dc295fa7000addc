//! The ledger: what it takes to undo a container's attachments.
//!
//! On disk it is upstream's scratch file (B2.60–B2.72), an array with one element for each attachment, so that either
//! implementation can undo what the other did. Ours adds one key to each element, `multusRs`, with what upstream
//! computes anew and may compute differently: interface name, `CNI_ARGS`, capability arguments.

mod document;
mod kept;
#[cfg(test)]
mod tests;

use cni::ContainerId;
use plan::{Attachment, PodArgs, PodRef, RuntimeConfig};

pub use document::{Debtor, LedgerError};

/// How far a container has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// ADD has begun and did not end. Whoever finds it undoes it.
    Attaching,
    /// ADD has ended well.
    Attached,
    /// DEL or an undo has begun; what is left could not be undone yet.
    Detaching,
}

/// What is known of the container as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// The container.
    pub id: ContainerId,
    /// Its network namespace.
    pub netns: String,
    /// `CNI_IFNAME` of the runtime.
    pub ifname: String,
    /// Its pod.
    pub pod: PodRef,
    /// `CNI_ARGS` of the runtime.
    pub cni_args: String,
    /// `name` of the configuration that attached it.
    pub configuration: String,
    /// When, in seconds since 1970.
    pub time: u64,
}

/// The ledger of one container.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The container.
    pub container: Container,
    /// How far it has come.
    pub phase: Phase,
    /// Its attachments as they were made, the default one first but for what a DEL left.
    pub records: Vec<Attachment>,
    /// The pod's network status, as long as nobody has written it. Only what is attached owes one.
    pub owed_status: Option<OwedStatus>,
}

/// A network status that nobody has written yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwedStatus {
    /// Its text.
    pub text: String,
    /// What stood on the pod before, from an earlier sandbox: it is replaced as long as it still says the same.
    pub earlier: Option<String>,
}

/// What a ledger that upstream wrote does not say, taken from the request at hand.
#[derive(Debug, Clone)]
pub struct Remembered<'a> {
    /// The container as the request describes it.
    pub container: &'a Container,
    /// `CNI_ARGS` of the request.
    pub args: &'a PodArgs,
    /// `runtimeConfig` of the request.
    pub runtime_config: &'a RuntimeConfig,
}

impl Container {
    /// What `libcni` calls the runtime configuration of one of its attachments.
    pub(crate) fn attachment(&self, record: &Attachment, netns: &str) -> cni::Attachment {
        cni::Attachment {
            container_id: self.id.clone(),
            netns: netns.to_owned(),
            ifname: record.ifname.clone(),
            args: record.args.clone(),
            capability_args: record.capability_args.clone(),
        }
    }
}
