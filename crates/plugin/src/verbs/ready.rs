//! The file that says that the default network is there: configuration key `readinessindicatorfile` (B4.23, B4.102).

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan::NetConf;

use crate::journal::LOG;

/// As long as upstream waits (B4.4).
const WAIT: Duration = Duration::from_secs(45);

/// The file did not come.
#[derive(Debug, thiserror::Error)]
#[error(
    "have you checked that your default network is ready? still waiting for readinessindicatorfile @ {path} after {seconds:.1} s",
    path = path.display(),
    seconds = waited.as_secs_f64()
)]
pub(super) struct NotReady {
    path: PathBuf,
    waited: Duration,
}

/// Waits until the file is there: 45 seconds at most, and not beyond the deadline.
pub(super) fn wait(conf: &NetConf, deadline: Instant) -> Result<(), NotReady> {
    let Some(path) = path(conf).filter(|path| !sys::wait::is_there(path)) else {
        return Ok(());
    };
    let begin = Instant::now();
    LOG.verbose(format_args!(
        "waiting for readinessindicatorfile @ {}",
        path.display()
    ));
    let turn = conf.cni_dir.join(".watch");
    let came = sys::wait::wait_for_file(&path, deadline.min(begin + WAIT), &turn);
    let waited = begin.elapsed();
    if !came {
        return Err(NotReady { path, waited });
    }
    LOG.verbose(format_args!(
        "readinessindicatorfile @ {} came after {:.1} s",
        path.display(),
        waited.as_secs_f64()
    ));
    Ok(())
}

/// Detaching needs no default network: it goes on without the file, and says so.
pub(super) fn mention(conf: &NetConf) {
    if let Some(path) = path(conf).filter(|path| !sys::wait::is_there(path)) {
        LOG.verbose(format_args!(
            "no readinessindicatorfile @ {}: the default network may not be ready; detaching all the same",
            path.display()
        ));
    }
}

/// The path, absolute and clean.
fn path(conf: &NetConf) -> Option<PathBuf> {
    let path: &Path = conf.readiness_indicator_file.as_deref()?;
    Some(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}
