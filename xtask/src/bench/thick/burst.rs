//! Many pods at once, with large delegates, while the daemon has little: delegates use the runtime's memory, not the daemon's.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burst {
    /// How many there were.
    pub(crate) pods: usize,
    /// Until the last one was attached by its delegates alone.
    pub(crate) alone: Duration,
    /// And through the plugin.
    pub(crate) through: Duration,
    /// The most memory that the daemon's group had, and how often that was at its limit.
    pub(crate) memory: (u64, u64),
}

/// Does so many things at once; until the last one is done.
pub(crate) fn burst(count: usize, one: &(dyn Fn(usize) -> Result<()> + Sync)) -> Result<Duration> {
    let begun = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || one(number)))
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().ok().context("a thread panicked")?)
    })?;
    Ok(begun.elapsed())
}
