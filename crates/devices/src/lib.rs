//! Which devices the kubelet gave to a pod.
//!
//! [`Kubelet`] asks the kubelet's pod-resources service over its socket, and where a node has no such socket, reads the
//! file in which the device manager keeps its allocations. It promises an answer or an error within the caller's
//! deadline and ten seconds, and reads at most 16 MiB, whatever is on the other end. Devices that were given by dynamic
//! resource allocation stand in API objects instead; [`plan`] reads those.
//!
//! Never in here: which attachment gets which device, the Kubernetes API, processes, netlink.

mod call;
mod checkpoint;
mod error;
mod kubelet;
mod message;
mod wire;

pub use error::{CallError, DevicesError};
pub use kubelet::Kubelet;
pub use wire::WireError;
