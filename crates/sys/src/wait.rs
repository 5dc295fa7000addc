//! Waits for a file that somebody else makes.

#[cfg(test)]
mod tests;

use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use crate::lock::Turn;

/// How often one looks who is told of changes: not everything tells (a mount does not).
const NET: Duration = Duration::from_secs(1);

/// How often one looks who is not told.
const UNTOLD: Duration = Duration::from_millis(100);

/// How long a change that brought nothing is followed by others before one looks again: the directory may be a busy one.
const CALM: Duration = Duration::from_millis(5);

/// As many symbolic links as the kernel follows.
const LINKS: u32 = 40;

/// Whether there is something at the path, symbolic links followed. What cannot be told is not there (B4.23).
#[must_use]
pub fn is_there(path: &Path) -> bool {
    fs::metadata(path).is_ok()
}

/// Waits until there is something at the path, or until the deadline; says which.
///
/// One waiter at a time, the one that holds the lock file `turn`, is told of changes by the kernel; the others look every
/// 100 ms. A user may have 128 watchers by default, for all programs together, and after a reboot every pod of a node waits.
#[must_use]
pub fn wait_for_file(path: &Path, deadline: Instant, turn: &Path) -> bool {
    if is_there(path) {
        return true;
    }
    let turn = Turn::take(turn);
    let watcher = turn.as_ref().and_then(|_| Watcher::new());
    loop {
        let told = watcher.as_ref().is_some_and(|watcher| watcher.watch(path));
        // Only now: what was made before the watch would not be told.
        if is_there(path) {
            return true;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        match &watcher {
            Some(watcher) if told => watcher.pause(left.min(NET)),
            _ => thread::sleep(left.min(UNTOLD)),
        }
    }
}

/// An inotify instance.
#[derive(Debug)]
pub(crate) struct Watcher(pub(crate) OwnedFd);

impl Watcher {
    pub(crate) fn new() -> Option<Self> {
        let flags = CreateFlags::CLOEXEC | CreateFlags::NONBLOCK;
        inotify::init(flags).ok().map(Self)
    }

    /// Watches every directory that a walk to the path passes, symbolic links followed, up to where it ends: whatever makes
    /// the path lead somewhere, or elsewhere, appears in one of them. Whether that could be done.
    fn watch(&self, path: &Path) -> bool {
        self.walk(path).is_ok()
    }

    /// As [`Watcher::watch`]; the directory where the path leads, if it leads to one.
    pub(crate) fn walk(&self, path: &Path) -> Result<Option<PathBuf>, Errno> {
        let path = std::path::absolute(path).map_err(|_| Errno::INVAL)?;
        // In reverse, so that what a link says can be put in front.
        let mut ahead = steps(&path);
        let mut at = PathBuf::from("/");
        let mut links = 0;
        while let Some(step) = ahead.pop() {
            // The watch before the look, or what is made between them goes unseen. Who watches more of a directory that is
            // on the way goes on doing so.
            let mask = WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::ONLYDIR
                | WatchFlags::MASK_ADD;
            inotify::add_watch(&self.0, &at, mask)?;
            let next = at.join(&step);
            match fs::read_link(&next) {
                Ok(_) if links == LINKS => return Ok(None),
                Ok(target) => {
                    links += 1;
                    if target.is_absolute() {
                        at = PathBuf::from("/");
                    }
                    ahead.extend(steps(&target));
                }
                Err(_) if step == ".." => drop(at.pop()),
                Err(_) if fs::symlink_metadata(&next).is_ok_and(|about| about.is_dir()) => {
                    at = next
                }
                Err(_) => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Until something changes, at most this long.
    fn pause(&self, most: Duration) {
        let patience = Timespec {
            tv_sec: i64::try_from(most.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: most.subsec_nanos().into(),
        };
        let changed = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&patience));
        match changed {
            Ok(0) => {}
            // Whatever goes wrong with it, this must not spin.
            Ok(_) | Err(_) => {
                thread::sleep(CALM.min(most));
                let mut changes = [0; 4096];
                let mut reads = 0;
                while reads < 100 && rustix::io::read(&self.0, &mut changes).is_ok() {
                    reads += 1;
                }
            }
        }
    }
}

/// The steps of a path, the last one first.
fn steps(path: &Path) -> Vec<std::ffi::OsString> {
    path.components()
        .rev()
        .filter(|step| matches!(step, Component::Normal(_) | Component::ParentDir))
        .map(|step| step.as_os_str().to_owned())
        .collect()
}
