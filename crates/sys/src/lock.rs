//! Locks between processes: one per container, one per node.
//!
//! Both are `flock`s on hidden files in the CNI directory. Such a lock belongs to the open file, not to the process: a child
//! that inherits the descriptor keeps it locked when its parent is killed.

mod holders;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, fstat, openat, stat, unlink};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

/// What the name of a container's lock begins with.
const PREFIX: &str = ".lock-";

/// How often holders are looked for after the first time.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How often one looks whether whoever was alone has gone.
const PAUSE: Duration = Duration::from_millis(20);

/// A lock that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The operating system refused.
    #[error("failed to lock {path}: {source}", path = path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// Others held it all the time.
    #[error("failed to lock {path}: held by others for {waited:.1?}", path = path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long it was tried.
        waited: Duration,
    },
    /// A container id that is no file name.
    #[error("failed to lock container {id:?}: not a container id")]
    BadId {
        /// The id.
        id: String,
    },
}

/// What [`ContainerLock::acquire`] does when its wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndHolders {
    /// Gives up.
    Never,
    /// Ends the processes that hold the lock *and* were started for an ADD of this container, or by a process that is gone,
    /// and goes on waiting. Other holders, such as another DEL and its delegates, are let be.
    OfAdd {
        /// When to give up.
        until: Instant,
    },
}

/// The lock on one container, `.lock-<id>`. Dropping it removes the file and releases the lock, also for children that
/// inherited it.
#[derive(Debug)]
pub struct ContainerLock {
    held: Held,
    ended: Vec<u32>,
}

impl ContainerLock {
    /// Takes the lock, waiting for it `until` then before `on_timeout` decides. With `inheritable`, children that are started from
    /// now on hold it too.
    ///
    /// # Errors
    /// [`LockError::Busy`] when it was not to be had in time, [`LockError::BadId`], or the operating system.
    pub fn acquire(
        cni_dir: &Path,
        container_id: &str,
        inheritable: bool,
        until: Instant,
        on_timeout: EndHolders,
    ) -> Result<Self, LockError> {
        if container_id.is_empty() || container_id.contains(['/', '\0']) {
            return Err(LockError::BadId {
                id: container_id.to_owned(),
            });
        }
        let path = cni_dir.join(format!("{PREFIX}{container_id}"));
        let begin = Instant::now();
        let alone = FlockOperation::NonBlockingLockExclusive;
        let mut held = Held::acquire(&path, alone, until)?;
        let mut ended = Vec::new();
        if let EndHolders::OfAdd { until } = on_timeout {
            // Once in any case, also where the first wait has used up all the time.
            while held.is_none() {
                ended.extend(holders::end(&path, container_id, until));
                held = Held::acquire(&path, alone, until.min(Instant::now() + LOOK_AGAIN))?;
                if Instant::now() >= until {
                    break;
                }
            }
        }
        let held = held.ok_or_else(|| LockError::Busy {
            path: path.clone(),
            waited: begin.elapsed(),
        })?;
        if inheritable {
            fcntl_setfd(&held.fd, FdFlags::empty()).map_err(|error| LockError::Io {
                path,
                source: error.into(),
            })?;
        }
        Ok(Self { held, ended })
    }

    /// The processes that were ended for it.
    #[must_use]
    pub fn ended(&self) -> &[u32] {
        &self.ended
    }
}

impl Drop for ContainerLock {
    fn drop(&mut self) {
        self.held.remove();
    }
}

/// Removes the locks of containers that nobody works on: killed processes leave them, and a container that nobody asks for any more
/// keeps its own for ever.
///
/// # Errors
/// The directory cannot be read.
pub fn remove_abandoned(cni_dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cni_dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if let Some(id) = name.strip_prefix(PREFIX) {
            let (now, never) = (Instant::now(), EndHolders::Never);
            // What somebody holds stays, and so does what is no lock.
            let _removed = ContainerLock::acquire(cni_dir, id, false, now, never);
        }
    }
    Ok(())
}

/// The lock on the node, `.lock`: shared by whatever works on one container, exclusive for what works on all. Never inherited;
/// dropping it releases it.
#[derive(Debug)]
pub struct NodeLock {
    _held: Held,
}

impl NodeLock {
    /// Takes it beside others that share it.
    ///
    /// # Errors
    /// [`LockError::Busy`] when it was not to be had `until` then, or the operating system.
    pub fn shared(cni_dir: &Path, until: Instant) -> Result<Self, LockError> {
        Self::acquire(cni_dir, FlockOperation::NonBlockingLockShared, until)
    }

    /// Takes it alone.
    ///
    /// # Errors
    /// [`LockError::Busy`] when it was not to be had `until` then, or the operating system.
    pub fn exclusive(cni_dir: &Path, until: Instant) -> Result<Self, LockError> {
        Self::acquire(cni_dir, FlockOperation::NonBlockingLockExclusive, until)
    }

