//! Parts that come as Debian packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

use super::cache::{self, Cache, say};
use crate::process;

/// Makes sure that these Debian packages are installed: installs them as root, and otherwise says which command does.
pub fn debian(packages: &[&str]) -> anyhow::Result<()> {
    if not_installed(packages).is_empty() {
        return Ok(());
    }
    let _cache = Cache::lock(cache::root()?)?;
    // Somebody else may have installed them while we waited for the lock.
    let missing = not_installed(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    let command = format!("apt-get install -y --no-install-recommends {names}");
    anyhow::ensure!(
        is_root(),
        "{names} is missing and only root can install it: sudo apt-get update && sudo {command}"
    );
    say(&format!("installing {names}"));
    let mut apt = apt_get();
    apt.args(["install", "-y", "--no-install-recommends"])
        .args(&missing);
    refresh_package_lists()
        .and_then(|()| run(apt))
        .with_context(|| {
            format!("{names} is missing: failed to install it from Debian ({command})")
        })
}

/// Debian's build of the reference CNI plugins, unpacked into the cache and not installed: works for an ordinary user and needs no Go.
///
/// It is an older release (1.1.1 in Debian 12, without `tap`); tests use [`Part::CniPlugins`](super::Part::CniPlugins).
pub fn cni_plugins_of_debian() -> anyhow::Result<PathBuf> {
    const PACKAGE: &str = "containernetworking-plugins";
    let entry = cache::entry(&format!("debian-{PACKAGE}"), |directory| {
        say(&format!("fetching Debian's {PACKAGE}"));
        unpack(PACKAGE, directory)
    })
    .with_context(|| format!("{PACKAGE} is missing: failed to fetch it from Debian"))?;
    Ok(entry.join("usr/lib/cni"))
}

fn unpack(package: &str, directory: &Path) -> anyhow::Result<()> {
    let download = || {
        let mut apt = apt_get();
        apt.args(["download", package]).current_dir(directory);
        run(apt)
    };
    if let Err(error) = download() {
        // A fresh machine has no package lists yet.
        anyhow::ensure!(
            is_root(),
            "{error:#}; without package lists, this helps: sudo apt-get update"
        );
        refresh_package_lists()?;
        download()?;
    }
    let archive = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| {
            format!(
                "apt-get download left no package in {}",
                directory.display()
            )
        })?;
    let mut dpkg = Command::new("dpkg");
    dpkg.arg("-x").arg(&archive).arg(directory);
    run(dpkg)?;
    fs::remove_file(&archive).with_context(|| format!("failed to remove {}", archive.display()))
}

fn not_installed<'a>(packages: &[&'a str]) -> Vec<&'a str> {
    packages
        .iter()
        .copied()
        .filter(|name| !is_installed(name))
        .collect()
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output()
        .is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

/// Root of the machine or of a container. The root of a user namespace that has no other user cannot install anything.
fn is_root() -> bool {
    let users = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let is_alone = users.split_whitespace().nth(2) == Some("1");
    rustix::process::geteuid().is_root() && !is_alone
}

/// Once per process: lists that are minutes old will do.
fn refresh_package_lists() -> anyhow::Result<()> {
    static DONE: AtomicBool = AtomicBool::new(false);
    if !DONE.load(Ordering::Relaxed) {
        let mut apt = apt_get();
        apt.arg("update");
        run(apt)?;
        DONE.store(true, Ordering::Relaxed);
    }
    Ok(())
}

fn apt_get() -> Command {
    // Not bound to our own life: an installation that is cut short leaves a broken system.
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-o", "DPkg::Lock::Timeout=120"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    apt
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let line = process::words(&command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run {line}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "{line} failed ({}): {}",
        output.status,
        errors.trim()
    );
    Ok(())
}
