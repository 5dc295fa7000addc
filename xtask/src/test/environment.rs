//! What the system tests need, provided before they begin.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use testkit::scripted;
use testkit::tools::{self, Part};

use super::outcome::Outcome;
use super::runner::run;
use crate::workspace::{cargo, target_directory};

/// The environment variable that names the folder of the programs under test. Another implementation can be judged with it.
const MULTUS_BIN_DIR: &str = "MULTUS_BIN_DIR";

/// Debian packages that the suites use.
const PACKAGES: [&str; 7] = [
    "busybox-static",
    "iproute2",
    "nftables",
    "podman",
    "runc",
    "strace",
    "valgrind",
];

/// Fetches, builds, and says where things are: environment variables for the tests.
pub(super) fn set_up(outcome: &mut Outcome) -> Result<Vec<(&'static str, PathBuf)>> {
    ensure_go()?;
    timed(outcome, "Debian packages", || tools::debian(&PACKAGES))?;
    for part in Part::OF_THE_SUITES {
        timed(outcome, &format!("{part:?}"), || {
            tools::ensure(part).map(drop)
        })?;
    }
    let target = target_directory()?;
    run(outcome, &mut cargo(&["build", "-p", "testkit", "--bins"]))?;
    let mut programs = vec![(scripted::BIN_DIR, target.join("debug"))];
    if std::env::var_os(MULTUS_BIN_DIR).is_none() {
        run(
            outcome,
            &mut cargo(&[
                "build",
                "--profile",
                "ci",
                "-p",
                "thin",
                "-p",
                "shim",
                "-p",
                "daemon",
                "-p",
                "node",
            ]),
        )?;
        programs.push((MULTUS_BIN_DIR, target.join("ci")));
    }
    Ok(programs)
}

/// Go builds the real servers and plugins.
pub(super) fn ensure_go() -> Result<()> {
    tools::check_go().context("the tests build real servers and plugins with Go")
}

fn timed(outcome: &mut Outcome, name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    let begun = Instant::now();
    let done = work();
    outcome
        .steps
        .push((name.to_owned(), begun.elapsed().as_secs_f64()));
    done
}

/// Whether this user can make network namespaces without a user namespace.
pub(super) fn may_make_namespaces() -> bool {
    let mut command = Command::new("unshare");
    command
        .args(["--net", "--mount", "true"])
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
