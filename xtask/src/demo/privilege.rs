//! What this user may do, and how the demo gets namespaces of its own.

use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Parts;
use crate::workspace::is_installed;

/// A way to namespaces of one's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// As root.
    Root,
    /// As an ordinary user, who is root in a user namespace of its own.
    UserNamespace,
}

/// Says which packages are missing.
pub(super) fn check_programs() -> Result<()> {
    let needed = [
        ("unshare", "util-linux"),
        ("nsenter", "util-linux"),
        ("setpriv", "util-linux"),
        ("ip", "iproute2"),
    ];
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(program, _)| !is_installed(program))
        .map(|(_, package)| *package)
        .collect();
    if let Some(package) = missing.first() {
        bail!("the package {package} is missing; install it: sudo apt-get install {package}");
    }
    Ok(())
}

/// Finds the way that this machine allows.
pub(super) fn find() -> Result<Entry> {
    let Err(as_root) = unshare(&[]) else {
        return Ok(Entry::Root);
    };
    if unshare(&["--user", "--map-root-user"]).is_ok() {
        return Ok(Entry::UserNamespace);
    }
    let is_root = rustix::process::geteuid().is_root();
    bail!("{}", advice(is_root, &as_root))
}

/// What helps somebody who gets no namespaces.
fn advice(is_root: bool, words: &str) -> String {
    match is_root {
        true => format!(
            "root gets no namespaces here: {words}. What may be missing:\n\
             - in a container the capability CAP_SYS_ADMIN: docker run --privileged …\n\
             - in a chroot a root that is a mount point: mount --bind FOLDER FOLDER, before chroot FOLDER"
        ),
        false => "this machine allows no namespaces to this user. Any of these helps:\n\
             - run the demo as root\n\
             - allow user namespaces: sudo sysctl user.max_user_namespaces=10000\n  \
               (also, where they exist: kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0)\n\
             - in a container: docker run --privileged …"
            .to_owned(),
    }
}

/// Whether there are such namespaces; if not, why.
fn unshare(options: &[&str]) -> Result<(), String> {
    let mut command = Command::new("unshare");
    command.args(options).args(["--net", "--mount", "true"]);
    let done = command.output().map_err(|error| error.to_string())?;
    match done.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&done.stderr).trim().to_owned()),
    }
}

impl Entry {
    /// What is promised to the reader.
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Root => {
                "network and mount namespaces of its own; this machine's network is not touched"
            }
            Self::UserNamespace => {
                "user, network and mount namespaces of its own, no root needed; this machine's network is not touched"
            }
        }
    }

    /// Goes on with the demo inside.
    pub(super) fn enter(self, parts: &Parts) -> Result<()> {
        if self == Self::Root {
            return super::inside(parts);
        }
        let own = std::env::current_exe().context("find the running program")?;
        let status = Command::new("unshare")
            .args(["--user", "--map-root-user", "--"])
            .arg(own)
            .args(["demo", "--inside"])
            .args([&parts.plugins, &parts.multus])
            .status()
            .context("start unshare")?;
        if !status.success() {
            bail!("see above");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_become_what_he_is() {
        let words = "unshare: cannot change root filesystem propagation: Invalid argument";
        let root = advice(true, words);
        assert!(root.contains(words) && root.contains("mount --bind"));
        assert!(!root.contains("as root"));
        assert!(advice(false, words).contains("run the demo as root"));
    }
}
