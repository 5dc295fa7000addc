//! The Kubernetes edge: pods, definitions, claims and slices are read, status and events are written, over the API.
//!
//! [`Cluster`] is a blocking client for a program that handles one pod and ends. It promises:
//!
//! - one connection for all requests of its life, as long as the server keeps it open;
//! - one request for each call, unless an attempt fails in a way that time may heal: then it is repeated, with growing
//!   pauses, until the caller's deadline and never beyond it;
//! - objects are decoded without building what nobody reads;
//! - an error says what was asked, of which server, how often and for how long, and what came back.
//!
//! Never in here: the plan, spawning, netlink, the system's certificates where a kubeconfig brings its own, discovery,
//! secrets in errors.

mod api;
mod call;
mod claim;
mod cluster;
mod connect;
mod credentials;
mod definition;
mod effort;
mod error;
mod event;
mod failure;
mod pod;
mod status;
#[cfg(test)]
mod testing;
mod text;

pub use cluster::{Cluster, Limits};
pub use effort::Effort;
pub use error::{ClusterError, Kind, RequestError};
pub use event::{Event, EventType};
pub use failure::{ApiStatus, Failure};
