//! Makes a child.
//!
//! `posix_spawn` of either C library uses `CLONE_VM | CLONE_VFORK`: the cost does not depend on the size of this process. So does
//! the standard library, which sorts and copies the environment of each child, though, and takes several times as long for
//! that as for the rest.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Once;

use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid as RawPid;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

/// A child that nobody has talked to yet.
#[derive(Debug)]
pub(super) struct Child {
    /// It leads a process group of its own.
    pub(super) leader: Pid,
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
}

/// The pipes of a child, each with the end to read from and the end to write to.
#[derive(Debug)]
pub(super) struct Pipes {
    stdin: (OwnedFd, OwnedFd),
    stdout: (OwnedFd, OwnedFd),
    stderr: (OwnedFd, OwnedFd),
}

impl Pipes {
    /// New ones, of which no other child gets an end.
    pub(super) fn new() -> io::Result<Self> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        Ok(Self {
            stdin: pipe()?,
            stdout: pipe()?,
            stderr: pipe()?,
        })
    }
}

/// Starts a program without arguments, with these variables (`NAME=value`) and no others, and these pipes. No signal is
/// blocked for it, and none ignored that this process ignores for itself.
///
/// # Errors
/// What the kernel says, also of the program itself; a NUL in a path.
pub(super) fn spawn<'a>(
    program: &Path,
    environment: impl Iterator<Item = &'a CStr>,
    pipes: Pipes,
) -> io::Result<Child> {
    let program = CString::new(program.as_os_str().as_bytes())?;
    let environment: Vec<&CStr> = environment.collect();
    let Pipes {
        stdin,
        stdout,
        stderr,
    } = pipes;
    // The runtime has seen to it that 0, 1 and 2 are taken: none of the ends is one of them.
    let mut files = PosixSpawnFileActions::init()?;
    for (end, number) in [(&stdin.0, 0), (&stdout.1, 1), (&stderr.1, 2)] {
        files.add_dup2(end.as_raw_fd(), number)?;
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that starts processes"
    )]
    let started = posix_spawn(
        program.as_c_str(),
        &files,
        &attributes()?,
        &[program.as_c_str()],
        &environment,
    )?;
    let leader = Pid::from_raw(started.as_raw()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Child {
        leader,
        stdin: stdin.1,
        stdout: stdout.0,
        stderr: stderr.0,
    })
}

fn attributes() -> nix::Result<PosixSpawnAttr> {
    let mut attributes = PosixSpawnAttr::init()?;
    attributes.set_flags(
        PosixSpawnFlags::POSIX_SPAWN_SETPGROUP
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK
            | PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF,
    )?;
    attributes.set_pgroup(RawPid::from_raw(0))?;
    attributes.set_sigmask(&SigSet::empty())?;
    attributes.set_sigdefault(&SigSet::from_iter([Signal::SIGPIPE]))?;
    Ok(attributes)
}

/// The C library keeps notes for each child that it makes, a few dozen bytes. musl's allocator asks the kernel for a page for the
/// first of them and gives it back with the last. With one that stays, the page does too.
pub(super) fn keep_a_page() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if let Ok(mut notes) = PosixSpawnFileActions::init() {
            let _ = notes.add_dup2(0, 0);
            std::mem::forget(notes);
        }
    });
}
