//! The parts of the test, in their order.

use std::process::Command;

use anyhow::{Result, bail};

use super::environment;
use super::outcome::Outcome;
use super::runner::{run, run_tests};
use crate::e2e;
use crate::workspace::cargo;

/// The packages whose tests run programs in namespaces; their tests are the part `system`.
const SYSTEM: [&str; 3] = ["suites", "testkit", "xtask"];

/// Tells a test program how many tests to run at once. Whoever sets it is obeyed.
const THREADS: &str = "RUST_TEST_THREADS";

/// So many system tests run beside those that the processors are for.
const WAITING: usize = 4;

/// A part of the test.
#[derive(Debug)]
pub(super) struct Part {
    /// The word that chooses it.
    pub(super) name: &'static str,
    /// What it does, for people.
    pub(super) what: &'static str,
    /// Runs it; the further words are for cargo.
    pub(super) run: fn(&mut Outcome, &[&str]) -> Result<()>,
}

/// All parts.
pub(super) const PARTS: [Part; 6] = [
    Part {
        name: "fmt",
        what: "formatting",
        run: format,
    },
    Part {
        name: "lint",
        what: "clippy, warnings are errors",
        run: lint,
    },
    Part {
        name: "unit",
        what: "unit, property and documentation tests of what ships; no root, no network",
        run: unit,
    },
    Part {
        name: "doc",
        what: "the API documentation builds, warnings are errors",
        run: document,
    },
    Part {
        name: "system",
        what: "whole programs with real servers, plugins and namespaces; needs Go",
        run: system,
    },
    Part {
        name: "e2e",
        what: "what ships, on a whole Kubernetes node; needs Go and root",
        run: node,
    },
];

fn format(outcome: &mut Outcome, rest: &[&str]) -> Result<()> {
    run(outcome, cargo(&["fmt", "--all", "--check"]).args(rest))
}

fn lint(outcome: &mut Outcome, rest: &[&str]) -> Result<()> {
    run(
        outcome,
        cargo(&["clippy", "--workspace", "--all-targets"])
            .args(rest)
            .args(["--", "-D", "warnings"]),
    )
}

fn unit(outcome: &mut Outcome, rest: &[&str]) -> Result<()> {
    let mut command = cargo(&["test", "--workspace", "--no-fail-fast"]);
    for package in SYSTEM {
        command.args(["--exclude", package]);
    }
    run_tests(outcome, command.args(rest))
}

fn document(outcome: &mut Outcome, rest: &[&str]) -> Result<()> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps"]);
    run(
        outcome,
        command.env("RUSTDOCFLAGS", "-D warnings").args(rest),
    )
}

fn system(outcome: &mut Outcome, rest: &[&str]) -> Result<()> {
    let programs = environment::set_up(outcome)?;
    let mut command = cargo(&["test", "--no-fail-fast"]);
    for package in SYSTEM {
        command.args(["-p", package]);
    }
    command.args(rest);
    let mut command = if environment::may_make_namespaces() {
        command
    } else {
        in_user_namespace(&command)?
    };
    command.envs(programs);
    if std::env::var_os(THREADS).is_none() {
        command.env(THREADS, at_once().to_string());
    }
    run_tests(outcome, &mut command)
}

/// How many system tests run at once: they mostly wait, for servers, for retries, for plugins that do not answer. One for each
/// processor would leave the processors idle for half of the time.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from) + WAITING
}

fn node(outcome: &mut Outcome, rest: &[&str]) -> Result<()> {
    environment::ensure_go()?;
    let summary = e2e::play(rest)?;
    outcome.passed = summary.passed;
    outcome.failed = summary.failed;
    let steps = summary.steps.iter();
    outcome
        .steps
        .extend(steps.map(|(name, took)| (name.clone(), took.as_secs_f64())));
    summary.verdict()
}

/// The same command as the root of a user namespace.
fn in_user_namespace(command: &Command) -> Result<Command> {
    let mut inside = Command::new("unshare");
    inside.args(["--user", "--map-root-user", "--"]);
    let allowed = Command::new("unshare")
        .args(["--user", "--map-root-user", "--net", "true"])
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        bail!(
            "system tests make network namespaces: run them as root, or allow user namespaces to this user"
        );
    }
    inside.arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        inside.current_dir(directory);
    }
    Ok(inside)
}
