//! Follows directories: what changes in them is told by the kernel, and where it does not tell one looks again.

#[cfg(test)]
mod tests;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::inotify::{self, ReadFlags, WatchFlags};

use crate::wait::Watcher;

/// How long changes are gathered before one looks: most come in company, and a file that is being written is soon done.
const CALM: Duration = Duration::from_millis(20);

/// How often one looks who is not told: a user may have 128 watchers by default, for all programs together.
const UNTOLD: Duration = Duration::from_secs(1);

/// More changes than this at a time are as good as one: the directories are looked at anyway.
const CHANGES: usize = 10_000;

/// Directories that are followed, whether they exist yet or not.
#[derive(Debug)]
pub struct DirWatcher {
    watcher: Option<Watcher>,
    stop: Arc<OwnedFd>,
}

/// Ends the pauses of a [`DirWatcher`], for good.
#[derive(Debug, Clone)]
pub struct Stop(Arc<OwnedFd>);

/// Why a pause was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// [`Stop::stop`] was called.
    Stopped,
    /// The time was over, or something changed.
    Over {
        /// What became of the file that was asked for, if it left its name.
        left: Option<Left>,
    },
}

/// How a file left its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left {
    /// It was removed.
    Removed,
    /// It was moved out of the directories that are followed.
    Moved,
    /// It has this name now.
    RenamedTo(String),
}

impl Stop {
    /// Ends the pause that is under way, and every later one at once.
    pub fn stop(&self) {
        // It fails where it was stopped very often, which is as good.
        let _stopped = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl DirWatcher {
    /// Follows nothing yet.
    ///
    /// # Errors
    /// When the process has no descriptor left. Where the kernel has no watcher left, one looks every second instead.
    pub fn new() -> io::Result<Self> {
        let stop = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self {
            watcher: Watcher::new(),
            stop: Arc::new(stop),
        })
    }

    /// What ends the pauses.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop(Arc::clone(&self.stop))
    }

    /// Follows a directory, and whatever makes its path lead to another one. To be called before each look: what was made
    /// before the watch is not told, and the directory may be another one by now.
    pub fn watch(&self, directory: &Path) {
        let Some(watcher) = &self.watcher else {
            return;
        };
        let Ok(Some(end)) = watcher.walk(directory) else {
            return;
        };
        let mask = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::DELETE
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR
            | WatchFlags::MASK_ADD;
        // Where it is gone again, its parent tells of the next one.
        let _watched = inotify::add_watch(&watcher.0, &end, mask);
    }

    /// Until something changes, or one is to stop, at most this long. Tells what became of the file `name`.
    #[must_use]
    pub fn pause(&self, most: Duration, name: &str) -> Pause {
        let most = if self.watcher.is_some() {
            most
        } else {
            most.min(UNTOLD)
        };
        let patience = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        let mut polled = vec![PollFd::new(&*self.stop, PollFlags::IN)];
        polled.extend(
            self.watcher
                .as_ref()
                .map(|watcher| PollFd::new(&watcher.0, PollFlags::IN)),
        );
        let answer = poll(&mut polled, Some(&patience));
        let is_ready = |at: usize| {
            polled
                .get(at)
                .is_some_and(|fd: &PollFd<'_>| !fd.revents().is_empty())
        };
        if is_ready(0) {
            return Pause::Stopped;
        }
        let left = match &self.watcher {
            Some(watcher) if is_ready(1) => {
                thread::sleep(CALM);
                left(watcher, name)
            }
            _ => None,
        };
        if answer.is_err() {
            // Whatever goes wrong with it, this must not spin.
            thread::sleep(CALM);
        }
        Pause::Over { left }
    }
}

/// Reads the changes that are told, and picks out the last one that concerns this name.
fn left(watcher: &Watcher, name: &str) -> Option<Left> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut changes = inotify::Reader::new(&watcher.0, &mut buffer);
    let mut left = None;
    let mut cookie = None;
    for _ in 0..CHANGES {
        let Ok(change) = changes.next() else {
            break;
        };
        let Some(told) = change.file_name().and_then(|name| name.to_str().ok()) else {
            continue;
        };
        let how = change.events();
        if told == name && how.contains(ReadFlags::MOVED_FROM) {
            left = Some(Left::Moved);
            cookie = Some(change.cookie());
        } else if told == name && how.contains(ReadFlags::DELETE) {
            left = Some(Left::Removed);
        } else if how.contains(ReadFlags::MOVED_TO) && cookie == Some(change.cookie()) {
            left = Some(Left::RenamedTo(told.to_owned()));
        }
    }
    left
}
