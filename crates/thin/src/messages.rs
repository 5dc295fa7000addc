//! How refusals and events are worded (B4.2, B7.20–B7.22).

use cni::CniError;
use engine::Attached;
use plan::{DriveError, PlanError, PodRef};
use plugin::messages::of_pod;

use crate::catalog::CatalogError;

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
