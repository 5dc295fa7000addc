//! How refusals and events are worded (B4.2, B7.20–B7.22).

use cni::CniError;
use engine::Attached;
use plan::{DriveError, PlanError, PodRef};
use plugin::messages::of_pod;

use crate::catalog::CatalogError;

/// Why no plan came out.
pub(crate) fn planning(pod: &PodRef, error: &DriveError<CatalogError>) -> CniError {
    let code = match error {
        DriveError::Plan(error) => error.code(),
        DriveError::Source(error) => error.code(),
    };
    of_pod(code, pod, unplanned(error))
}

/// The same without the pod.
fn unplanned(error: &DriveError<CatalogError>) -> String {
    match error {
        DriveError::Source(CatalogError::Devices(error)) => format!("failed to {error}"),
        DriveError::Source(CatalogError::Api(error)) => {
            format!("error getting k8s objects: {error}")
        }
        other => other.to_string(),
    }
}

/// Reason and text of the event for a refused plan: the pod's owner reads events, not logs.
pub(crate) fn refusal(error: &DriveError<CatalogError>) -> (&'static str, String) {
    let reason = match error {
        DriveError::Plan(PlanError::NoDefinition { .. }) => "NoNetworkFound",
        _ => FAILED,
    };
    (reason, unplanned(error))
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
