//! Network namespaces of containers, by path.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::{self, Builder};

use rustix::fs::{CWD, Mode, OFlags, fstat, fstatfs, openat};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The file system of namespaces.
const NSFS: u64 = 0x6e73_6673;

/// Work that did not happen in a network namespace.
#[derive(Debug, thiserror::Error)]
pub enum NetnsError {
    /// No such file, or not to be opened.
    #[error("failed to open network namespace {path}: {source}", path = path.display())]
    Open {
        /// The namespace.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// A file, but not a network namespace: what stays of one after a restart of the node, for example.
    #[error("failed to enter {path}: not a network namespace", path = path.display())]
    NotANetns {
        /// The file.
        path: PathBuf,
    },
    /// Without the rights to enter, or without a thread.
    #[error("failed to enter network namespace {path}: {source}", path = path.display())]
    Enter {
        /// The namespace.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetnsState {
    /// A network namespace.
    Live,
    /// Nothing.
    Gone,
    /// Something else.
    NotANetns,
}

/// Runs `work` in the network namespace at `path`, on a thread that is made for it and ends with it. The caller's thread never
/// changes its namespace, so there is nothing to restore and nothing that could fail to be restored. A socket that `work`
/// opens and returns stays in the namespace.
///
/// # Errors
/// [`NetnsError`], and then `work` has not run.
pub(crate) fn in_netns<T: Send>(
    path: &Path,
    work: impl FnOnce() -> T + Send,
) -> Result<T, NetnsError> {
    let netns = open(path)?;
    let run = || enter(path, netns).map(|()| work());
    thread::scope(|scope| {
        let thread = Builder::new()
            .name("netns".to_owned())
            .spawn_scoped(scope, run)
            .map_err(|source| NetnsError::Enter {
                path: path.to_path_buf(),
                source,
            })?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether `path` is the network namespace that this thread is in. A path that leads nowhere is not.
///
/// # Errors
/// When this thread's own namespace cannot be told.
pub fn same_as_current(path: &Path) -> io::Result<bool> {
    let ours = fs::metadata("/proc/thread-self/ns/net")?;
    Ok(
        fs::metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())),
    )
}

/// What `path` leads to now.
///
/// # Errors
/// When it cannot be told, for lack of rights for instance.
pub(crate) fn state(path: &Path) -> Result<NetnsState, NetnsError> {
    match in_netns(path, || ()) {
        Ok(()) => Ok(NetnsState::Live),
        Err(NetnsError::NotANetns { .. }) => Ok(NetnsState::NotANetns),
        Err(NetnsError::Open { source, .. }) if is_nowhere(&source) => Ok(NetnsState::Gone),
        Err(error) => Err(error),
    }
}

/// The number of the namespace at `path`, of whatever kind it is: no two that exist share one.
///
/// # Errors
/// When there is no namespace, or when it cannot be told.
pub(crate) fn inode(path: &Path) -> Result<u64, NetnsError> {
    let failed = |error: Errno| NetnsError::Open {
        path: path.to_path_buf(),
        source: error.into(),
    };
    Ok(fstat(open(path)?).map_err(failed)?.st_ino)
}

fn is_nowhere(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    // A path below the /proc of a process that is just ending.
    matches!(errno, Some(Errno::NOENT | Errno::NOTDIR | Errno::SRCH))
}

fn open(path: &Path) -> Result<OwnedFd, NetnsError> {
    let failed = |error: Errno| NetnsError::Open {
        path: path.to_path_buf(),
        source: error.into(),
    };
    // Without NONBLOCK, opening a pipe would wait for its writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = openat(CWD, path, flags, Mode::empty()).map_err(failed)?;
    let kind = fstatfs(&fd).map_err(failed)?.f_type;
    if u64::try_from(kind) == Ok(NSFS) {
        Ok(fd)
    } else {
        Err(NetnsError::NotANetns {
            path: path.to_path_buf(),
        })
    }
}

fn enter(path: &Path, netns: OwnedFd) -> Result<(), NetnsError> {
    let path = path.to_path_buf();
    match move_into_link_name_space(netns.as_fd(), Some(LinkNameSpaceType::Network)) {
        Ok(()) => Ok(()),
        // A namespace of another kind.
        Err(Errno::INVAL) => Err(NetnsError::NotANetns { path }),
        Err(error) => Err(NetnsError::Enter {
            path,
            source: error.into(),
        }),
    }
}
