//! Who holds a container's lock, and how to end them.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::stat;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// From SIGTERM to SIGKILL, and from there to giving up.
const GRACE: Duration = Duration::from_secs(2);
/// The longest environment that is looked at.
const ENVIRONMENT: u64 = 1 << 20;

/// Ends the processes that have `lock` open and were started for an ADD of this container, and does not wait for that
/// longer than `until`. Returns those that were signalled.
pub(super) fn end(lock: &Path, container_id: &str, until: Instant) -> Vec<u32> {
    let Ok(file) = stat(lock) else {
        return Vec::new();
    };
    let file = (file.st_dev, file.st_ino);
    // The process behind a descriptor cannot change, the one behind a number can: look once more when it is open.
    let mut holders: Vec<(u32, OwnedFd)> = processes()
        .filter(|pid| is_holder(*pid, file, container_id))
        .filter_map(|pid| Some((pid, pidfd_open(to_pid(pid)?, PidfdFlags::empty()).ok()?)))
        .filter(|(pid, _)| is_holder(*pid, file, container_id))
        .collect();
    let ended = holders.iter().map(|(pid, _)| *pid).collect();
    for signal in [Signal::TERM, Signal::KILL] {
        for (_, process) in &holders {
            let _gone_already = pidfd_send_signal(process, signal);
        }
        wait(&mut holders, until.min(Instant::now() + GRACE));
    }
    ended
}

/// Waits for their end and keeps those that are still there.
fn wait(processes: &mut Vec<(u32, OwnedFd)>, until: Instant) {
    while !processes.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        let mut fds: Vec<_> = processes
            .iter()
            .map(|(_, fd)| PollFd::new(fd, PollFlags::IN))
            .collect();
        match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(0) => return,
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
        let gone: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let mut gone = gone.into_iter();
        processes.retain(|_| !gone.next().unwrap_or_default());
        if left.is_zero() {
            return;
        }
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| *pid != process::id())
}

fn is_holder(pid: u32, file: (u64, u64), container_id: &str) -> bool {
    is_for_add(pid, container_id) && has_open(pid, file)
}

fn is_for_add(pid: u32, container_id: &str) -> bool {
    let mut environment = Vec::new();
    let Ok(file) = File::open(format!("/proc/{pid}/environ")) else {
        return false;
    };
    if file
        .take(ENVIRONMENT)
        .read_to_end(&mut environment)
        .is_err()
    {
        return false;
    }
    let id = format!("CNI_CONTAINERID={container_id}");
    let has = |wanted: &[u8]| {
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted)
    };
    has(id.as_bytes()) && has(b"CNI_COMMAND=ADD")
}

fn has_open(pid: u32, file: (u64, u64)) -> bool {
    let fds = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    fds.into_iter()
        .any(|fd| stat(fd.path()).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == file))
}

fn to_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}
