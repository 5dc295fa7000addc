//! `thin_entrypoint`: puts the thin plugin on the node, writes its configuration and its kubeconfig, and keeps both as the
//! primary's file and the account's token are (B1.60–B1.86, B6.140–B6.150).

mod document;
mod keeper;
mod kubeconfig;
mod options;

use std::io;
use std::process::ExitCode;

use sys::files::FileError;
use sys::watch::DirWatcher;
use tokio::runtime::{Builder, Runtime};
use tokio::task::spawn_blocking;

use crate::flags::Values;
use crate::signals::Signals;
use keeper::Keeper;
use kubeconfig::Account;
use options::Options;

pub(crate) use options::FLAGS;

/// Why there is nothing to keep: nobody would mend it while this waits.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("--{flag}: {path} is missing")]
    Missing { flag: &'static str, path: String },
    #[error("--multus-log-level: {0:?} is none of debug, error, panic, verbose")]
    LogLevel(String),
    #[error("--multus-conf-file: {0} names no file")]
    NoFileName(String),
    #[error("--multus-conf-file: {file} is no configuration: {reason}")]
    OwnFile { file: String, reason: String },
    #[error("{0} is not set: this program runs in a pod")]
    NoService(&'static str),
    #[error(
        "{file}: its cniVersion is {found}, not the {wanted} of --cni-version; --force-cni-version would change it"
    )]
    Version {
        file: String,
        found: String,
        wanted: String,
    },
    #[error("--cni-version: {0}")]
    NoVersion(String),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{0}")]
    Account(String),
    #[error("failed to encode the configuration: {0}")]
    Encode(#[from] gojson::Error),
    #[error("failed to begin: {0}")]
    Start(#[from] io::Error),
}

pub(crate) fn run(flags: &Values) -> ExitCode {
    let done = begin(flags).and_then(|(runtime, keeper)| {
        let ended = runtime.block_on(keep(keeper));
        // Whoever asked twice does not wait.
        runtime.shutdown_background();
        ended
    });
    match done {
        Ok(code) => code,
        Err(failure) => {
            sys::complain!("thin_entrypoint: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn begin(flags: &Values) -> Result<(Runtime, Keeper), Failure> {
    let options = Options::new(flags)?;
    let account = Account::of_the_pod(options.skip_tls_verify)?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok((runtime, Keeper::new(options, account)))
}

/// Until the first signal; a second one ends the program at once.
async fn keep(mut keeper: Keeper) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new()?;
    let watcher = DirWatcher::new()?;
    let stop = watcher.stop();
    let mut work = spawn_blocking(move || keeper.run(&watcher));
    let done = tokio::select! {
        done = &mut work => done,
        () = signals.next() => {
            stop.stop();
            tokio::select! {
                done = work => done,
                () = signals.next() => return Ok(ExitCode::FAILURE),
            }
        }
    };
    done.map_err(io::Error::other)??;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
