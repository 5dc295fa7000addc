//! A child and the process group that it leads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;

use cni::exec::Status;
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process_group, pidfd_open,
    waitid, waitpid,
};

/// A child that leads its own process group and has not been reaped, so that neither its process id nor the group's can have
/// passed to somebody else.
#[derive(Debug)]
pub(super) struct Group {
    leader: Pid,
    is_reaped: bool,
    exit: Option<OwnedFd>,
}

impl Group {
    /// `leader` must have been started as the leader of a process group.
    pub(super) fn of(leader: Pid) -> Self {
        // Kernels before 5.3 and some sandboxes have no such call: the caller then has to ask now and then.
        let exit = pidfd_open(leader, PidfdFlags::empty()).ok();
        Self {
            leader,
            is_reaped: false,
            exit,
        }
    }

    /// As on a kernel that has no descriptors of processes.
    #[cfg(test)]
    pub(super) fn without_exit_fd(leader: Pid) -> Self {
        let mut group = Self::of(leader);
        group.exit = None;
        group
    }

    /// Readable once the leader has exited; none where the kernel can't say.
    pub(super) fn exit_fd(&self) -> Option<BorrowedFd<'_>> {
        self.exit.as_ref().map(AsFd::as_fd)
    }

    /// Whether the leader has exited. Does not reap it.
    pub(super) fn has_exited(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        !matches!(waitid(WaitId::Pid(self.leader), options), Ok(None))
    }

    /// Signals every process of the group. That none is left is not an error.
    pub(super) fn signal(&self, signal: Signal) {
        if !self.is_reaped {
            let _none_left = kill_process_group(self.leader, signal);
        }
    }

    /// Reaps the leader, which must have exited.
    pub(super) fn reap(mut self) -> io::Result<Status> {
        let reaped = reap(self.leader);
        self.is_reaped = true;
        let status = reaped.map_err(|error| match error {
            Errno::CHILD => io::Error::other(
                "its exit status is lost: this process was started with SIGCHLD ignored",
            ),
            error => error.into(),
        })?;
        Ok(status)
    }
}

impl Drop for Group {
    /// Whoever drops a group without reaping it gave up on it. A child that does not even die by SIGKILL hangs in the kernel;
    /// it is reaped by a thread whenever that ends.
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if !self.is_reaped {
            let leader = self.leader;
            let _no_thread_to_be_had = thread::Builder::new()
                .name("reaper".to_owned())
                .spawn(move || reap(leader));
        }
    }
}

/// Waits for a child's end.
fn reap(leader: Pid) -> Result<Status, Errno> {
    let ended = retry_on_intr(|| waitpid(Some(leader), WaitOptions::empty()))?;
    let status = ended.map(|(_, status)| (status.exit_status(), status.terminating_signal()));
    Ok(match status {
        Some((Some(code), _)) => Status::Exited(code),
        Some((None, Some(signal))) => Status::Signaled(signal),
        _ => Status::TimedOut,
    })
}
