//! Reads the log of scripted plugins.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::call::{Call, Line};

/// The log that scripted plugins write and a test reads.
#[derive(Debug, Clone)]
pub struct Recorder {
    path: PathBuf,
}

impl Recorder {
    /// A log at `path`. The first plugin creates it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the log is: the value for `record` in a script.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All calls so far, in the order in which they began.
    pub fn calls(&self) -> Result<Vec<Call>> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.with_context(|| format!("read {}", self.path.display()))?,
        };
        let mut calls: Vec<Call> = Vec::new();
        for line in text.lines() {
            match serde_json::from_str(line)
                .with_context(|| format!("read the recorded line {line:?}"))?
            {
                Line::Start(call) => calls.push(*call),
                Line::End {
                    pid,
                    started,
                    ended,
                } => {
                    if let Some(call) = calls
                        .iter_mut()
                        .find(|call| call.pid == pid && call.started == started)
                    {
                        call.ended = Some(ended);
                    }
                }
            }
        }
        calls.sort_by_key(|call| call.started);
        Ok(calls)
    }

    /// The calls with this verb.
    pub fn calls_of(&self, verb: &str) -> Result<Vec<Call>> {
        Ok(self
            .calls()?
            .into_iter()
            .filter(|call| call.verb == verb)
            .collect())
    }

    /// Each call in short, as `ADD net-a eth0`: what happened, in one comparison.
    pub fn summary(&self) -> Result<Vec<String>> {
        let short = |call: &Call| {
            format!(
                "{} {} {}",
                call.verb,
                call.network(),
                call.variable("CNI_IFNAME")
            )
        };
        Ok(self.calls()?.iter().map(short).collect())
    }

    /// Forgets what happened so far.
    pub fn clear(&self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context("remove the record")
            }
            _ => Ok(()),
        }
    }

    /// Waits until a call that fits has begun, a minute at most.
    pub fn wait_for(&self, fits: impl Fn(&Call) -> bool) -> Result<Call> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // A line is there whole or not at all: it is written at once.
            if let Some(call) = self.calls()?.into_iter().find(&fits) {
                return Ok(call);
            }
            if Instant::now() > deadline {
                bail!(
                    "no such call was recorded within a minute; recorded: {:?}",
                    self.summary()?
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
