//! A kubelet, as far as it tells about devices: the pod-resources service on a socket, and the device manager's
//! checkpoint.

mod message;
mod server;

pub use message::{Container, PodResources, checkpoint, encode};
pub use server::{Answer, Kubelet, Request};
