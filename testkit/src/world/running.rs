//! A program that runs inside a world, and what it left.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

/// What a program left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// From its start to its end, with some 3 ms for entering the namespaces.
    pub took: Duration,
    /// The most memory that the program itself had resident, in bytes, sampled five thousand times a second; what its
    /// children need is not in it. Only when asked for.
    pub peak_memory: Option<u64>,
}

impl Finished {
    /// Standard output as text.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as JSON.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.stdout)
            .with_context(|| format!("read as JSON: {:?}", self.stdout_text()))
    }
}

/// A program that runs inside. Dropped, it is killed with its process group.
#[derive(Debug)]
pub struct Running {
    child: Child,
    process: OwnedFd,
    line: String,
    started: Instant,
    deadline: Instant,
    measure_memory: bool,
    stdout: Output,
    stderr: Output,
}

impl Running {
    pub(super) fn watch(
        mut child: Child,
        line: String,
        started: Instant,
        timeout: Duration,
        measure_memory: bool,
        input: Vec<u8>,
    ) -> Result<Self> {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read its input is no error of ours.
            thread("stdin", move || drop(stdin.write_all(&input)))?;
        }
        // Taken before anyone waits for the process: the number cannot belong to another one yet.
        let process =
            pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).context("watch a process")?;
        let stdout = Output::collect(child.stdout.take())?;
        let stderr = Output::collect(child.stderr.take())?;
        Ok(Self {
            child,
            process,
            line,
            started,
            deadline: started + timeout,
            measure_memory,
            stdout,
            stderr,
        })
    }

    /// The id of the process (nsenter and setpriv become the program, so it is the program's).
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the program alone: what it has started lives on, as when a runtime kills a plugin.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        pidfd_send_signal(&self.process, signal).with_context(|| format!("signal {}", self.line))
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self
            .child
            .try_wait()
            .with_context(|| format!("ask for {}", self.line))?
            .is_none())
    }

    /// Waits for its end. What others write to its output afterwards is not waited for.
    pub fn wait(mut self) -> Result<Finished> {
        let peak = self.wait_for_end()?;
        let status = self
            .child
            .wait()
            .with_context(|| format!("wait for {}", self.line))?;
        let took = self.started.elapsed();
        Ok(Finished {
            status,
            stdout: self.stdout.finish(),
            stderr: self.stderr.finish(),
            took,
            peak_memory: self.measure_memory.then_some(peak),
        })
    }

    /// Returns when the process has ended, with the most memory that was seen.
    fn wait_for_end(&self) -> Result<u64> {
        let pause = if self.measure_memory {
            Duration::from_micros(200)
        } else {
            Duration::from_secs(1)
        };
        let mut peak = 0;
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!(
                    "{} did not end within {:?}",
                    self.line,
                    self.deadline - self.started
                );
            }
            let wait = Timespec::try_from(pause.min(left)).context("compute a wait")?;
            let mut watched = [PollFd::new(&self.process, PollFlags::IN)];
            if poll(&mut watched, Some(&wait)).context("wait for a process")? > 0 {
                return Ok(peak);
            }
            if self.measure_memory {
                // The newest value counts, not the highest: before exec the figures are those of nsenter.
                peak = peak_memory(self.pid()).unwrap_or(peak);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn peak_memory(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<u64>()
        .ok()
        .map(|kilobytes| kilobytes * 1024)
}

/// How long output is read that others go on writing after the program's end.
const AFTERWARDS: Duration = Duration::from_secs(5);

/// Collects one of a program's outputs beside us.
#[derive(Debug)]
struct Output {
    chunks: Receiver<Vec<u8>>,
    ended: Arc<AtomicBool>,
}

impl Output {
    fn collect(pipe: Option<impl Read + AsFd + Send + 'static>) -> Result<Self> {
        let (sender, chunks) = channel();
        let ended = Arc::new(AtomicBool::new(false));
        if let Some(pipe) = pipe {
            let ended = ended.clone();
            thread("output", move || forward(pipe, &sender, &ended))?;
        }
        Ok(Self { chunks, ended })
    }

    /// All that the program has written. It has ended, so that all of it is in the pipe; others may keep that open.
    fn finish(&self) -> Vec<u8> {
        self.ended.store(true, Ordering::Release);
        let deadline = Instant::now() + AFTERWARDS;
        let mut all = Vec::new();
        while let Ok(chunk) = self.chunks.recv() {
            all.extend(chunk);
            if Instant::now() > deadline {
                break;
            }
        }
        all
    }
}

/// Passes on what comes, until the pipe is closed, or is empty after the program's end.
fn forward(mut pipe: impl Read + AsFd, sender: &Sender<Vec<u8>>, ended: &AtomicBool) {
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let mut block = vec![0; 65536];
    loop {
        let was_over = ended.load(Ordering::Acquire);
        let mut watched = [PollFd::new(&pipe, PollFlags::IN)];
        match poll(&mut watched, Some(&pause)) {
            Ok(0) if was_over => return,
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return,
        }
        let Ok(count @ 1..) = pipe.read(&mut block) else {
            return;
        };
        if sender.send(block[..count].to_vec()).is_err() {
            return;
        }
    }
}

fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .context("start a thread")?;
    Ok(())
}
