//! The daemon and its plugin, beside the delegates called directly.

mod burst;
mod daemon;
mod group;
mod parallel;

pub(super) use burst::{Burst, burst};
pub(super) use daemon::{Daemon, Place};
pub(super) use group::Group;
pub(super) use parallel::{Rate, parallel};
