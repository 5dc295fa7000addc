//! A child and the process group that it leads.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::thread;

use cni::exec::Status;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
};

/// A child that leads its own process group and has not been reaped, so that neither its process id nor the group's can have
/// passed to somebody else.
#[derive(Debug)]
pub(super) struct Group {
    child: Option<Child>,
    leader: Pid,
    exit: Option<OwnedFd>,
}

impl Group {
    /// `child` must have been started as the leader of a process group.
    pub(super) fn new(child: Child) -> Self {
        let leader = Pid::from_child(&child);
        // Kernels before 5.3 and some sandboxes have no such call: the caller then has to ask now and then.
        let exit = pidfd_open(leader, PidfdFlags::empty()).ok();
        Self {
            child: Some(child),
            leader,
            exit,
        }
    }

    /// As on a kernel that has no descriptors of processes.
    #[cfg(test)]
    pub(super) fn without_exit_fd(child: Child) -> Self {
        let mut group = Self::new(child);
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
        if self.child.is_some() {
            let _none_left = kill_process_group(self.leader, signal);
        }
    }

    /// Reaps the leader, which must have exited.
    pub(super) fn reap(mut self) -> io::Result<Status> {
        let Some(mut child) = self.child.take() else {
            return Ok(Status::TimedOut);
        };
        let status = child.wait().map_err(|error| {
            if error.raw_os_error() == Some(rustix::io::Errno::CHILD.raw_os_error()) {
                io::Error::other(
                    "its exit status is lost: this process was started with SIGCHLD ignored",
                )
            } else {
                error
            }
        })?;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Status::Exited(code),
            (None, Some(signal)) => Status::Signaled(signal),
            (None, None) => Status::TimedOut,
        })
    }
}

impl Drop for Group {
    /// Whoever drops a group without reaping it gave up on it. A child that does not even die by SIGKILL hangs in the kernel;
    /// it is reaped by a thread whenever that ends.
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            let _no_thread_to_be_had = thread::Builder::new()
                .name("reaper".to_owned())
                .spawn(move || child.wait());
        }
    }
}
