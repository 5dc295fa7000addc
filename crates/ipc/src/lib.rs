//! The words between plugin and daemon, and a blocking client that speaks them over the daemon's socket.
//!
//! Ours are below `/v1/`: plan, commit, failed, detached, status. A reader ignores keys that it does not know, and every key
//! that came after the first release has a default, so that plugin and daemon of neighbouring releases understand each
//! other. Upstream's own words (`/cni`, B6.20–B6.27) are in [`upstream`].
//!
//! Never in here: async, what a plan is made from, what becomes of it.

mod attachment;
mod client;
mod decode;
mod refusal;
pub mod upstream;
mod words;

pub use attachment::{AttachmentWords, PlanWordsError};
pub use client::{Connection, IpcError, LIMIT, Reply};
pub use decode::decode;
pub use refusal::{Refusal, WITHOUT_CERTIFICATE, Waited};
pub use words::{
    Added, Commit, Detached, Failed, PlanReply, PlanRequest, PodWords, Run, StatusReply,
    StatusRequest, path,
};
