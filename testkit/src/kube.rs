//! The tests' own hand on a Kubernetes API: a small blocking client, and the objects that tests create.
//!
//! No controller runs behind this API: pods stay as they were created, no default ServiceAccount appears in a namespace, and a
//! namespace that is deleted stays in `Terminating`.

mod claims;
mod client;
mod kubeconfig;
mod objects;
mod rbac;
pub mod wait;

pub use claims::{AllocatedDevice, SliceDevice};
pub(crate) use client::agent;
pub use client::{Client, Refused, status};
pub use kubeconfig::{Kubeconfig, User};
pub use objects::{Annotations, Event, NODE};
pub use rbac::{DAEMON, OURS, Rule, UPSTREAMS_MANIFEST};
