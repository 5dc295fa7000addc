//! Sees when each interface is there, without being in the way: `multus` writes a delegate's result into a folder as soon as
//! the delegate has answered (and renames it into place), under a name that ends in the interface's.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

/// Watches a folder of results.
#[derive(Debug)]
pub(super) struct Stopwatch {
    done: Arc<AtomicBool>,
    watching: JoinHandle<Vec<(String, Instant)>>,
}

impl Stopwatch {
    /// Begins to watch.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .context("watch a folder")?;
        inotify::add_watch(&events, folder, WatchFlags::MOVED_TO)
            .with_context(|| format!("watch {}", folder.display()))?;
        let done = Arc::new(AtomicBool::new(false));
        let until = done.clone();
        let work = move || watch(&events, &until);
        let watching = std::thread::Builder::new()
            .name("stopwatch".to_owned())
            .spawn(work)
            .context("start a thread")?;
        Ok(Self { done, watching })
    }

    /// Ends; the value has each interface with the time since `begun`, in order.
    pub(super) fn stop(self, begun: Instant) -> Vec<(String, Duration)> {
        self.done.store(true, Ordering::Release);
        let seen = self.watching.join().unwrap_or_default();
        seen.into_iter()
            .map(|(name, at)| (name, at.saturating_duration_since(begun)))
            .collect()
    }
}

fn watch(events: &OwnedFd, done: &AtomicBool) -> Vec<(String, Instant)> {
    let mut seen: Vec<(String, Instant)> = Vec::new();
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 10_000_000,
    };
    loop {
        let last = done.load(Ordering::Acquire);
        // A failure here costs the demo a column of its table, no more.
        let _ = poll(&mut [PollFd::new(events, PollFlags::IN)], Some(&pause));
        let now = Instant::now();
        let mut reader = Reader::new(events, &mut buffer);
        while let Ok(event) = reader.next() {
            let name = event
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            let interface = name.rsplit('-').next().unwrap_or_default().to_owned();
            if !seen.iter().any(|(other, _)| *other == interface) {
                seen.push((interface, now));
            }
        }
        if last {
            return seen;
        }
    }
}
