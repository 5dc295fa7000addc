//! `kubeconfig_generator`: a certificate of the node's own, kept fresh, and a kubeconfig that names it (B1.100–B1.103).

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use cluster::{
    CertificateError, Certificates, ClusterError, Limits, Live, NodeCertificate, Renewal,
};
use sys::environment;
use sys::files::{FileError, make_directory, remove, write_held};
use tokio::runtime::{Builder, Handle};
use tokio::time::sleep;

use crate::flags::{Flag, Flags, Values};
use crate::signals::Signals;

pub(crate) const FLAGS: Flags = &[
    Flag::text("certdir", "/tmp", "directory of the certificates"),
    Flag::text(
        "bootstrap-config",
        "/tmp/kubeconfig",
        "kubeconfig that may ask for the first certificate",
    ),
    Flag::text(
        "kubeconfig",
        "/run/multus/kubeconfig",
        "kubeconfig that is written",
    ),
    Flag::text(
        "cert-duration",
        "10m",
        "how long a certificate is to be good",
    ),
];

/// How long the first certificate is waited for, and each further one before it is asked for anew.
const FIRST: Duration = Duration::from_secs(120);
const FURTHER: Duration = Duration::from_secs(900);
/// How often one looks whether the next one is due.
const LOOK: Duration = Duration::from_secs(10);

/// Why there is no kubeconfig.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("--{flag}: {path} is missing")]
    Missing { flag: &'static str, path: String },
    #[error("--cert-duration: {0:?} is no duration")]
    Duration(String),
    #[error("MULTUS_NODE_NAME does not name the node")]
    NoNode,
    #[error("failed to {0}")]
    Api(#[from] ClusterError),
    #[error("failed to get the node's first certificate: failed to {0}")]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("failed to begin: {0}")]
    Start(#[from] std::io::Error),
}

pub(crate) fn run(flags: &Values) -> ExitCode {
    let node = environment::get("MULTUS_NODE_NAME").unwrap_or_default();
    let done = about(flags, node).and_then(|about| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(generate(about, Path::new(flags.text("kubeconfig"))))
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            sys::complain!("kubeconfig_generator: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// What the command line says, checked (B1.101).
fn about(flags: &Values, node: String) -> Result<NodeCertificate, Failure> {
    let (bootstrap, directory) = (flags.text("bootstrap-config"), flags.text("certdir"));
    let missing = |flag, path: &str| Failure::Missing {
        flag,
        path: path.to_owned(),
    };
    if !Path::new(bootstrap).is_file() {
        return Err(missing("bootstrap-config", bootstrap));
    }
    if !Path::new(directory).is_dir() {
        return Err(missing("certdir", directory));
    }
    let duration = flags.text("cert-duration");
    let wrong = || Failure::Duration(duration.to_owned());
    let duration = plan::go_duration(duration).ok_or_else(wrong)?;
    if node.is_empty() {
        return Err(Failure::NoNode);
    }
    Ok(NodeCertificate {
        bootstrap: PathBuf::from(bootstrap),
        directory: PathBuf::from(directory),
        node,
        duration,
    })
}

/// Until a signal comes; then the kubeconfig goes.
async fn generate(about: NodeCertificate, kubeconfig: &Path) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let (limits, runtime) = (Limits::default(), Handle::current());
    let certificates = Certificates::new(about, limits, &runtime)?;
    if certificates.current().is_none() {
        tokio::select! {
            first = certificates.obtain(None, Instant::now() + FIRST) => first.map(drop)?,
            () = signals.next() => return Ok(()),
        }
    }
    let live = certificates.client(limits, &runtime)?;
    let written = write(kubeconfig, &certificates.kubeconfig()?)?;
    sys::say!("{} is written", kubeconfig.display());
    tokio::select! {
        () = renew(&certificates, &live) => {}
        () = signals.next() => {}
    }
    Ok(remove_own(kubeconfig, &written)?)
}

/// Writes the file, and keeps it open: a successor's has the same text.
fn write(path: &Path, text: &str) -> Result<File, FileError> {
    if let Some(above) = path.parent() {
        make_directory(above, 0o700)?;
    }
    write_held(path, text.as_bytes(), 0o600)
}

/// Removes what this process wrote, and not what a successor has put in its place.
fn remove_own(path: &Path, written: &File) -> Result<(), FileError> {
    let number = |about: fs::Metadata| (about.dev(), about.ino());
    let own = written.metadata().map(number);
    let there = fs::symlink_metadata(path).map(number);
    match own.ok().zip(there.ok()) {
        Some((own, there)) if own == there => remove(path),
        _ => Ok(()),
    }
}

/// Replaces the certificate before it ends, without end.
async fn renew(certificates: &Certificates, live: &Live) {
    let mut next = Renewal::of(certificates.current(), SystemTime::now());
    loop {
        let now = SystemTime::now();
        next.look(certificates.current(), now);
        let left = next.left(now);
        if !left.is_zero() {
            sleep(left.min(LOOK)).await;
            continue;
        }
        let deadline = Instant::now() + FURTHER;
        match certificates.obtain(Some(live), deadline).await {
            Ok(validity) => {
                next.renewed(validity, SystemTime::now());
                // Where this fails, the next request is made with what was there.
                let _taken = live.refresh().await;
            }
            Err(error) => {
                let pause = next.failed(SystemTime::now());
                sys::complain!(
                    "kubeconfig_generator: the certificate is not renewed: failed to {error}; tried again in {} s",
                    pause.as_secs()
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::flags;

    fn read(line: &[&str]) -> Values {
        flags::read(FLAGS, line.iter().map(OsString::from))
            .unwrap()
            .unwrap()
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_by_its_flag() {
        // B1.101
        let scratch = tempfile::tempdir().unwrap();
        let bootstrap = scratch.path().join("bootstrap");
        write(&bootstrap, "{}").unwrap();
        let bootstrap = format!("--bootstrap-config={}", bootstrap.display());
        let directory = format!("--certdir={}", scratch.path().display());
        let good = [bootstrap.as_str(), directory.as_str()];
        let told = |line: &[&str], node: &str| {
            about(&read(line), node.to_owned()).unwrap_err().to_string()
        };
        assert_eq!(
            told(&["--bootstrap-config=/none"], "n"),
            "--bootstrap-config: /none is missing"
        );
        assert_eq!(
            told(&[&bootstrap, "--certdir=/none"], "n"),
            "--certdir: /none is missing"
        );
        assert_eq!(
            told(&[&bootstrap, &directory, "--cert-duration=soon"], "n"),
            "--cert-duration: \"soon\" is no duration"
        );
        assert_eq!(told(&good, ""), "MULTUS_NODE_NAME does not name the node");
        let right = about(&read(&good), "n".to_owned()).unwrap();
        assert_eq!(right.duration, Duration::from_secs(600));
    }

    #[test]
    fn the_kubeconfig_is_written_where_it_is_wanted() {
        // B1.100, Q35
        assert_eq!(read(&["--kubeconfig=/here"]).text("kubeconfig"), "/here");
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("run/multus/kubeconfig");
        write(&path, "text").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "text");
    }

    #[test]
    fn the_kubeconfig_of_a_successor_stays() {
        // B1.100
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("kubeconfig");
        let first = write(&path, "text").unwrap();
        let second = write(&path, "text").unwrap();
        remove_own(&path, &first).unwrap();
        assert!(path.exists());
        remove_own(&path, &second).unwrap();
        assert!(!path.exists());
        remove_own(&path, &second).unwrap();
    }
}
