//! The node's daemon: its settings, what it lays over a plugin's configuration, and the keeper of the node's CNI
//! configuration.
//!
//! **Promises.** The node's first CNI configuration is Multus' own from the moment when there is a primary network: it is
//! written whole or not at all, put back when another program takes it away, and never removed. The primary is never
//! Multus itself, is never another program's half-written file, and does not change while its file is there. No file of
//! another program is ever written.
//!
//! **Never.** [`settings`], [`overlay`] and all of [`keeper`] but [`keeper::Watch`] are pure: no files, no clocks.

pub mod keeper;
pub mod overlay;
pub mod settings;
