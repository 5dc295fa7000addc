//! Many pods that come and go at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use nix::sys::resource::{UsageWho, getrusage};

use super::Daemon;

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Pods that were attached and detached, in a second.
    pub(crate) pods: f64,
    /// What the daemon has used for one of them, in milliseconds.
    pub(crate) daemon: f64,
    /// And all plugins with their delegates.
    pub(crate) plugins: f64,
}

/// Attaches and detaches without a pause in so many loops. `call` runs a verb of the pod of a loop.
pub(crate) fn parallel(
    daemon: &Daemon,
    loops: usize,
    time: Duration,
    call: &(dyn Fn(usize, &str) -> Result<()> + Sync),
) -> Result<Rate> {
    let (before, plugins) = (daemon.cpu()?, children()?);
    let begun = Instant::now();
    let done = AtomicUsize::new(0);
    let one = |number: usize| -> Result<()> {
        while begun.elapsed() < time {
            for verb in ["ADD", "DEL"] {
                call(number, verb)?;
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    let failed = thread::scope(|scope| {
        let one = &one;
        let threads: Vec<_> = (0..loops)
            .map(|number| scope.spawn(move || one(number)))
            .collect();
        let ends = threads.into_iter().map(thread::ScopedJoinHandle::join);
        ends.filter_map(|end| end.ok()?.err()).next()
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let pods = done.load(Ordering::Relaxed) as f64;
    if pods < 1.0 {
        bail!("no pod was attached in {} s", time.as_secs());
    }
    let each = |time: Duration| time.as_secs_f64() * 1e3 / pods;
    Ok(Rate {
        pods: pods / begun.elapsed().as_secs_f64(),
        daemon: each(daemon.cpu()?.saturating_sub(before)),
        plugins: each(children()?.saturating_sub(plugins)),
    })
}

fn children() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let time = usage.user_time() + usage.system_time();
    let (seconds, micros) = (time.tv_sec().unsigned_abs(), time.tv_usec().unsigned_abs());
    Ok(Duration::from_micros(seconds * 1_000_000 + micros))
}
