//! How errors are worded (B4.2).

use cni::CniError;
use engine::EngineError;
use plan::PodRef;

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

/// The result did not reach the runtime.
pub(crate) fn unprinted(error: &std::io::Error) -> CniError {
    plain(
        cni::code::IO_FAILURE,
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
