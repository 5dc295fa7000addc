//! Network namespaces of containers, by path.

#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::thread::{self, Builder};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, fstat, fstatfs, openat};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::netlink::{Netlink, NetlinkError};

/// Where this thread's own namespace is.
const OWN: &str = "/proc/thread-self/ns/net";
/// How often a thread tries to come back from where it was, and how long it waits between two tries.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);
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

/// Runs `work` in the network namespace at `path`; afterwards this thread is where it was. Where it could not come back by
/// itself (a process with rights of its own only in the other namespace), `work` runs on a thread that ends with it. A socket
/// that `work` opens and returns stays in the namespace.
///
/// # Errors
/// [`NetnsError`], and then `work` has not run.
pub(crate) fn in_netns<T: Send>(
    path: &Path,
    work: impl FnOnce() -> T + Send,
) -> Result<T, NetnsError> {
    let netns = open(path)?;
    let Some(_way_back) = WayBack::find() else {
        return on_thread(path, &netns, work);
    };
    enter(path, &netns)?;
    Ok(work())
}

/// The namespace that this thread is in, to which it returns when this is dropped.
struct WayBack(OwnedFd);

impl WayBack {
    /// Goes it once, to where the thread is already: this takes the same rights as coming back.
    fn find() -> Option<Self> {
        let own = open(Path::new(OWN)).ok()?;
        enter(Path::new(OWN), &own).ok()?;
        Some(Self(own))
    }
}

impl Drop for WayBack {
    /// The kernel may be short of the memory for it, for a moment.
    fn drop(&mut self) {
        for _ in 0..TRIES {
            if enter(Path::new(OWN), &self.0).is_ok() {
                return;
            }
            thread::sleep(PAUSE);
        }
        // In the sandbox's namespace nothing of what follows would mean what it should.
        process::abort();
    }
}

fn on_thread<T: Send>(
    path: &Path,
    netns: &OwnedFd,
    work: impl FnOnce() -> T + Send,
) -> Result<T, NetnsError> {
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
    let ours = fs::metadata(OWN)?;
    Ok(
        fs::metadata(path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())),
    )
}

/// Which of these interfaces exist in the namespace that this thread is in. One listing takes less time than a question for each,
/// for a sandbox has few. Never by `ioctl`: for a name that there is not, the kernel then starts `modprobe` with it, and the names
/// are what users of the cluster write.
///
/// # Errors
/// What the kernel says.
pub(crate) fn existing(ifnames: &[&str]) -> Result<Vec<String>, NetlinkError> {
    let mut names = Netlink::open()?.names()?;
    names.retain(|name| ifnames.contains(&name.as_str()));
    Ok(names)
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

fn enter(path: &Path, netns: &OwnedFd) -> Result<(), NetnsError> {
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
