//! Children that nobody waits for any more.

use std::fs;
use std::process;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Kills the children that this process still has. For one that is about to end: what a library started on a thread of its own
/// and was not waited for, as a credential program of a kubeconfig that hangs, would live on without it.
///
/// [`HostExec`](crate::exec::HostExec) leaves none behind.
pub fn end_all() {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    for pid in pids.filter(|pid| is_child(*pid)) {
        let process = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        // The process behind a descriptor cannot change, the one behind a number can: look once more when it is open.
        if let Some(process) = process
            && is_child(pid)
        {
            let _gone_already = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// `/proc/<pid>/stat` is `pid (name) state parent …`, and the name may hold anything.
fn is_child(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(") ").map_or("", |(_, after)| after);
    let parent = after_name.split(' ').nth(1);
    parent.and_then(|parent| parent.parse().ok()) == Some(process::id())
}
