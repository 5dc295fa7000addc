//! Starts a program as a runtime starts a plugin, and takes its time.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};

/// A program with all that it is given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) program: &'a Path,
    pub(super) arguments: &'a [String],
    pub(super) environment: &'a [(&'static str, String)],
    pub(super) stdin: &'a [u8],
}

/// What one run took. Several in a row add up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sample {
    /// From the start until the result was there.
    pub(super) printed: Duration,
    /// From the start until the process was gone.
    pub(super) exited: Duration,
    /// User and system time, of the process and of those that it waited for.
    pub(super) cpu: Duration,
}

impl Sample {
    /// This one, and another after it.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            printed: self.exited + next.printed,
            exited: self.exited + next.exited,
            cpu: self.cpu + next.cpu,
        }
    }
}

/// Runs a program that has to succeed: what it took, and what it printed.
pub(super) fn run(call: Call<'_>) -> Result<(Sample, Vec<u8>)> {
    let before = children_cpu()?;
    let begun = Instant::now();
    let mut child = start(call)?;
    let mut printed = Duration::ZERO;
    let mut stdout = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        let mut block = [0; 16384];
        // The result comes in one piece; what counts is when the last of it came.
        while let count @ 1.. = pipe.read(&mut block).context("read a result")? {
            printed = begun.elapsed();
            stdout.extend_from_slice(&block[..count]);
        }
    }
    let status = child.wait().context("wait for a plugin")?;
    let exited = begun.elapsed();
    if !status.success() {
        bail!(
            "{}: {status}: {}",
            call.program.display(),
            String::from_utf8_lossy(&stdout).trim()
        );
    }
    let sample = Sample {
        printed: if stdout.is_empty() { exited } else { printed },
        exited,
        cpu: children_cpu()?.saturating_sub(before),
    };
    Ok((sample, stdout))
}

/// Runs a program that has to succeed: the most memory that it had resident, without its children. Looks without pause,
/// hence not while times are taken.
pub(super) fn peak_memory(call: Call<'_>) -> Result<u64> {
    let mut child = start(call)?;
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().context("ask for a plugin")?.is_none() {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // After the program has ended, and before anyone knows, the line is missing.
        peak = high_water(&text).unwrap_or(peak);
    }
    Ok(peak)
}

fn high_water(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The standard library makes the child by `vfork` here: the cheapest way there is.
fn start(call: Call<'_>) -> Result<Child> {
    let mut child = Command::new(call.program)
        .args(call.arguments)
        .env_clear()
        .envs(
            call.environment
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", call.program.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(call.stdin)
            .with_context(|| format!("write to {}", call.program.display()))?;
    }
    Ok(child)
}

fn children_cpu() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("ask for the time of children")?;
    let time = usage.user_time() + usage.system_time();
    Ok(Duration::from_micros(
        time.tv_sec().unsigned_abs() * 1_000_000 + time.tv_usec().unsigned_abs(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_runs_ends_when_the_last_one_does() {
        let run = |printed, exited| Sample {
            printed: Duration::from_millis(printed),
            exited: Duration::from_millis(exited),
            cpu: Duration::from_millis(1),
        };
        let row = run(2, 3).then(run(4, 7));
        assert_eq!(row.printed, Duration::from_millis(7));
        assert_eq!(row.exited, Duration::from_millis(10));
        assert_eq!(row.cpu, Duration::from_millis(2));
    }

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(
            high_water("Name:\tx\nVmHWM:\t    3100 kB\n"),
            Some(3100 * 1024)
        );
        assert_eq!(high_water("Name:\tx\n"), None);
    }
}
