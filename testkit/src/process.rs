//! Child processes that never outlive the test: they die with us, also when we are killed.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};

/// A command whose process the kernel kills when its parent is gone; to be started with [`spawn`].
///
/// `setpriv` asks the kernel for it between `fork` and `exec`, which Rust's `Command` could do by unsafe code only.
pub fn dies_with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program);
    command
}

/// Starts a command from a thread that lives as long as this process.
///
/// The kernel's parent is a thread: what a test's own thread starts with [`dies_with_us`] would die with that test, and a server is
/// shared by many.
pub fn spawn(command: Command) -> anyhow::Result<Child> {
    let line = words(&command);
    let (answer, answered) = channel();
    let parent = parent()?
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let gone = || format!("failed to start {line}: the thread that starts processes is gone");
    parent
        .send(Request { command, answer })
        .ok()
        .with_context(gone)?;
    answered
        .recv()
        .ok()
        .with_context(gone)?
        .with_context(|| format!("failed to start {line}"))
}

struct Request {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

fn parent() -> anyhow::Result<&'static Mutex<Sender<Request>>> {
    static PARENT: OnceLock<Mutex<Sender<Request>>> = OnceLock::new();
    if let Some(parent) = PARENT.get() {
        return Ok(parent);
    }
    let (sender, requests) = channel();
    thread::Builder::new()
        .name("process-parent".to_owned())
        .spawn(move || serve(&requests))
        .context("failed to start a thread")?;
    // Who came second has started a thread that ends at once, because its sender is dropped here.
    Ok(PARENT.get_or_init(|| Mutex::new(sender)))
}

fn serve(requests: &Receiver<Request>) {
    for mut request in requests {
        // Whoever asked may have given up.
        let _ = request.answer.send(request.command.spawn());
    }
}

/// A command as a person would type it, for messages.
pub fn words(command: &Command) -> String {
    let all = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = all.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// The last lines of a file, for messages; empty when it cannot be read.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// A server that a test runs, with its output in a file. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a server. Its stdout and stderr are appended to `log`.
    pub fn start(name: &str, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("failed to open the log {} of {name}", log.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        Ok(Self {
            name: name.to_owned(),
            child: spawn(command)?,
            log: log.to_owned(),
        })
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where the output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// An error that shows the end of the log, when the server has ended by itself.
    pub fn ensure_running(&mut self) -> anyhow::Result<()> {
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("failed to ask for the state of {}", self.name))?;
        match status {
            None => Ok(()),
            Some(status) => {
                anyhow::bail!(
                    "{} has ended ({status}); the end of its log:\n{}",
                    self.name,
                    tail(&self.log, 20)
                )
            }
        }
    }

    /// Sends a signal to the server.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("failed to send signal {} to {}", signal.as_raw(), self.name))
    }

    /// Asks the server to end (SIGTERM), and kills it when it did not within `grace`.
    pub fn stop(mut self, grace: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        let deadline = Instant::now() + grace;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill()
    }

    /// Kills the server, and returns when it is gone and its ports are free.
    pub fn kill(mut self) -> anyhow::Result<ExitStatus> {
        let Self { name, child, .. } = &mut self;
        child
            .kill()
            .with_context(|| format!("failed to kill {name}"))?;
        child
            .wait()
            .with_context(|| format!("failed to wait for {name}"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A process that was waited for is not signalled again: `Child` knows.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(log: &Path) -> Server {
        let mut command = dies_with_us("sleep");
        command.arg("60");
        Server::start("sleep", command, log).unwrap()
    }

    #[test]
    fn server_survives_the_thread_that_started_it_and_dies_when_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut server = thread::scope(|scope| scope.spawn(|| sleeper(&log)).join()).unwrap();
        let process = PathBuf::from(format!("/proc/{}", server.pid()));

        server.ensure_running().unwrap();
        assert!(process.exists());
        drop(server);
        assert!(!process.exists());
    }

    #[test]
    fn server_that_ended_is_reported_with_its_log() {
        let directory = tempfile::tempdir().unwrap();
        let mut command = dies_with_us("sh");
        command.args(["-c", "echo no such flag >&2; exit 3"]);
        let mut server = Server::start("sh", command, &directory.path().join("log")).unwrap();
        server.child.wait().unwrap();

        let error = server.ensure_running().unwrap_err().to_string();
        assert!(error.contains("sh has ended"), "{error}");
        assert!(error.contains("no such flag"), "{error}");
    }

    #[test]
    fn program_that_does_not_exist_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut server =
            Server::start("nonsense", dies_with_us("/nonexistent/program"), &log).unwrap();
        server.child.wait().unwrap();

        let error = server.ensure_running().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/program"), "{error}");
    }
}
