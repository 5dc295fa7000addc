//! `cargo xtask bench`: what `multus` adds to its delegates, measured beside them in one run, in alternation.
//!
//! Three stages, each a process: the first builds what ships and what measures, and makes a room (namespaces of its own, with
//! `tmpfs` on `/run`); the second lives there, sets the stage and measures; the third is the minimal client as a process
//! of its own. No time is asserted: times belong to a machine.

mod api;
mod arm;
mod client;
mod facts;
mod http;
mod measure;
mod options;
mod report;
mod room;
mod run;
mod scenario;
mod scenes;
mod stage;
mod statistics;
mod thick;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use options::Options;

/// What the measuring process is given.
#[derive(Debug, Clone)]
struct Parts {
    /// The folder of the programs that are measured.
    programs: PathBuf,
    /// The reference plugins.
    plugins: PathBuf,
    /// The plugin that does nothing.
    noop: PathBuf,
    /// A folder on a disk, to be removed afterwards.
    disk: PathBuf,
}

impl Parts {
    /// A program that is measured.
    fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }
}

/// The text of `cargo xtask help`.
pub(crate) fn help() -> String {
    format!("Options of the bench:\n\n{}", options::HELP)
}

/// Runs the bench, or the part of it that the arguments name.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["help" | "--help" | "-h"] => {
            print!("{}", help());
            Ok(())
        }
        ["--inside", programs, plugins, noop, disk, rest @ ..] => {
            let parts = Parts {
                programs: programs.into(),
                plugins: plugins.into(),
                noop: noop.into(),
                disk: disk.into(),
            };
            inside(&parts, &Options::parse(rest)?)
        }
        ["--client", session] => client::main(session),
        rest => {
            // Before anything is built.
            Options::parse(rest)?;
            room::enter(rest)
        }
    }
}

/// The part that measures.
fn inside(parts: &Parts, options: &Options) -> Result<()> {
    room::limit(options.longest());
    let before = facts::load();
    let stage = stage::Stage::set(parts)?;
    let measured = run::measure(&stage, options)?;
    if measured.series.is_empty() {
        bail!("nothing was measured");
    }
    let scenes = match options.noop {
        0 => None,
        _ => Some(scenes::measure(&stage, options).context("measure the daemon")?),
    };
    let requests = stage
        .api
        .requests(&stage.scenarios, &measured)
        .context("count requests")?;
    print!(
        "{}",
        report::whole(&stage, &measured, &requests, scenes.as_ref(), &before)?
    );
    Ok(())
}
