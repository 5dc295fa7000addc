//! Where things are, and how cargo is called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().map(Path::to_owned).unwrap_or(own)
}

/// A call of the cargo that runs us, in the root of the checkout.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command =
        Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(arguments).current_dir(root());
    // Build scripts look at what cargo said of us. It would make every `cargo build` after us, and every one of ours after
    // it, build those dependencies again that have one.
    let of_this_program =
        |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(of_this_program) {
            command.env_remove(name);
        }
    }
    command
}

/// The folder that cargo builds into.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let asked = cargo(&["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("start cargo")?;
    if !asked.status.success() {
        bail!(
            "cargo metadata: {}",
            String::from_utf8_lossy(&asked.stderr).trim()
        );
    }
    let metadata: Value =
        serde_json::from_slice(&asked.stdout).context("read what cargo metadata printed")?;
    metadata["target_directory"]
        .as_str()
        .map(PathBuf::from)
        .context("cargo metadata names no target directory")
}

/// Whether a program is found on the path.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")]);
    folders
        .map(|folder| folder.join(program))
        .any(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inner_cargo_sees_nothing_of_what_the_outer_one_said_of_this_program() {
        let command = cargo(&[]);
        let removed: Vec<_> = command
            .get_envs()
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| name)
            .collect();
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME"] {
            assert!(removed.contains(&name.as_ref()), "{name}");
        }
    }
}
