//! The node's daemon: it plans for the plugins of its node, over a socket, and keeps the node's CNI configuration.
//!
//! **Promises.** Our plugin carries out what is planned here, so that a daemon that ends or is killed in the middle of an
//! attachment costs nothing but time. For upstream's plugin, and for whoever attaches a pod that runs already, the same engine
//! does it here, the ledger first. What a plugin could not undo is undone here in the end, never beside somebody else who
//! works on the container. What the watches have not told yet is never said not to exist. A status is on the pod before its
//! plugin is told so; that of a pod without networks of its own may be owed, and then it is neither forgotten nor written
//! over another's. A pod that runs without the networks that it asks for is told. As many attachments are under way as the
//! settings allow, in the order in which they came; nothing else waits behind them. The node's first CNI configuration is
//! Multus' own from the moment when there is a primary network: it is written whole or not at all, put back when another
//! program takes it away, and never removed. The primary is never Multus itself, is never another program's half-written
//! file, and does not change while its file is there. No file of another program is ever written.
//!
//! **Never.** [`settings`], [`overlay`] and all of [`keeper`] but [`keeper::Watch`] are pure: no files, no clocks.

mod arrivals;
mod ask;
mod behind;
mod complaints;
mod credentials;
mod crew;
mod early;
mod events;
mod facts;
mod flags;
mod gate;
pub mod keeper;
mod lacking;
mod metrics;
mod node;
pub mod overlay;
mod pace;
mod planner;
mod program;
mod readiness;
mod retries;
mod server;
mod service;
pub mod settings;
mod socket;
mod sweep;
mod uninstall;
mod upstream;

pub use program::main;
