//! The programs that the demo needs: the reference plugins and `multus`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use testkit::tools::{self, Part};

use super::{Parts, report};
use crate::workspace::{cargo, target_directory};

/// The plugins that the demo's networks are made of.
const NEEDED: [&str; 3] = ["bridge", "macvlan", "host-local"];

/// The version of the CNI specification that the demo speaks.
pub(super) const CNI_VERSION: &str = "1.0.0";

/// Finds, fetches and builds.
pub(super) fn gather() -> Result<Parts> {
    let plugins = plugins()?;
    let multus = multus()?;
    Ok(Parts { plugins, multus })
}

fn plugins() -> Result<PathBuf> {
    for folder in ["/opt/cni/bin", "/usr/lib/cni"] {
        if serves(Path::new(folder)) {
            report::fact("plugins", format!("{folder} (of this machine)"));
            return Ok(folder.into());
        }
    }
    let from_debian = match tools::cni_plugins_of_debian() {
        Ok(folder) if serves(&folder) => {
            report::fact(
                "plugins",
                format!("{} (Debian's package, not installed)", folder.display()),
            );
            return Ok(folder);
        }
        Ok(folder) => anyhow::anyhow!("{} lacks one of {NEEDED:?}", folder.display()),
        Err(error) => error,
    };
    let hint = "the reference CNI plugins are missing; any of these helps:\n\
        - sudo apt-get install containernetworking-plugins\n\
        - install Go (they are built with it then)";
    let folder = tools::ensure(Part::CniPlugins)
        .with_context(|| format!("{hint}\nWhat was tried: {from_debian:#}; and Go"))?;
    report::fact("plugins", format!("{} (built with Go)", folder.display()));
    Ok(folder)
}

/// Whether a folder has what is needed, in a version that will do.
fn serves(folder: &Path) -> bool {
    NEEDED.iter().all(|name| folder.join(name).is_file()) && speaks(&folder.join("bridge"))
}

fn speaks(plugin: &Path) -> bool {
    let mut command = Command::new(plugin);
    command
        .env_clear()
        .env("CNI_COMMAND", "VERSION")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    command.output().is_ok_and(|done| {
        String::from_utf8_lossy(&done.stdout).contains(&format!("{CNI_VERSION:?}"))
    })
}

fn multus() -> Result<PathBuf> {
    let begun = Instant::now();
    println!("  multus       cargo build --release -p thin (the first time takes a few minutes)");
    let built = cargo(&["build", "--release", "-p", "thin"])
        .status()
        .context("start cargo")?;
    if !built.success() {
        bail!("multus could not be built; cargo's messages above say why");
    }
    let path = target_directory()?.join("release/multus");
    let size = std::fs::metadata(&path)
        .with_context(|| format!("find {}", path.display()))?
        .len();
    let text = format!(
        "{} ({:.1} MB, built in {:.1} s)",
        path.display(),
        size as f64 / 1e6,
        begun.elapsed().as_secs_f64()
    );
    report::fact("", text);
    Ok(path)
}
