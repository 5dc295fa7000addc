//! One API server for all tests of a process.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;

use super::ApiServer;

const PREFIX: &str = "multus-rs-api-";
/// A directory that is younger may not be locked yet.
const GRACE: Duration = Duration::from_secs(60);

impl ApiServer {
    /// The API server of this process, started by whoever asks first, with NetworkAttachmentDefinition known.
    ///
    /// Its files lie in the directory for temporary files. Nothing runs when a test process ends, so the next one removes them.
    pub fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: Shared = OnceLock::new();
        once(&SHARED, |api| api.client().apply_definition_crd())
    }

    /// The same, another one, as a cluster is before anything is installed in it; `prepare` is done once.
    pub fn shared_bare(
        prepare: impl FnOnce(&Self) -> anyhow::Result<()>,
    ) -> anyhow::Result<&'static Self> {
        static SHARED: Shared = OnceLock::new();
        once(&SHARED, prepare)
    }
}

/// A server and the lock on its directory, or why there is none.
type Shared = OnceLock<Result<(ApiServer, File), String>>;

fn once(
    shared: &'static Shared,
    prepare: impl FnOnce(&ApiServer) -> anyhow::Result<()>,
) -> anyhow::Result<&'static ApiServer> {
    let started = shared.get_or_init(|| {
        start(&std::env::temp_dir(), prepare).map_err(|error| format!("{error:#}"))
    });
    match started {
        Ok((api, _lock)) => Ok(api),
        Err(message) => Err(anyhow::anyhow!("{message}")),
    }
}

fn start(
    temporary: &Path,
    prepare: impl FnOnce(&ApiServer) -> anyhow::Result<()>,
) -> anyhow::Result<(ApiServer, File)> {
    // What cannot be removed belongs to somebody else.
    let _ = sweep(temporary);
    let directory = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(temporary)?
        .keep();
    let lock = File::create(lock_of(&directory))?;
    lock.try_lock()
        .with_context(|| format!("failed to lock {}", directory.display()))?;
    let api = ApiServer::start(&directory)?;
    prepare(&api)?;
    Ok((api, lock))
}

fn lock_of(directory: &Path) -> PathBuf {
    directory.join("lock")
}

/// Removes the directories of test processes that are gone.
fn sweep(temporary: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(temporary)? {
        let entry = entry?;
        let ours = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes());
        if ours && is_abandoned(&entry.path()) {
            // Somebody else may be sweeping as well.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

fn is_abandoned(directory: &Path) -> bool {
    let lock = File::open(lock_of(directory));
    let age = fs::metadata(directory)
        .and_then(|metadata| metadata.modified())
        .ok()
        .and_then(|time| time.elapsed().ok());
    age.is_some_and(|age| age > GRACE) && lock.is_ok_and(|lock| lock.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_in_use_and_young_directory_stay() {
        let temporary = tempfile::tempdir().unwrap();
        let make = |name: &str, age: Duration| {
            let path = temporary.path().join(name);
            fs::create_dir(&path).unwrap();
            let lock = File::create(lock_of(&path)).unwrap();
            File::open(&path)
                .unwrap()
                .set_modified(std::time::SystemTime::now() - age)
                .unwrap();
            (path, lock)
        };
        let (used, used_lock) = make("multus-rs-api-used", GRACE * 2);
        let (young, _) = make("multus-rs-api-young", Duration::ZERO);
        let (left, _) = make("multus-rs-api-left", GRACE * 2);
        let (other, _) = make("other", GRACE * 2);
        used_lock.lock().unwrap();

        sweep(temporary.path()).unwrap();

        assert!(used.exists() && young.exists() && other.exists());
        assert!(!left.exists());
    }
}
