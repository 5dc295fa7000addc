//! Where the results of attachments are kept.

use std::io;
use std::path::{Path, PathBuf};

use cni::cache::CacheStore;

use super::FileError;
use super::directory::{Directory, Owner, Temporary, check_name, check_size};

/// More than any result and its configuration take.
const MAX: u64 = 16 << 20;

/// The directory `<cniDir>/results`, each entry written by whoever has locked its container. It comes into being with the first entry; only we may look into it.
#[derive(Debug, Clone)]
pub struct DirCache {
    path: PathBuf,
}

impl DirCache {
    /// The results below a CNI directory.
    #[must_use]
    pub fn below(cni_dir: &Path) -> Self {
        Self {
            path: cni_dir.join("results"),
        }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn existing(&self, name: &str) -> Result<Option<Directory>, FileError> {
        check_name(name, &self.path)?;
        Directory::open_existing(&self.path)
    }
}

impl CacheStore for DirCache {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        check_name(name, &self.path)?;
        check_size(bytes, MAX, &self.path.join(name))?;
        Directory::open_or_create(&self.path, 0o700)?.replace(
            name.as_ref(),
            bytes,
            0o600,
            false,
            Temporary::OfFile,
        )?;
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match self.existing(name)? {
            Some(directory) => Ok(directory.read(name.as_ref(), MAX, Owner::Trusted)?),
            None => Ok(None),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match self.existing(name)? {
            Some(directory) => Ok(directory.remove_with_temporary(name.as_ref())?),
            None => Ok(()),
        }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let Some(directory) = Directory::open_existing(&self.path)? else {
            return Ok(Vec::new());
        };
        let mut names = directory.names()?;
        names.retain(|name| !name.starts_with('.') && directory.is_file(name));
        Ok(names)
    }
}
