//! The Kubernetes edge: pods, definitions, claims and slices are read, status and events are written, over the API.
//!
//! [`Live`] is a client, and [`Cluster`] the same for a program that handles one pod and ends, without a runtime of its
//! own. They promise:
//!
//! - one connection for all requests that follow each other, as long as the server keeps it open;
//! - one request for each call, unless an attempt fails in a way that time may heal: then it is repeated, with growing
//!   pauses, until the caller's deadline and never beyond it;
//! - credentials that the server refuses are read again, once for all who were refused;
//! - objects are decoded without building what nobody reads;
//! - an error says what was asked, of which server, how often and for how long, and what came back.
//!
//! [`Watches`] knows the pods of a node and the definitions of all namespaces without asking for each. It promises:
//!
//! - what is not known is read, so that only the API ever says that an object does not exist;
//! - a watch that breaks, falls silent, is refused, or whose version the server lost goes on by itself, and what it missed
//!   is made good; what was known stays known meanwhile;
//! - a page of a list is the most that is in memory beside what is kept, and that is bounded by
//!   [`WatchOptions::definitions`] and the number of objects;
//! - an object that cannot be read keeps no other from being known.
//!
//! Never in here: the plan, spawning, netlink, the system's certificates where a kubeconfig brings its own, discovery,
//! secrets in errors.

mod api;
mod call;
mod certificate;
mod change;
mod claim;
mod cluster;
mod collection;
mod connect;
mod credentials;
mod definition;
mod effort;
mod error;
mod event;
mod failure;
mod follow;
mod lines;
mod list;
mod live;
mod object;
mod pod;
mod refusals;
mod signing;
mod status;
mod store;
#[cfg(test)]
mod testing;
mod text;
mod watches;

pub use certificate::{CertificateError, Certificates, NodeCertificate, Renewal, Validity};
pub use cluster::Cluster;
pub use effort::Effort;
pub use error::{ClusterError, Kind, RequestError};
pub use event::{Event, EventType, Subject};
pub use failure::{ApiStatus, Failure};
pub use live::{Limits, Live};
pub use refusals::{Purpose, Refused};
pub use signing::{Decision, SigningRequest, SigningRequests};
pub use store::{Lookup, Progress, Store};
pub use watches::{FirstStatus, Observer, WatchOptions, Watches};
