//! A log file that many processes append to, and that is put aside when it is full.
//!
//! Whoever writes or renames the file holds an exclusive `flock` on it, and looks after locking whether the path still leads
//! to it. So nobody writes to a file that was put aside, and it can be compressed without losing a line. Somebody who is
//! stopped while he holds the lock keeps the others for [`PATIENCE`] only: they then write without, which appends as well, and
//! write once more where the file was put aside meanwhile. Such a line may stand twice.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{
    CWD, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat, fchmod, fchown, flock, fstat,
    openat, renameat_with, stat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::{PATIENCE, Rotation, backups};

/// How often a file is put aside under our hands before we take what we have.
const TRIES: u32 = 20;

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    /// What the path led to at the last line.
    open: Mutex<Option<File>>,
}

impl LogFile {
    pub(super) fn new(path: PathBuf, rotation: Rotation) -> Self {
        Self {
            path,
            rotation,
            open: Mutex::new(None),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line; the file and the directories above it are made where they are missing.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        let mut kept = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for attempt in 1..=TRIES {
            let file = match kept.take() {
                Some(file) => file,
                None => open(&self.path)?,
            };
            let lock = Locked::take(&file);
            let now = fstat(&file)?;
            if !leads_to(&self.path, &now) && attempt < TRIES {
                continue;
            }
            if lock.is_some() && self.is_full(&now, line) && attempt < TRIES {
                self.put_aside(&now)?;
                continue;
            }
            let is_kept = self.write(&file, line, lock.is_some())?;
            drop(lock);
            if is_kept || attempt == TRIES {
                *kept = Some(file);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Compresses and removes what was put aside.
    pub(super) fn tidy(&self, deadline: Instant) -> io::Result<()> {
        backups::tidy(&self.path, &self.rotation, SystemTime::now(), deadline)
    }

    /// Writes a line; whether it stays. Without the lock, the file may have been put aside and read for the last time before.
    pub(super) fn write(&self, file: &File, line: &str, is_locked: bool) -> io::Result<bool> {
        // One call: a line that does not go in whole is cut by a full disk and nothing else.
        (&*file).write_all(line.as_bytes())?;
        Ok(is_locked || leads_to(&self.path, &fstat(file)?))
    }

    /// Pipes and devices are never full.
    fn is_full(&self, now: &Stat, line: &str) -> bool {
        let size = u64::try_from(now.st_size).unwrap_or_default();
        let regular = FileType::from_raw_mode(now.st_mode) == FileType::RegularFile;
        regular && size > 0 && size + line.len() as u64 > self.rotation.max_bytes
    }

    /// Gives the file its old name and makes a new one, for the same people. Under the lock.
    fn put_aside(&self, old: &Stat) -> io::Result<()> {
        loop {
            let backup = backups::name(&self.path, SystemTime::now());
            match rename_new(&self.path, &backup) {
                Ok(()) => break,
                // Two within a millisecond.
                Err(Errno::EXIST) => thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(error.into()),
            }
        }
        let new = open(&self.path)?;
        keep_owner(&new, old);
        Ok(())
    }
}

/// Mode and owner of a file for one that takes its place; somebody may have made it readable for a log collector.
pub(super) fn keep_owner(file: &File, like: &Stat) {
    let _best_effort = fchown(
        file,
        Some(Uid::from_raw(like.st_uid)),
        Some(Gid::from_raw(like.st_gid)),
    );
    let _best_effort = fchmod(file, Mode::from_raw_mode(like.st_mode & 0o777));
}

/// Whether the path leads to this file.
pub(super) fn leads_to(path: &Path, file: &Stat) -> bool {
    stat(path).is_ok_and(|there| (there.st_dev, there.st_ino) == (file.st_dev, file.st_ino))
}

/// Renames, but not over something that is there.
fn rename_new(from: &Path, to: &Path) -> Result<(), Errno> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot; nobody else renames this file while it is locked.
        Err(Errno::INVAL | Errno::NOSYS) if stat(to).is_ok() => Err(Errno::EXIST),
        Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::rename(from, to),
        other => other,
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Without NONBLOCK, a pipe would be waited for.
    let flags = OFlags::WRONLY
        | OFlags::APPEND
        | OFlags::CREATE
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    let fd = match openat(CWD, path, flags, mode) {
        Err(Errno::NOENT) => {
            if let Some(directory) = path.parent() {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o755)
                    .create(directory)?;
            }
            openat(CWD, path, flags, mode)?
        }
        other => other?,
    };
    Ok(File::from(fd))
}

/// An exclusive lock on an open file, for as long as this lives.
#[derive(Debug)]
pub(super) struct Locked<'a, Fd: AsFd>(&'a Fd);

impl<'a, Fd: AsFd> Locked<'a, Fd> {
    /// Waits for others, who hold it for microseconds each, but not for one who does not let go.
    fn take(file: &'a Fd) -> Option<Self> {
        let end = Instant::now() + PATIENCE;
        let mut pause = Duration::from_micros(20);
        loop {
            if let Some(lock) = Self::try_take(file) {
                return Some(lock);
            }
            if Instant::now() >= end {
                return None;
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
    }

    pub(super) fn try_take(file: &'a Fd) -> Option<Self> {
        flock(file, FlockOperation::NonBlockingLockExclusive)
            .is_ok()
            .then_some(Self(file))
    }
}

impl<Fd: AsFd> Drop for Locked<'_, Fd> {
    fn drop(&mut self) {
        let _best_effort = flock(self.0, FlockOperation::Unlock);
    }
}
