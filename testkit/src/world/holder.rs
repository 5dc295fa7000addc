//! The process that keeps a world's namespaces alive.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::reaper;

/// What the holder of a plain world does: it waits until its standard input ends, which it does with the process that made the world, however that
/// one ends, and removes the scratch folder that it would leave when it is killed.
pub(super) const SCRIPT: &str = "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns && ip link set lo up \\
    && { ! test -d /var/lib/cni || mount -t tmpfs -o mode=755 tmpfs /var/lib/cni; } && echo ready \\
    && { read -r _; rm -rf --one-file-system -- \"$1\"; }";

/// The holder, and what else ends with the world.
#[derive(Debug)]
pub(crate) struct Holder {
    child: Child,
    stdin: Option<ChildStdin>,
    directory: TempDir,
    sandboxes: Mutex<BTreeSet<PathBuf>>,
}

impl Holder {
    /// Runs `script` with the scratch folder and `arguments` in new namespaces. It prints `ready`, and ends some time after its
    /// standard input has.
    pub(super) fn start(script: &str, arguments: &[&str]) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("world-")
            .tempdir()
            .context("create a scratch folder")?;
        let mut command = Command::new("unshare");
        command
            .args([
                "--net",
                "--mount",
                "--propagation",
                "private",
                "--",
                "sh",
                "-c",
                script,
                "sh",
            ])
            .arg(directory.path())
            .args(arguments)
            .env("PATH", super::run::search_path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0);
        let mut child =
            crate::process::spawn(command).context("make a network and a mount namespace")?;
        let stdin = child.stdin.take();
        let mut ready = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut ready)
                .context("wait for the new namespaces")?;
        }
        let holder = Self {
            child,
            stdin,
            directory,
            sandboxes: Mutex::default(),
        };
        if ready == "ready\n" {
            Ok(holder)
        } else {
            Err(holder.failure())
        }
    }

    fn failure(mut self) -> anyhow::Error {
        let mut reason = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            // Without a reason the message below still says what was tried.
            let _ = stderr.read_to_string(&mut reason);
        }
        anyhow::anyhow!(
            "make a network and a mount namespace: {} (needs root, or `unshare --user --map-root-user`, and the programs unshare and ip)",
            reason.trim()
        )
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A file of the holder's own in `/proc`.
    pub(crate) fn own(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid()))
    }

    /// Where a path inside is found from outside.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        self.own("root")
            .join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The network namespaces that were made inside and are still there, by path.
    pub(crate) fn sandboxes(&self) -> Vec<PathBuf> {
        let all = self
            .sandboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .filter(|path| self.outside(path).exists())
            .cloned()
            .collect()
    }

    /// Remembers that a network namespace was made.
    pub(crate) fn add_sandbox(&self, path: &Path) {
        self.sandboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.to_owned());
    }

    /// Runs a small shell script inside; `$1` and so on are the arguments.
    pub(crate) fn shell(&self, script: &str, arguments: &[&str]) -> Result<()> {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.own("ns/net").display()))
            .arg(format!("--mount={}", self.own("ns/mnt").display()))
            .args(["sh", "-ec", script, "sh"])
            .args(arguments)
            .env("PATH", super::run::search_path());
        let done = command.output().context("start nsenter")?;
        if !done.status.success() {
            bail!(
                "{script} {arguments:?}: {}",
                String::from_utf8_lossy(&done.stderr).trim()
            );
        }
        Ok(())
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        reaper::end_all(self.pid());
        drop(self.stdin.take());
        // The mounts are gone with the holder, so that the scratch folder can be removed after this.
        let _ = self.child.wait();
    }
}
