//! Finds and ends the processes of a world.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// The processes in the holder's mount namespace, but the holder.
pub(super) fn inside(holder: u32) -> Vec<(u32, String)> {
    let Some(home) = mount_namespace(holder) else {
        return Vec::new();
    };
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != holder && mount_namespace(*pid).as_ref() == Some(&home))
        .map(|pid| (pid, command_line(pid)))
        .collect()
}

/// Kills them, and waits until they are gone (half a minute at most).
pub(super) fn end_all(holder: u32) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let left = inside(holder);
        if left.is_empty() || Instant::now() > deadline {
            return;
        }
        for (pid, _) in left {
            end(pid, holder);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Kills one, unless the number belongs to another process by now.
fn end(pid: u32, holder: u32) {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    let Ok(process) = pidfd_open(raw, PidfdFlags::empty()) else {
        return;
    };
    if mount_namespace(pid) == mount_namespace(holder) {
        // It may have ended meanwhile, which is as good.
        let _ = pidfd_send_signal(process, Signal::KILL);
    }
}

fn mount_namespace(pid: u32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/mnt")).ok()
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .replace('\0', " ")
        .trim()
        .to_owned()
}
