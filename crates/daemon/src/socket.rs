//! The socket's place in the file system.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use plugin::LOG;

/// Its name in `socketDir` (B6.10).
const NAME: &str = "multus.sock";
/// What it is called until it takes its place. One daemon at a time uses the name: process ids do not tell daemons of several
/// containers apart.
const BESIDE: &str = ".multus.sock";
/// How long another one may take for that before the first time.
const TURN: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Nobody can be served.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub(crate) struct SocketError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Where a daemon's socket lies.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join(NAME)
}

/// Our socket.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
    /// Device and inode.
    identity: Option<(u64, u64)>,
    /// Why it is not in its place, as far as that was told.
    trouble: Option<String>,
}

impl Socket {
    /// Listens, for root alone. The socket takes the place of a predecessor's in one step: there is no moment without one.
    /// Everything else in the directory stays as it is (Q55).
    pub(crate) fn bind(directory: &Path) -> Result<(Self, UnixListener), SocketError> {
        Self::bind_within(directory, TURN)
    }

    /// The same, where another one that binds at the time may take so long.
    fn bind_within(
        directory: &Path,
        patience: Duration,
    ) -> Result<(Self, UnixListener), SocketError> {
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| SocketError {
                action,
                path,
                source,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(failed("create directory", directory))?;
        let (path, beside) = (path(directory), directory.join(BESIDE));
        let _turn = turn(directory, patience).map_err(failed("lock", directory))?;
        // Of one who was killed in between.
        let _none = fs::remove_file(&beside);
        let listener = UnixListener::bind(&beside).map_err(failed("bind", &beside))?;
        // By its name of now: the other one may be a successor's a moment after it was ours.
        let identity = identity(&beside);
        let placed = fs::set_permissions(&beside, Permissions::from_mode(0o600))
            .and_then(|()| fs::rename(&beside, &path));
        if let Err(source) = placed {
            let _gone = fs::remove_file(&beside);
            return Err(failed("put the socket at", &path)(source));
        }
        let socket = Self {
            path,
            identity,
            trouble: None,
        };
        Ok((socket, listener))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Binds again where the socket is gone, as it is when a daemon of upstream's has ended in the same place, or where
    /// nobody listens on what lies there. A successor's stays. Nobody waits: whoever looks serves all others.
    pub(crate) fn look(&mut self) -> Option<UnixListener> {
        let there = identity(&self.path);
        if there.is_some() && there == self.identity {
            self.trouble = None;
            return None;
        }
        let (path, directory) = (self.path.display(), self.path.parent()?);
        let trouble = if there.is_some() && sys::socket::is_served(&self.path) {
            format!("somebody else listens on {path}")
        } else {
            match Self::bind_within(directory, Duration::ZERO) {
                Ok((socket, listener)) => {
                    LOG.warning(format_args!(
                        "somebody removed {path}, where plugins ask: it is there again"
                    ));
                    *self = socket;
                    return Some(listener);
                }
                Err(error) => format!("somebody removed {path}, where plugins ask: {error}"),
            }
        };
        if self.trouble.as_ref() != Some(&trouble) {
            LOG.warning(&trouble);
            self.trouble = Some(trouble);
        }
        None
    }

    /// Takes it away, unless it is another's by now.
    pub(crate) fn remove(&self) {
        if self.identity.is_none() || identity(&self.path) != self.identity {
            return;
        }
        if let Err(error) = fs::remove_file(&self.path) {
            LOG.warning(format_args!(
                "cannot remove {}: {error}",
                self.path.display()
            ));
        }
    }
}

/// The turn among the daemons that bind here, until this is dropped.
fn turn(directory: &Path, patience: Duration) -> io::Result<File> {
    let (opened, until) = (File::open(directory)?, Instant::now() + patience);
    loop {
        match opened.try_lock() {
            Ok(()) => return Ok(opened),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another daemon binds its socket there"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let about = fs::symlink_metadata(path).ok()?;
    Some((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_successor_takes_the_place_and_its_predecessor_leaves_it_alone() {
        // B6.94, Q55: nothing else in the directory is touched
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("run/multus");
        let (first, _listens) = Socket::bind(&directory).unwrap();
        fs::create_dir(directory.join("other")).unwrap();
        let mode = fs::metadata(first.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let (second, listener) = Socket::bind(&directory).unwrap();
        first.remove();
        UnixStream::connect(second.path()).unwrap();
        listener.accept().unwrap();
        assert_eq!(names(&directory), ["multus.sock", "other"]);

        second.remove();
        assert_eq!(names(&directory), ["other"]);
    }

    #[test]
    fn a_socket_that_a_killed_daemon_left_is_no_obstacle() {
        // B6.93
        let folder = tempfile::tempdir().unwrap();
        let (left, listener) = Socket::bind(folder.path()).unwrap();
        drop(listener);
        assert!(UnixStream::connect(left.path()).is_err());
        let (_socket, _listener) = Socket::bind(folder.path()).unwrap();
        UnixStream::connect(left.path()).unwrap();
    }

    #[test]
    fn daemons_that_bind_at_the_same_time_do_so_one_after_the_other() {
        // Each may have the process id of the other, in a container of its own.
        let folder = tempfile::tempdir().unwrap();
        let taken = turn(folder.path(), TURN).unwrap();
        let bind = || Socket::bind(folder.path());
        std::thread::scope(|scope| {
            let both = [scope.spawn(bind), scope.spawn(bind)];
            drop(taken);
            let both = both.map(|bound| bound.join().unwrap().unwrap());
            let served = both
                .iter()
                .filter(|(socket, _)| identity(socket.path()) == socket.identity);
            assert_eq!(served.count(), 1);
            UnixStream::connect(path(folder.path())).unwrap();
        });
        assert_eq!(names(folder.path()), [NAME]);

        let _taken = turn(folder.path(), TURN).unwrap();
        let error = bind().unwrap_err().to_string();
        assert!(
            error.ends_with(": another daemon binds its socket there"),
            "{error}"
        );
    }

    #[test]
    fn what_a_daemon_that_was_killed_while_it_bound_has_left_gives_way() {
        let folder = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(folder.path().join(BESIDE)).unwrap());
        let (_socket, _listener) = Socket::bind(folder.path()).unwrap();
        assert_eq!(names(folder.path()), [NAME]);
    }

    #[test]
    fn a_socket_that_somebody_removed_or_left_dead_in_its_place_is_bound_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut socket, _first) = Socket::bind(folder.path()).unwrap();
        assert!(socket.look().is_none());
        fs::remove_file(socket.path()).unwrap();
        let second = socket.look().unwrap();
        assert!(socket.look().is_none());
        UnixStream::connect(socket.path()).unwrap();
        second.accept().unwrap();
        fs::remove_file(socket.path()).unwrap();
        drop(UnixListener::bind(socket.path()).unwrap());
        assert!(socket.look().is_some());
        socket.remove();
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn whoever_looks_does_not_wait_for_another_that_binds() {
        const LOOKS: u32 = 20;
        let folder = tempfile::tempdir().unwrap();
        let (mut socket, _listens) = Socket::bind(folder.path()).unwrap();
        fs::remove_file(socket.path()).unwrap();
        let taken = turn(folder.path(), TURN).unwrap();
        let start = Instant::now();
        for _ in 0..LOOKS {
            assert!(socket.look().is_none());
        }
        assert!(start.elapsed() < TURN * LOOKS / 2, "{:?}", start.elapsed());
        drop(taken);
        assert!(socket.look().is_some());
    }

    #[test]
    fn a_successors_socket_stays_and_so_does_what_cannot_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (mut first, _listens) = Socket::bind(folder.path()).unwrap();
        let (mut second, _listens_too) = Socket::bind(folder.path()).unwrap();
        assert!(first.look().is_none() && first.trouble.is_some());
        assert!(second.look().is_none() && second.trouble.is_none());
        fs::remove_file(second.path()).unwrap();
        fs::create_dir(second.path()).unwrap();
        assert!(second.look().is_none());
        let trouble = second.trouble.clone().unwrap();
        assert!(trouble.contains(": put the socket at "), "{trouble}");
    }

    #[test]
    fn what_stands_in_the_way_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        let error = Socket::bind(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("put the socket at /"), "{error}");
        assert_eq!(names(folder.path()), [NAME]);

        let file = folder.path().join("file");
        let _no_directory = UnixListener::bind(&file).unwrap();
        let error = Socket::bind(&file).unwrap_err().to_string();
        assert!(error.starts_with("create directory /"), "{error}");
    }
}
