//! The port through which programs are found and run.
//!
//! What an implementation owes: [`Exec::find`] takes the first regular, executable file and never searches `PATH`;
//! [`Exec::run`] starts a new child per attempt in a process group of its own, writes stdin while it reads (a plugin that
//! does not read is fine), bounds stdout and stderr but drains both, ends the group at the deadline, does not wait for
//! grandchildren that keep a pipe open, and tries again when the file is busy, ending in an error.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use thiserror::Error;

use crate::text;

/// Finds and runs plugins.
pub trait Exec {
    /// The program for `plugin_type` in the directories of `path`, in order.
    ///
    /// # Errors
    /// [`FindError`], which says what is there instead.
    fn find(&self, plugin_type: &str, path: &[PathBuf]) -> Result<PathBuf, FindError>;

    /// Runs a program to its end, or to the deadline.
    ///
    /// # Errors
    /// [`SpawnError`] when it could not be started; a bad end is an [`Output`].
    fn run(&self, call: &Call<'_>) -> Result<Output, SpawnError> {
        self.run_beside(call, &|| ())
    }

    /// As [`Exec::run`], and does something short, once: while the program runs, or while it has to wait for that. What has to be
    /// done, but not before. It is left undone where nothing was started and nothing was waited for.
    ///
    /// # Errors
    /// As [`Exec::run`].
    fn run_beside(&self, call: &Call<'_>, meanwhile: &dyn Fn()) -> Result<Output, SpawnError>;
}

/// One run of a plugin.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The program; run as it is, without arguments.
    pub program: &'a Path,
    /// All variables that begin with `CNI_`. They come on top of the inherited environment without its own such ones.
    pub env: &'a [(String, String)],
    /// What the plugin reads.
    pub stdin: &'a [u8],
    /// When the plugin has to be gone.
    pub deadline: Instant,
}

/// How a run ended and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: Status,
    /// What it printed, up to the limit.
    pub stdout: Vec<u8>,
    /// Whether it printed more.
    pub stdout_cut: bool,
    /// A bounded excerpt of its messages.
    pub stderr: Vec<u8>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Status {
    /// It exited with this status.
    #[error("exit status {0}")]
    Exited(i32),
    /// It was killed by this signal.
    #[error("killed by signal {0}")]
    Signaled(i32),
    /// It was ended at the deadline.
    #[error("timed out")]
    TimedOut,
}

/// No program for a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FindError {
    /// Nothing of that name is there.
    #[error(
        "failed to find plugin {} in path [{}]",
        text::quoted(plugin),
        shown(path)
    )]
    NotFound {
        /// The plugin's type.
        plugin: String,
        /// Where it was looked for.
        path: Vec<PathBuf>,
    },
    /// A file of that name is there, but it is no program.
    #[error("failed to find plugin {}: {} is not executable", text::quoted(plugin), file.display())]
    NotExecutable {
        /// The plugin's type.
        plugin: String,
        /// The file.
        file: PathBuf,
    },
    /// There is nowhere to look.
    #[error("failed to find plugin {}: no paths provided", text::quoted(plugin))]
    NoPath {
        /// The plugin's type.
        plugin: String,
    },
    /// The type is no file name.
    #[error("invalid plugin name: {}", text::quoted(plugin))]
    BadType {
        /// The plugin's type.
        plugin: String,
    },
}

/// A program that could not be started or followed to its end.
#[derive(Debug, Error)]
#[error("failed to run {}{}", program.display(), after(*attempts))]
pub struct SpawnError {
    /// The program.
    pub program: PathBuf,
    /// Why.
    pub source: io::Error,
    /// How often it was tried.
    pub attempts: u32,
    /// It was started after all, and then lost sight of.
    pub started: bool,
}

/// The directories of a search path (`CNI_PATH`): split at `:`, without empty and relative ones.
pub fn search_path(text: &str) -> Vec<PathBuf> {
    let parts = text.split(':').map(PathBuf::from);
    parts.filter(|directory| directory.is_absolute()).collect()
}

fn shown(path: &[PathBuf]) -> String {
    let directories: Vec<_> = path
        .iter()
        .map(|directory| directory.display().to_string())
        .collect();
    directories.join(" ")
}

fn after(attempts: u32) -> String {
    if attempts > 1 {
        format!(" after {attempts} attempts")
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_relative_directories_are_dropped() {
        // #30
        let path = search_path("/opt/cni/bin::.:bin:/usr/lib/cni:");
        assert_eq!(
            path,
            [PathBuf::from("/opt/cni/bin"), PathBuf::from("/usr/lib/cni")]
        );
        assert!(search_path("").is_empty());
    }

    #[test]
    fn a_missing_plugin_is_named_with_the_path() {
        // #24, B4.120
        let error = FindError::NotFound {
            plugin: "x".into(),
            path: search_path("/a:/b"),
        };
        assert_eq!(
            error.to_string(),
            "failed to find plugin \"x\" in path [/a /b]"
        );
    }
}
