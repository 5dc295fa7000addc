//! How errors and events are worded (B4.2, B7.20–B7.22).

use cni::CniError;
use engine::{Attached, EngineError};
use plan::{DriveError, PlanError, PodRef, Warning};

use crate::catalog::CatalogError;

/// An error before a pod is known.
pub(crate) fn plain(code: u32, text: impl std::fmt::Display) -> CniError {
    CniError::new(code, format!("Multus: {text}"))
}

/// An error that concerns a pod.
pub(crate) fn of_pod(code: u32, pod: &PodRef, text: impl std::fmt::Display) -> CniError {
    CniError::new(code, format!("Multus: [{}]: {text}", pod.label()))
}

/// The result did not reach the runtime.
pub(crate) fn unprinted(error: &std::io::Error) -> CniError {
    plain(
        cni::code::IO_FAILURE,
        format_args!("cannot print the result: {error}"),
    )
}

/// Why no plan came out.
pub(crate) fn planning(pod: &PodRef, error: &DriveError<CatalogError>) -> CniError {
    match error {
        DriveError::Plan(error) => of_pod(error.code(), pod, error),
        DriveError::Source(error @ CatalogError::Devices(_)) => {
            of_pod(error.code(), pod, format_args!("failed to {error}"))
        }
        DriveError::Source(error) => of_pod(
            error.code(),
            pod,
            format_args!("error getting k8s objects: {error}"),
        ),
    }
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

/// Reason and text of the event for a refused plan: the pod's owner reads events, not logs.
pub(crate) fn refusal(error: &DriveError<CatalogError>) -> (&'static str, String) {
    match error {
        DriveError::Plan(error @ PlanError::NoDefinition { .. }) => {
            ("NoNetworkFound", error.to_string())
        }
        other => (FAILED, other.to_string()),
    }
}

/// Reason of the event for an attachment that failed.
pub(crate) const FAILED: &str = "FailedAttachment";

/// Reasons and texts of the events that follow a good ADD (B7.20).
pub(crate) fn added(attached: &Attached) -> impl Iterator<Item = String> {
    attached.interfaces.iter().map(|(ifname, addresses, name)| {
        let from = if name.is_empty() {
            String::new()
        } else {
            format!(" from {name}")
        };
        format!("Add {ifname} [{}]{from}", addresses.join(" "))
    })
}

/// Reason and text of a warning's event; `None` for what only the log is told.
pub(crate) fn warning(warning: &Warning) -> Option<(&'static str, String)> {
    match warning {
        Warning::MissingCapability {
            network,
            capability,
        } => Some((
            "MissingCapability",
            format!(
                "network {network}: no plugin declares the capability {capability} that the pod asks for; it may have no effect"
            ),
        )),
        Warning::NoDevice { .. } => Some(("NoDevice", warning_line(warning))),
        Warning::UnknownKeys { .. }
        | Warning::OtherDevice { .. }
        | Warning::SkippedDevice { .. }
        | Warning::SkippedFile { .. } => None,
    }
}

/// The log line of a warning.
pub(crate) fn warning_line(warning: &Warning) -> String {
    match warning {
        Warning::MissingCapability {
            network,
            capability,
        } => {
            format!("network {network}: no plugin declares the capability {capability}")
        }
        Warning::UnknownKeys { network, keys } => format!(
            "network {network}: unknown keys ignored: {}",
            keys.join(", ")
        ),
        Warning::NoDevice {
            network,
            resource,
            allocated,
        } => format!(
            "network {network}: no device of resource {resource} is left for it, it is attached without one: \
             {allocated} allocated to the pod"
        ),
        Warning::OtherDevice {
            network,
            asked,
            given,
        } => format!(
            "network {network}: device {asked} of the annotation passed over, {given} was allocated"
        ),
        Warning::SkippedDevice { text } => text.clone(),
        Warning::SkippedFile { text } => format!("configuration file passed over: {text}"),
    }
}
