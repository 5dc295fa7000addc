//! Where it is written what has to be undone: one file per container.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};

use super::FileError;
use super::directory::{Directory, Owner, Temporary, check_name, check_size, sync_file};

/// More than any set of delegates takes.
const MAX: u64 = 16 << 20;

/// The directory of ledgers, `<cniDir>`, with one file per container id. It comes into being with the first ledger; only we may
/// look into it.
#[derive(Debug, Clone)]
pub struct DirLedger {
    path: PathBuf,
}

impl DirLedger {
    /// The ledgers of a CNI directory.
    #[must_use]
    pub fn new(cni_dir: &Path) -> Self {
        Self {
            path: cni_dir.to_path_buf(),
        }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the ledger of a container, for whoever has locked it. When this returns, every other process sees it; for a power cut see [`Written`].
    ///
    /// # Errors
    /// A name that is no container id, more bytes than are read back, or the operating system. The old ledger, if any, is
    /// still there then.
    pub fn write(&self, container_id: &str, bytes: &[u8]) -> Result<Written, FileError> {
        check_name(container_id, &self.path)?;
        check_size(bytes, MAX, &self.path.join(container_id))?;
        let directory = Directory::open_or_create(&self.path, 0o700)?;
        let file =
            directory.replace_unsynced(container_id.as_ref(), bytes, 0o600, Temporary::OfFile)?;
        Ok(Written {
            file,
            name: container_id.to_owned(),
            directory,
        })
    }

    /// The ledger of a container, or `None`.
    ///
    /// # Errors
    /// A name that is no container id, a file that is not ours or not regular, or the operating system.
    pub fn read(&self, container_id: &str) -> Result<Option<Vec<u8>>, FileError> {
        match self.existing(container_id)? {
            Some(directory) => directory.read(container_id.as_ref(), MAX, Owner::Trusted),
            None => Ok(None),
        }
    }

    /// Forgets a container. That it is unknown is success.
    ///
    /// # Errors
    /// A name that is no container id, or the operating system.
    pub fn remove(&self, container_id: &str) -> Result<(), FileError> {
        match self.existing(container_id)? {
            Some(directory) => directory.remove_with_temporary(container_id.as_ref()),
            None => Ok(()),
        }
    }

    /// All containers with a ledger, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<String>, FileError> {
        let Some(directory) = Directory::open_existing(&self.path)? else {
            return Ok(Vec::new());
        };
        let mut names = directory.names()?;
        names.retain(|name| !name.starts_with('.') && directory.is_file(name));
        Ok(names)
    }

    fn existing(&self, container_id: &str) -> Result<Option<Directory>, FileError> {
        check_name(container_id, &self.path)?;
        Directory::open_existing(&self.path)
    }
}

/// A ledger that every process sees, but that a power cut may still take or leave empty. Dropping this is fine where that does
/// not matter.
#[derive(Debug)]
pub struct Written {
    file: File,
    name: String,
    directory: Directory,
}

impl Written {
    /// Waits until file and name are on disk.
    ///
    /// # Errors
    /// [`FileError::Io`] when the disk cannot take them.
    pub fn sync(&self) -> Result<(), FileError> {
        sync_file(&self.file, &self.directory.path().join(&self.name))?;
        self.directory.sync()
    }

    /// The same on a thread, so that delegates run meanwhile. A file system without a disk has nothing to wait for.
    ///
    /// # Errors
    /// [`FileError::Io`] when there is no thread to be had.
    pub fn sync_in_background(self) -> Result<PendingSync, FileError> {
        let path = self.directory.path().join(&self.name);
        if self.directory.is_in_memory() {
            return Ok(PendingSync { thread: None, path });
        }
        let thread = Builder::new()
            .name("ledger-sync".to_owned())
            .spawn(move || self.sync());
        match thread {
            Ok(thread) => Ok(PendingSync {
                thread: Some(thread),
                path,
            }),
            Err(error) => Err(FileError::io("sync", &path, error)),
        }
    }
}

/// A ledger on its way to the disk.
#[derive(Debug)]
#[must_use = "an ADD has not succeeded before its ledger is on disk"]
pub struct PendingSync {
    thread: Option<JoinHandle<Result<(), FileError>>>,
    path: PathBuf,
}

impl PendingSync {
    /// Waits until file and name are on disk.
    ///
    /// # Errors
    /// [`FileError::Io`] when the disk could not take them.
    pub fn wait(self) -> Result<(), FileError> {
        let panicked = |_| {
            Err(FileError::io(
                "sync",
                &self.path,
                io::Error::other("the thread panicked"),
            ))
        };
        match self.thread {
            Some(thread) => thread.join().unwrap_or_else(panicked),
            None => Ok(()),
        }
    }
}
