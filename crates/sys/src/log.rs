//! The log: lines for people, on stderr and in a file.
//!
//! Each message is one line that leaves in one write, so that the lines of many processes can share a file or a pipe.
//! Nothing happens before the first line: no file is opened, no thread started. A log that cannot be written never
//! fails what it tells of, and never holds it up for longer than [`PATIENCE`].

mod backups;
mod clock;
mod file;
mod line;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use file::LogFile;

/// How long a line waits for a reader of stderr, or for the others that write to the same file.
pub const PATIENCE: Duration = Duration::from_millis(100);

/// What a pipe takes in one piece; longer lines are cut on stderr, and stand whole in the file.
const PIPE_LINE: usize = 4096;

/// How much is told, from least to most (B9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Faults of the program itself.
    Panic,
    /// What failed, and warnings.
    Error,
    /// Each decision, one line.
    Verbose,
    /// What a decision rests on.
    Debug,
}

impl Level {
    /// A level by its name, in any case (B9.3).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Panic, Self::Error, Self::Verbose, Self::Debug]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(name))
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Error => "error",
            Self::Verbose => "verbose",
            Self::Debug => "debug",
        }
    }
}

/// When a file is put aside, and what becomes of those that were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// A line that would make the file longer begins a new one.
    pub max_bytes: u64,
    /// How long old files are kept.
    pub max_age: Option<Duration>,
    /// How many old files are kept.
    pub max_backups: Option<usize>,
    /// Whether old files are compressed.
    pub compress: bool,
}

/// Where lines go, and which.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Lines up to this level are written.
    pub level: Level,
    /// To stderr.
    pub to_stderr: bool,
    /// To this file.
    pub file: Option<(PathBuf, Rotation)>,
}

/// A log. Until it is told otherwise, errors and warnings go to stderr.
#[derive(Debug, Default)]
pub struct Log {
    sinks: OnceLock<Sinks>,
}

#[derive(Debug)]
struct Sinks {
    level: Level,
    to_stderr: bool,
    file: Option<LogFile>,
    /// The file cannot be written; that was told, and lines go to stderr instead.
    broken: AtomicBool,
}

impl Log {
    /// What is told where nothing else is said. Upstream's is [`Level::Panic`], so that errors are lost.
    pub const DEFAULT_LEVEL: Level = Level::Error;

    /// A log that writes errors and warnings to stderr.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sinks: OnceLock::new(),
        }
    }

    /// Says where lines go from now on. Counts once: a log belongs to one configuration (Q51).
    pub fn configure(&self, settings: Settings) {
        let sinks = Sinks {
            level: settings.level,
            to_stderr: settings.to_stderr,
            file: settings
                .file
                .map(|(path, rotation)| LogFile::new(path, rotation)),
            broken: AtomicBool::new(false),
        };
        let _only_the_first = self.sinks.set(sinks);
    }

    /// Says what is wrong with the log's own settings; on stderr, whatever they are (B9.3).
    pub fn complain(message: impl fmt::Display) {
        to_stderr(&line::complaint(message));
    }

    /// Whether lines of this level are written: for messages that are costly to put together.
    #[must_use]
    pub fn is_told(&self, level: Level) -> bool {
        let told = self
            .sinks
            .get()
            .map_or(Self::DEFAULT_LEVEL, |sinks| sinks.level);
        level <= told
    }

    /// A fault of this program.
    pub fn panic(&self, message: impl fmt::Display) {
        self.write(Level::Panic, message);
    }

    /// Something failed.
    pub fn error(&self, message: impl fmt::Display) {
        self.write(Level::Error, message);
    }

    /// Something that people should know of did not fail: an error line that says so (B9.1).
    pub fn warning(&self, message: impl fmt::Display) {
        self.write(Level::Error, format_args!("warning: {message}"));
    }

    /// What was decided or done.
    pub fn verbose(&self, message: impl fmt::Display) {
        self.write(Level::Verbose, message);
    }

    /// What it rests on.
    pub fn debug(&self, message: impl fmt::Display) {
        self.write(Level::Debug, message);
    }

    fn write(&self, level: Level, message: impl fmt::Display) {
        if !self.is_told(level) {
            return;
        }
        let line = line::line(&clock::local_now(), level.name(), message);
        match self.sinks.get() {
            None => to_stderr(&line),
            Some(sinks) => sinks.write(&line),
        }
    }

    /// Compresses old log files and removes those that are too many or too old. Takes as long as that takes, about a second
    /// for 100 MB: for when nobody waits.
    pub fn tidy(&self, deadline: Instant) {
        if let Some(Sinks {
            file: Some(file), ..
        }) = self.sinks.get()
            && let Err(error) = file.tidy(deadline)
        {
            self.warning(format_args!(
                "old log files of {} are left as they are: {error}",
                file.path().display()
            ));
        }
    }
}

impl Sinks {
    fn write(&self, line: &str) {
        let mut kept = false;
        if let Some(file) = &self.file {
            match file.append(line) {
                Ok(()) => kept = true,
                Err(error) => self.tell_broken(file, &error),
            }
        }
        if self.to_stderr || (self.file.is_some() && !kept) {
            to_stderr(line);
        }
    }

    fn tell_broken(&self, file: &LogFile, error: &io::Error) {
        if !self.broken.swap(true, Ordering::Relaxed) {
            Log::complain(format_args!(
                "cannot write {}: {error}",
                file.path().display()
            ));
        }
    }
}

/// Writes a line to stderr, unless nobody reads there.
fn to_stderr(line: &str) {
    let stderr = io::stderr();
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(PATIENCE.subsec_nanos()),
    };
    let writable = poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&patience));
    if writable.is_ok_and(|count| count > 0) {
        let _nobody_to_tell =
            io::Write::write(&mut stderr.lock(), line::cut(line, PIPE_LINE).as_bytes());
    }
}
