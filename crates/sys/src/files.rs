//! Files that other programs rely on: written whole or not at all, read within a limit, never through a symbolic link that
//! somebody put there.
//!
//! A temporary file lies beside its target and is called `.tmp-…`, which no loader of CNI configuration and no reader of our
//! directories takes for one of its own.

mod cache;
mod candidates;
mod device_info;
mod directory;
mod install;
mod ledger;
mod listing;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;

pub use cache::DirCache;
pub use candidates::primary_candidates;
pub use device_info::DeviceInfoDirs;
pub use directory::make_directory;
use directory::{Directory, Owner, Temporary};
pub use install::{Installed, install};
pub use ledger::{DirLedger, PendingSync, Written};
pub use listing::{Listing, config_dir_listing, look};

/// What a file could not be used for.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("failed to {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// A symbolic link, directory, pipe or device where a file belongs.
    #[error("failed to read {path}: not a regular file", path = path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// More bytes than any honest file of its kind has.
    #[error("failed to read {path}: larger than {max} bytes", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        max: u64,
    },
    /// A file in a directory of ours that neither root nor we wrote.
    #[error("failed to read {path}: belongs to user {owner}", path = path.display())]
    ForeignOwner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// A name that would lead out of the directory, or to a file that is not an entry.
    #[error("failed to use {name:?} as the name of an entry of {directory}", directory = directory.display())]
    BadName {
        /// The name.
        name: String,
        /// The directory.
        directory: PathBuf,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.to_path_buf(),
            source: source.into(),
        }
    }

    /// The kind that an [`io::Error`] made of this has.
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::Io { source, .. } => source.kind(),
            // There is something, and it is not what it should be.
            Self::NotRegular { .. } | Self::TooLarge { .. } | Self::ForeignOwner { .. } => {
                io::ErrorKind::InvalidData
            }
            Self::BadName { .. } => io::ErrorKind::InvalidFilename,
        }
    }
}

impl FileError {
    /// Whether it is for want of descriptors or memory, or a disk's fault: that says nothing of the file.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        const PASSING: [Errno; 6] = [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOMEM,
            Errno::IO,
            Errno::INTR,
            Errno::AGAIN,
        ];
        let Self::Io { source, .. } = self else {
            return false;
        };
        let is = |errno: &Errno| source.raw_os_error() == Some(errno.raw_os_error());
        PASSING.iter().any(is)
    }

    /// The name of a file that is there and cannot be read. What is no file is none (Q89).
    #[must_use]
    pub fn unread_file(&self) -> Option<String> {
        let path = match self {
            Self::Io { path, .. } | Self::TooLarge { path, .. } => path,
            _ => return None,
        };
        Some(path.file_name()?.to_string_lossy().into_owned())
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// What [`write_atomic`] waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Nothing. After a power cut the file may have the old bytes, the new ones, or none.
    None,
    /// The bytes before the file gets its name, and the name before the call returns.
    FileAndDir,
}

/// Replaces `path`, whose directory must exist, by a file with these bytes and exactly this mode. Readers see what was there
/// before or all of the new bytes; on failure nothing changes and no temporary file stays.
///
/// # Errors
/// [`FileError::Io`], naming the step and the file.
pub fn write_atomic(
    path: &Path,
    bytes: &[u8],
    mode: u32,
    durability: Durability,
) -> Result<(), FileError> {
    let (directory, name) = directory::split(path)?;
    let directory = Directory::open(directory)?;
    let sync = durability == Durability::FileAndDir;
    directory.replace(name, bytes, mode, sync, Temporary::OfProcess)?;
    match durability {
        Durability::None => Ok(()),
        Durability::FileAndDir => directory.sync(),
    }
}

/// As [`write_atomic`] with [`Durability::FileAndDir`]. The file stays open: while it does, no other has its number, by which
/// its writer tells it from what others put in its place.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_held(path: &Path, bytes: &[u8], mode: u32) -> Result<File, FileError> {
    let (directory, name) = directory::split(path)?;
    let directory = Directory::open(directory)?;
    let file = directory.replace_held(name, bytes, mode)?;
    directory.sync()?;
    Ok(file)
}

/// Removes a file. That there is none is success; its name is gone from the disk when this returns.
///
/// # Errors
/// [`FileError::Io`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    let (directory, name) = directory::split(path)?;
    let Some(directory) = Directory::open_existing(directory)? else {
        return Ok(());
    };
    directory.remove(name)?;
    directory.sync()
}

/// The bytes of a regular file, or `None` if there is no such file.
///
/// # Errors
/// A symbolic link, anything else that is not a regular file, more than `max` bytes, or the operating system.
pub fn read_bounded(path: &Path, max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let (directory, name) = directory::split(path)?;
    match Directory::open_existing(directory)? {
        Some(directory) => directory.read(name, max, Owner::Any),
        None => Ok(None),
    }
}

/// As [`read_bounded`], for files that only root and we write: what somebody else wrote is not read.
///
/// # Errors
/// As [`read_bounded`], and a file that is somebody else's.
pub fn read_trusted(path: &Path, max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let (directory, name) = directory::split(path)?;
    match Directory::open_existing(directory)? {
        Some(directory) => directory.read(name, max, Owner::Trusted),
        None => Ok(None),
    }
}

/// As [`read_bounded`], for files that people lay out: a symbolic link is followed, as mounted configuration has them.
///
/// # Errors
/// Anything that is not a regular file in the end, more than `max` bytes, or the operating system.
pub fn read_following(path: &Path, max: u64) -> Result<Option<Vec<u8>>, FileError> {
    let (directory, name) = directory::split(path)?;
    match Directory::open_existing(directory)? {
        Some(directory) => directory.read_following(name, max),
        None => Ok(None),
    }
}

/// No write takes so long.
const OLD: Duration = Duration::from_secs(60);

/// Removes temporary files that a killed [`write_atomic`] left in `directory`, where others may be writing.
///
/// # Errors
/// [`FileError::Io`] when the directory cannot be read or a file not be removed.
pub fn remove_old_temporaries(directory: &Path) -> Result<(), FileError> {
    let Some(directory) = Directory::open_existing(directory)? else {
        return Ok(());
    };
    let names = directory.names()?;
    let ours = names
        .iter()
        .filter(|name| directory::is_of_a_process(name))
        .filter(|name| directory.is_older(name, OLD));
    ours.into_iter()
        .try_for_each(|name| directory.remove(name.as_ref()))
}

/// Removes temporary files that a killed process left in `directory`, and says how many there were. Only for a caller that
/// keeps all writers out (the exclusive node lock).
///
/// # Errors
/// [`FileError::Io`] when the directory cannot be read or a file not be removed.
pub fn remove_temporaries(directory: &Path) -> Result<usize, FileError> {
    let Some(directory) = Directory::open_existing(directory)? else {
        return Ok(0);
    };
    let mut count = 0;
    for name in directory
        .names()?
        .iter()
        .filter(|name| name.starts_with(directory::TEMPORARY))
    {
        directory.remove(name.as_ref())?;
        count += 1;
    }
    Ok(count)
}
