//! The directory outside the checkout that keeps what was built: one builder at a time, and nothing half-finished visible.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// Unfinished entries begin with this; whoever holds the lock may remove them.
const UNFINISHED: &str = ".unfinished-";

/// The right to change the cache, held until it is dropped.
#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    _lock: File,
}

/// Where parts are kept.
pub(super) fn root() -> anyhow::Result<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base = absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME names a directory for the cache of test parts")?;
    Ok(base.join("multus-rs/tools"))
}

/// Returns the finished entry, or lets `fill` write it into an empty directory first.
pub(super) fn entry(
    name: &str,
    fill: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let path = root()?.join(name);
    if path.is_dir() {
        return Ok(path);
    }
    let cache = Cache::lock(root()?)?;
    if path.is_dir() {
        return Ok(path);
    }
    let unfinished = cache.unfinished(name)?;
    fill(&unfinished)?;
    fs::rename(&unfinished, &path)
        .with_context(|| format!("failed to move what was built to {}", path.display()))?;
    Ok(path)
}

impl Cache {
    /// Waits until no other process builds.
    pub(super) fn lock(root: PathBuf) -> anyhow::Result<Self> {
        fs::create_dir_all(&root)
            .with_context(|| format!("failed to create the cache {}", root.display()))?;
        let path = root.join(".lock");
        let lock =
            File::create(&path).with_context(|| format!("failed to open {}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                say(&format!(
                    "somebody else provides test parts, waiting for {}",
                    path.display()
                ));
                lock.lock()
                    .with_context(|| format!("failed to lock {}", path.display()))?;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("failed to lock {}", path.display()));
            }
        }
        Ok(Self { root, _lock: lock })
    }

    /// An empty directory to build in, after what interrupted builders left has been removed.
    fn unfinished(&self, name: &str) -> anyhow::Result<PathBuf> {
        for entry in fs::read_dir(&self.root)
            .with_context(|| format!("failed to list {}", self.root.display()))?
        {
            let entry = entry?;
            if is_unfinished(&entry.file_name()) {
                fs::remove_dir_all(entry.path())
                    .with_context(|| format!("failed to remove {}", entry.path().display()))?;
            }
        }
        let path = self.root.join(format!("{UNFINISHED}{name}"));
        fs::create_dir(&path).with_context(|| format!("failed to create {}", path.display()))?;
        Ok(path)
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
}

/// A line for whoever watches. Written to stderr itself, because the test harness holds back what `eprintln!` prints.
pub(super) fn say(line: &str) {
    // Nobody may be listening, and no test depends on it.
    let _ = writeln!(std::io::stderr(), "testkit: {line}");
}

/// FNV-1a: the names in the cache have to be the same with every Rust release, which `DefaultHasher` does not promise.
pub(super) fn hash(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_depends_on_where_one_part_ends() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_eq!(hash(&[]), 0xcbf2_9ce4_8422_2325);
    }

    #[test]
    fn what_an_interrupted_builder_left_is_removed() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(".unfinished-old/bin")).unwrap();
        fs::create_dir(root.path().join("finished")).unwrap();

        let cache = Cache::lock(root.path().to_owned()).unwrap();
        let path = cache.unfinished("new").unwrap();

        assert!(path.is_dir());
        assert!(root.path().join("finished").is_dir());
        assert!(!root.path().join(".unfinished-old").exists());
    }
}
