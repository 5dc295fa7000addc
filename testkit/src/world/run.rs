//! A program that is to run inside a world: its arguments, its environment, its input.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::running::{Finished, Running};

/// Where programs are looked for: also where people other than root don't.
pub(crate) fn search_path() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

/// A program to be run inside. Its environment holds `PATH` and what is set here, nothing else.
#[derive(Debug)]
pub struct Run {
    net: PathBuf,
    mount: PathBuf,
    root: PathBuf,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    working_directory: PathBuf,
    stdin: Vec<u8>,
    timeout: Duration,
    measure_memory: bool,
}

impl Run {
    pub(crate) fn new(net: PathBuf, mount: PathBuf, root: PathBuf, program: OsString) -> Self {
        Self {
            net,
            mount,
            root,
            program,
            arguments: Vec::new(),
            environment: vec![("PATH".into(), search_path())],
            working_directory: PathBuf::from("/"),
            stdin: Vec::new(),
            timeout: Duration::from_secs(60),
            measure_memory: false,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(
            arguments
                .into_iter()
                .map(|argument| argument.as_ref().to_owned()),
        );
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((key.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets several.
    pub fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        pairs
            .into_iter()
            .fold(self, |run, (key, value)| run.env(key, value))
    }

    /// Sets the working directory, `/` without it.
    pub fn working_directory(mut self, path: &Path) -> Self {
        self.working_directory = path.to_owned();
        self
    }

    /// What the program reads on its standard input.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// After this its whole process group is killed and the run is an error; a minute without it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Fills [`Finished::peak_memory`].
    pub fn measure_memory(mut self) -> Self {
        self.measure_memory = true;
        self
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Result<Finished> {
        self.spawn()?.wait()
    }

    /// Starts it and waits for its end; an exit status other than 0 is an error that shows its output.
    pub fn check(self) -> Result<Finished> {
        let line = self.line();
        let done = self.run()?;
        if !done.status.success() {
            bail!(
                "{line}: {}: {}{}",
                done.status,
                done.stdout_text().trim(),
                done.stderr_text().trim()
            );
        }
        Ok(done)
    }

    /// Starts it, as the leader of a process group.
    pub fn spawn(self) -> Result<Running> {
        let line = self.line();
        let mut command = crate::process::dies_with_us("nsenter");
        command
            .arg(with("--net=", &self.net))
            .arg(with("--mount=", &self.mount))
            .arg(with(
                "--wd=",
                &self.root.join(
                    self.working_directory
                        .strip_prefix("/")
                        .unwrap_or(&self.working_directory),
                ),
            ))
            .arg("--")
            .arg(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.process_group(0);
        let started = Instant::now();
        let child = crate::process::spawn(command)?;
        Running::watch(
            child,
            line,
            started,
            self.timeout,
            self.measure_memory,
            self.stdin,
        )
    }

    fn line(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn with(option: &str, path: &Path) -> OsString {
    let mut text = OsString::from(option);
    text.push(path);
    text
}
