//! Who holds a container's lock, and how to end them.

use std::ffi::{OsStr, OsString};
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

/// Ends the processes that have `lock` open and were started for an ADD of this container, or for anything else about it by
/// a process that is gone, and does not wait for that longer than `until`. Returns those that were signalled.
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
    let environment = environment(pid);
    let has = |wanted: &[u8]| {
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted)
    };
    let id = format!("CNI_CONTAINERID={container_id}");
    has(id.as_bytes())
        && ((has(b"CNI_COMMAND=ADD") && has_open(pid, file)) || is_left_over(pid, file))
}

/// What the process was started with; nothing where that cannot be read.
fn environment(pid: u32) -> Vec<u8> {
    let mut environment = Vec::new();
    let read = File::open(format!("/proc/{pid}/environ"))
        .and_then(|file| file.take(ENVIRONMENT).read_to_end(&mut environment));
    if read.is_err() {
        environment.clear();
    }
    environment
}

/// Whether it has the lock from a process that took it and ended since: nobody has an eye on the time of such a delegate,
/// whatever it was started for. What cannot be told is let be.
fn is_left_over(pid: u32, file: (u64, u64)) -> bool {
    descriptors(pid, file)
        .filter_map(|name| taker(pid, &name))
        .any(|taker| taker != 0 && !has_open(taker, file))
}

/// Who took the lock that an open file holds: `lock: 1: FLOCK ADVISORY WRITE <pid> …`. The kernel does not name a process
/// of another PID namespace.
fn taker(pid: u32, descriptor: &OsStr) -> Option<u32> {
    let path = Path::new("/proc")
        .join(pid.to_string())
        .join("fdinfo")
        .join(descriptor);
    let about = fs::read_to_string(path).ok()?;
    let lock = about.lines().find(|line| line.starts_with("lock:"))?;
    let mut words = lock.split_whitespace().skip(2);
    (words.next() == Some("FLOCK"))
        .then(|| words.nth(2)?.parse().ok())
        .flatten()
}

fn has_open(pid: u32, file: (u64, u64)) -> bool {
    descriptors(pid, file).next().is_some()
}

/// The numbers of the descriptors by which it has the file open.
fn descriptors(pid: u32, file: (u64, u64)) -> impl Iterator<Item = OsString> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    fds.filter(move |fd| stat(fd.path()).is_ok_and(|stat| (stat.st_dev, stat.st_ino) == file))
        .map(|fd| fd.file_name())
}

fn to_pid(pid: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(pid).ok()?)
}