    fn acquire(
        cni_dir: &Path,
        operation: FlockOperation,
        until: Instant,
    ) -> Result<Self, LockError> {
        let path = cni_dir.join(".lock");
        let begin = Instant::now();
        match Held::acquire(&path, operation, until)? {
            Some(held) => Ok(Self { _held: held }),
            None => Err(LockError::Busy {
                path,
                waited: begin.elapsed(),
            }),
        }
    }
}

/// That somebody works in a directory: a lock on the directory itself, so that nothing is left of it. Never inherited; dropping it
/// releases it.
#[derive(Debug)]
pub struct Presence(OwnedFd);

impl Presence {
    /// Beside others, once nobody is alone there.
    ///
    /// # Errors
    /// [`LockError::Busy`] when somebody was alone there `until` then, or the operating system, which may know no such directory.
    pub fn beside_others(directory: &Path, until: Instant) -> Result<Self, LockError> {
        let begin = Instant::now();
        let path = || directory.to_path_buf();
        let failed = |error: Errno| LockError::Io {
            path: path(),
            source: error.into(),
        };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = openat(CWD, directory, flags, Mode::empty()).map_err(failed)?;
        loop {
            match flock(&fd, FlockOperation::NonBlockingLockShared) {
                Ok(()) => return Ok(Self(fd)),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < until => {
                    thread::sleep(PAUSE);
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    return Err(LockError::Busy {
                        path: path(),
                        waited: begin.elapsed(),
                    });
                }
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Whether nobody else is there: then nobody comes until this is dropped. Else nobody need wait for this one any more.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        flock(&self.0, FlockOperation::NonBlockingLockExclusive).is_ok()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Closing would not do: a child that is just being started may have the descriptor as well.
        let _best_effort = flock(&self.0, FlockOperation::Unlock);
    }
}

/// What one process on the node does and the others leave to it. Never inherited; dropping it removes the file and releases
/// the lock.
#[derive(Debug)]
pub(crate) struct Turn(Held);

impl Turn {
    /// Tries once; `None` also where it cannot be tried.
    pub(crate) fn take(path: &Path) -> Option<Self> {
        let once = FlockOperation::NonBlockingLockExclusive;
        let held = Held::acquire(path, once, Instant::now()).ok()?;
        held.map(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.remove();
    }
}

#[derive(Debug)]
struct Held {
    fd: OwnedFd,
    path: PathBuf,
}

impl Held {
    /// Tries until the time is over. A lock that ends with its holder tells nobody, so this looks again and again, at most
    /// 20 ms apart.
    fn acquire(
        path: &Path,
        operation: FlockOperation,
        until: Instant,
    ) -> Result<Option<Self>, LockError> {
        let mut pause = Duration::from_millis(1);
        loop {
            match Self::attempt(path, operation) {
                Ok(Some(held)) if held.is_at_its_path() => return Ok(Some(held)),
                // Its last holder removed the file between our opening and locking it.
                Ok(Some(_removed)) if Instant::now() < until => continue,
                Ok(_) => {}
                Err(error) => {
                    return Err(LockError::Io {
                        path: path.to_path_buf(),
                        source: error,
                    });
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn attempt(path: &Path, operation: FlockOperation) -> io::Result<Option<Self>> {
        let fd = match open(path) {
            Err(Errno::NOENT) => {
                if let Some(directory) = path.parent() {
                    DirBuilder::new()
                        .recursive(true)
                        .mode(0o700)
                        .create(directory)?;
                }
                open(path)?
            }
            other => other?,
        };
        match flock(&fd, operation) {
            Ok(()) => Ok(Some(Self {
                fd,
                path: path.to_path_buf(),
            })),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the file under the lock: whoever waits for it will find that it is not the one at the path any more.
    fn remove(&self) {
        if self.is_at_its_path() {
            let _best_effort = unlink(&self.path);
        }
    }

    /// Whether the path still leads to the file that is locked.
    fn is_at_its_path(&self) -> bool {
        let (Ok(ours), Ok(there)) = (fstat(&self.fd), stat(&self.path)) else {
            return false;
        };
        (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing would not do: children may have the descriptor as well.
        let _best_effort = flock(&self.fd, FlockOperation::Unlock);
    }
}

fn open(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    match openat(CWD, path, flags | OFlags::RDWR | OFlags::CREATE, mode) {
        // Nothing is written into it: one that is there on a read-only disk is as good.
        Err(Errno::ROFS) => {
            openat(CWD, path, flags | OFlags::RDONLY, mode).map_err(|_| Errno::ROFS)
        }
        other => other,
    }
}
