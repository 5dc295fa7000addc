//! How refusals are worded (B4.2, B7.20–B7.22).

use cni::CniError;
use plan::{DriveError, PodRef};
use plugin::messages::{self, of_pod};

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
        DriveError::Source(CatalogError::Devices(error)) => messages::kubelet(error),
        DriveError::Source(CatalogError::Api(error)) => messages::api(error),
        other => other.to_string(),
    }
}

/// Reason and text of the event for a refused plan: the pod's owner reads events, not logs.
pub(crate) fn refusal(error: &DriveError<CatalogError>) -> (&'static str, String) {
    let reason = match error {
        DriveError::Plan(error) => messages::reason(error),
        DriveError::Source(_) => messages::FAILED,
    };
    (reason, unplanned(error))
}
