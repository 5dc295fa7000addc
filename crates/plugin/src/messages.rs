//! How errors and events are worded (B4.2, B7.20–B7.22), whoever plans.

use cni::{CniError, code};
use engine::EngineError;
use plan::{PlanError, PodRef};

/// Name of the annotation, ours, that lists optional attachments which failed.
pub const FAILURES: &str = "multus-cni.io/network-failures";

/// Reason of the event for an attachment that failed.
pub const FAILED: &str = "FailedAttachment";

/// An error before a pod is known.
#[must_use]
pub fn plain(code: u32, text: impl std::fmt::Display) -> CniError {
    CniError::new(code, format!("Multus: {text}"))
}

/// An error that concerns a pod.
#[must_use]
pub fn of_pod(code: u32, pod: &PodRef, text: impl std::fmt::Display) -> CniError {
    CniError::new(code, format!("Multus: [{}]: {text}", pod.label()))
}

/// The API did not tell, or not do, what a plan needs.
pub fn api(error: impl std::fmt::Display) -> String {
    format!("error getting k8s objects: {error}")
}

/// The CNI error code for it: 11 for what may pass by itself.
#[must_use]
pub fn api_code(may_pass: bool) -> u32 {
    if may_pass {
        code::TRY_AGAIN_LATER
    } else {
        code::INTERNAL
    }
}

/// The kubelet did not tell.
pub fn kubelet(error: impl std::fmt::Display) -> String {
    format!("failed to {error}")
}

/// The CNI error code for it.
#[must_use]
pub fn kubelet_code(may_pass: bool) -> u32 {
    if may_pass {
        code::TRY_AGAIN_LATER
    } else {
        code::IO_FAILURE
    }
}

/// Reason of the event for a refused plan.
#[must_use]
pub fn reason(error: &PlanError) -> &'static str {
    match error {
        PlanError::NoDefinition { .. } => "NoNetworkFound",
        _ => FAILED,
    }
}

/// Text of the event for an interface (B7.20).
#[must_use]
pub fn added(ifname: &str, addresses: &[String], network: &str) -> String {
    let from = if network.is_empty() {
        String::new()
    } else {
        format!(" from {network}")
    };
    format!("Add {ifname} [{}]{from}", addresses.join(" "))
}

/// The result did not reach the runtime.
pub(crate) fn unprinted(error: &std::io::Error) -> CniError {
    plain(
        code::IO_FAILURE,
        format_args!("cannot print the result: {error}"),
    )
}

/// What the engine could not do; a single network's failure names it in front.
pub(crate) fn carrying_out(pod: &PodRef, error: &EngineError) -> CniError {
    match error.network() {
        Some(network) => CniError::new(
            error.code(),
            format!("[{}:{network}]: {error}", pod.label()),
        ),
        None => of_pod(error.code(), pod, error),
    }
}
