//! The container network interface (CNI specification 0.1.0 to 1.1.0), from the runtime's side and from the plugin's.
//!
//! Promise: configurations and lists are read from text and from listings of directories ([`config`]), results of every
//! version are read, converted and printed ([`result`]), plugins run alone or in chains with `prevResult`, capability
//! arguments and result cache ([`runtime`]), and a plugin's own request is read and checked in the order that runtimes
//! know ([`skel`]). Input of any shape ends in a value or an error that names the object.
//!
//! It never touches a file, a process, a clock or the environment by itself: effects go through [`exec::Exec`] and
//! [`cache::CacheStore`]. It knows nothing of Kubernetes or of any particular plugin, and its errors never repeat a
//! configuration.

pub mod args;
pub mod cache;
pub mod config;
pub mod error;
pub mod exec;
pub mod failure;
pub mod names;
pub mod request;
pub mod result;
pub mod runtime;
pub mod skel;
mod text;
pub mod verb;
pub mod version;

pub use cache::{CacheEntry, CacheStore};
pub use config::{
    ConfError, DirFile, Form, Found, LookupError, NetworkConf, PluginConf, find_by_name,
    subdir_plugins,
};
pub use error::{CniError, code};
pub use exec::{Call, Exec, FindError, Output, SpawnError, Status};
pub use failure::{Cause, PluginFailure};
pub use names::{ContainerId, IfName, NameError, NetworkName};
pub use result::{CniResult, Dns, Interface, Ip, IpNet, ResultError, Route};
pub use runtime::{Attachment, ChainError, ChainErrors, Runtime, Stale};
pub use skel::{About, Invocation, Request, read as read_invocation};
pub use text::{excerpt, message};
pub use verb::Verb;
pub use version::{Family, Version};
