//! Builds what is measured, and makes namespaces for the process that measures.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::process::dies_with_us;
use testkit::tools::{self, Part};

use super::Parts;
use crate::dist;
use crate::workspace::{cargo, is_installed, target_directory};

/// What happens in the new namespaces before the second stage begins. Everything below `/run` goes with the namespace.
const SET_UP: &str = "mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/netns /run/bench && ip link set lo up && exec \"$@\"";

/// Where the second stage keeps its files.
pub(super) const HOME: &str = "/run/bench";

/// Builds, then runs the second stage in namespaces of its own.
pub(super) fn enter(arguments: &[&str]) -> Result<()> {
    for (program, package) in [
        ("unshare", "util-linux"),
        ("setpriv", "util-linux"),
        ("ip", "iproute2"),
        ("go", "golang"),
    ] {
        if !is_installed(program) {
            bail!("the program {program} is missing; install it: sudo apt-get install {package}");
        }
    }
    let plugins = tools::ensure(Part::CniPlugins)?;
    tools::ensure(Part::Etcd)?;
    tools::ensure(Part::KubeApiserver)?;
    let shipped = dist::build(None)?;
    let programs = build()?;
    let scratch = Scratch::new(&target_directory()?)?;
    let parts = Parts {
        programs: shipped.folder,
        plugins,
        noop: programs.join("noop-cni"),
        disk: scratch.0.clone(),
    };
    let status = second_stage(&programs.join("xtask"), &parts)?
        .args(arguments)
        .status()
        .context("start unshare")?;
    if !status.success() {
        bail!("the bench ended with {status}");
    }
    Ok(())
}

/// What measures, in release: a slow measuring process or client would flatter `multus`.
fn build() -> Result<PathBuf> {
    let words = [
        "build",
        "--release",
        "-p",
        "testkit",
        "-p",
        "xtask",
        "--bin",
        "noop-cni",
        "--bin",
        "xtask",
    ];
    eprintln!(
        "cargo {} (the first time takes a few minutes)",
        words.join(" ")
    );
    let status = cargo(&words).status().context("start cargo")?;
    if !status.success() {
        bail!("cargo's messages above say why the programs could not be built");
    }
    Ok(target_directory()?.join("release"))
}

fn second_stage(program: &Path, parts: &Parts) -> Result<Command> {
    let mut command = dies_with_us("unshare");
    if !unshares(&[]) {
        if !unshares(&["--user", "--map-root-user"]) {
            bail!(
                "the bench makes network namespaces: run it as root, or allow user namespaces to this user"
            );
        }
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--net", "--mount", "--propagation", "private", "--"])
        .args(["sh", "-c", SET_UP, "sh"])
        .arg(program)
        .args(["bench", "--inside"])
        .arg(&parts.programs)
        .arg(&parts.plugins)
        .arg(&parts.noop)
        .arg(&parts.disk);
    Ok(command)
}

fn unshares(how: &[&str]) -> bool {
    let mut command = Command::new("unshare");
    command
        .args(how)
        .args(["--net", "--mount", "true"])
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A folder on the disk, removed when dropped; one that a killed bench left is removed first.
struct Scratch(PathBuf);

impl Scratch {
    fn new(target: &Path) -> Result<Self> {
        let path = target.join("bench");
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Ends this process after a time in which every run ends, unless something hangs. Servers and plugins go with it.
pub(super) fn limit(time: Duration) {
    let end = move || {
        std::thread::sleep(time);
        eprintln!(
            "\nfailed: the bench did not end within {} s",
            time.as_secs()
        );
        std::process::exit(1);
    };
    // Without a thread there is no limit, which is no reason not to measure.
    let _ = std::thread::Builder::new()
        .name("limit".to_owned())
        .spawn(end);
}
