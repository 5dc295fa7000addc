//! Running CNI plugins: [`HostExec`].

mod capture;
mod find;
mod group;
mod root;
mod spawn;
mod talk;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::ffi::{CString, OsStr};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use cni::exec::{Call, Exec, FindError, Output, SpawnError, Status};

use self::spawn::{Child, Pipes};
use crate::environment;

/// How long [`HostExec`] waits, and how much it keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of standard output that are kept; what follows is read and dropped.
    pub stdout: usize,
    /// Bytes of standard error that are kept: half from the beginning, half from the end.
    pub stderr: usize,
    /// From SIGTERM to SIGKILL.
    pub term_grace: Duration,
    /// How long pipes are still read that a process left behind by the plugin holds open.
    pub pipe_grace: Duration,
    /// In all, for a program whose file is open for writing.
    pub busy: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stdout: 1 << 20,
            stderr: 64 << 10,
            term_grace: Duration::from_secs(2),
            pipe_grace: Duration::from_millis(100),
            busy: Duration::from_secs(5),
        }
    }
}

/// Runs plugins as child processes of this one.
pub struct HostExec {
    /// `NAME=value`, as the kernel takes them.
    inherited: Vec<CString>,
    limits: Limits,
    root: Option<PathBuf>,
    /// Of the next child. They are made while one runs: nobody waits for that.
    pipes: Mutex<Option<Pipes>>,
}

impl HostExec {
    /// Children inherit the environment as it is now, without any `CNI_*` but `CNI_NETNS_OVERRIDE`: whoever lets us run
    /// in the sandbox lets them.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        const OVERRIDE: &str = "CNI_NETNS_OVERRIDE";
        let mut inherited = environment::without_prefix("CNI_");
        if let Some(value) = environment::get(OVERRIDE) {
            inherited.push((OVERRIDE.into(), value.into()));
        }
        spawn::keep_a_page();
        let variables = inherited.iter();
        Self {
            // What is in the environment has no NUL.
            inherited: variables
                .filter_map(|(name, value)| variable(name, value).ok())
                .collect(),
            limits,
            root: None,
            pipes: Mutex::default(),
        }
    }

    /// Children have this root directory, and work in it. They are looked for without it (B6.60): a directory of plugins has
    /// the same path here and there.
    #[must_use]
    pub fn in_root(self, root: PathBuf) -> Self {
        Self {
            root: Some(root),
            ..self
        }
    }

    fn spawn(&self, call: &Call<'_>) -> io::Result<Child> {
        let own = call.env.iter();
        let own = own.map(|(name, value)| variable(name.as_ref(), value.as_ref()));
        let own = own.collect::<io::Result<Vec<_>>>()?;
        let all = self.inherited.iter().chain(&own);
        let pipes = self.next_pipes().take().map_or_else(Pipes::new, Ok)?;
        spawn::spawn(call.program, all.map(CString::as_c_str), pipes)
    }

    fn next_pipes(&self) -> MutexGuard<'_, Option<Pipes>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, call: &Call<'_>, meanwhile: &dyn Fn()) -> Result<Child, SpawnError> {
        match &self.root {
            None => self.start_here(call, meanwhile),
            // What is done meanwhile is done in our own root.
            Some(root) => root::in_root(root, || self.start_here(call, &|| ()))
                .unwrap_or_else(|error| Err(failure(call, error, 1))),
        }
    }

    /// Starts the plugin, once more after a moment where that may help. Each attempt is a new child.
    fn start_here(&self, call: &Call<'_>, meanwhile: &dyn Fn()) -> Result<Child, SpawnError> {
        let begin = Instant::now();
        let busy_until = call.deadline.min(begin + self.limits.busy);
        let mut pause = Duration::from_millis(50);
        let mut short_of_resources = false;
        let mut attempts = 1;
        loop {
            let error = match self.spawn(call) {
                Ok(child) => return Ok(child),
                Err(error) => error,
            };
            let again = match classify(&error) {
                Refusal::Busy => Instant::now() + pause < busy_until,
                Refusal::Resources => !std::mem::replace(&mut short_of_resources, true),
                Refusal::Final => false,
            };
            if !again {
                return Err(failure(call, error, attempts));
            }
            meanwhile();
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
            attempts += 1;
        }
    }
}

impl Default for HostExec {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl fmt::Debug for HostExec {
    // The environment may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostExec")
            .field("limits", &self.limits)
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

impl Exec for HostExec {
    fn find(&self, plugin_type: &str, path: &[PathBuf]) -> Result<PathBuf, FindError> {
        find::find(plugin_type, path)
    }

    fn run_beside(&self, call: &Call<'_>, meanwhile: &dyn Fn()) -> Result<Output, SpawnError> {
        // `find` gives absolute paths only. Anything else would be looked up in PATH.
        if !call.program.is_absolute() {
            return Err(failure(
                call,
                io::Error::new(io::ErrorKind::InvalidInput, "not an absolute path"),
                0,
            ));
        }
        if Instant::now() >= call.deadline {
            return Ok(Output {
                status: Status::TimedOut,
                stdout: Vec::new(),
                stdout_cut: false,
                stderr: Vec::new(),
            });
        }
        let done = Cell::new(false);
        let once = || {
            if !done.replace(true) {
                meanwhile();
            }
        };
        let child = self.start(call, &once)?;
        let (request, deadline) = (call.stdin, call.deadline);
        let beside = || {
            once();
            *self.next_pipes() = Pipes::new().ok();
        };
        talk::talk(child, request, deadline, &self.limits, beside).map_err(|error| SpawnError {
            started: true,
            ..failure(call, error, 1)
        })
    }
}

/// `NAME=value`.
fn variable(name: &OsStr, value: &OsStr) -> io::Result<CString> {
    let text = [name.as_bytes(), b"=", value.as_bytes()].concat();
    CString::new(text).map_err(Into::into)
}

enum Refusal {
    /// The file is being written: an update of the plugin in place.
    Busy,
    /// No process, memory or descriptor to be had right now.
    Resources,
    Final,
}

fn classify(error: &io::Error) -> Refusal {
    match error
        .raw_os_error()
        .map(rustix::io::Errno::from_raw_os_error)
    {
        Some(rustix::io::Errno::TXTBSY) => Refusal::Busy,
        Some(
            rustix::io::Errno::AGAIN
            | rustix::io::Errno::NOMEM
            | rustix::io::Errno::MFILE
            | rustix::io::Errno::NFILE,
        ) => Refusal::Resources,
        _ => Refusal::Final,
    }
}

fn failure(call: &Call<'_>, source: io::Error, attempts: u32) -> SpawnError {
    SpawnError {
        program: Path::to_path_buf(call.program),
        source,
        attempts,
        started: false,
    }
}
