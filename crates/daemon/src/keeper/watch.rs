//! The edge of the keeper: it looks at the directories, does what [`Keeper`] says, and is told of changes by the kernel.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use plan::PRIMARY_RECORD;
use sys::files::{
    Durability, FileError, config_dir_listing, make_directory, primary_candidates, read_bounded,
    read_following, read_trusted, remove, remove_old_temporaries, write_atomic,
};
use sys::lock::{LockError, Presence};
use sys::watch::{DirWatcher, Left, Pause, Stop};

use super::{
    Before, Candidate, Found, How, Keeper, KeeperError, OUR_FILE, OUR_LIST, Own, Report, Sight,
    Status,
};
use crate::settings::{ConfigFile, Settings};

/// How often one looks though nothing is told: not everything tells (a file behind a symbolic link does not).
const NET: Duration = Duration::from_secs(5);

/// A limit that no configuration file comes near.
const LARGEST: u64 = 1 << 20;

/// More writes in a row than this are another program's doing: one goes on after a pause.
const WRITES: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// Where `thin_entrypoint` has its kubeconfig and is known to be there, below the runtime's configurations.
pub(crate) const DIRECTORY_OF_THIN: &str = "multus.d";

/// Who is told what the keeper does: the log, events, metrics. What it does with that must not wait for anybody: our
/// configuration is put back by the same thread.
pub trait Observer: Send + 'static {
    /// Something that people should know.
    fn report(&mut self, report: &Report);
}

impl<F: FnMut(&Report) + Send + 'static> Observer for F {
    fn report(&mut self, report: &Report) {
        self(report);
    }
}

/// The keeper at work, on a thread of its own. Dropping it ends the thread; our configuration stays (rows 1 and 4 of what
/// users report).
#[derive(Debug)]
pub struct Watch {
    status: Arc<Mutex<Status>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Looks once, does what is to be done, and goes on doing so.
    ///
    /// # Errors
    /// Settings that nothing can be generated from, or no thread or descriptor left.
    pub fn start(settings: &Settings, observer: impl Observer) -> Result<Self, KeeperError> {
        let mut work = Work::new(settings, observer)?;
        let stop = work.watcher.stop();
        let status = Arc::clone(&work.status);
        let wait = work.look(None);
        let thread = thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(move || work.follow(wait))?;
        Ok(Self {
            status,
            stop,
            thread: Some(thread),
        })
    }

    /// How things stand.
    #[must_use]
    pub fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    /// Whoever wants to know how things stand without holding this.
    pub fn status_of(&self) -> impl Fn() -> Status + Send + Sync + Clone + use<> {
        let status = Arc::clone(&self.status);
        move || lock(&status).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

/// Nothing is done while the lock is held but copying.
fn lock(status: &Mutex<Status>) -> MutexGuard<'_, Status> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where things lie.
#[derive(Debug)]
struct Places {
    own_dir: PathBuf,
    /// `multusAutoconfigDir`, where our configuration is generated.
    primaries: Option<PathBuf>,
    /// A file that counts whatever its name ends in.
    master: Option<PathBuf>,
    /// `multusConfigFile`, where our configuration is copied.
    source: Option<PathBuf>,
    readiness: Option<PathBuf>,
    record: PathBuf,
}

impl Places {
    fn new(settings: &Settings) -> Self {
        let source = match &settings.config_file {
            ConfigFile::Auto => None,
            ConfigFile::Copy(path) => Some(path.clone()),
        };
        Self {
            own_dir: settings.cni_config_dir.clone(),
            primaries: settings.autoconfig_dir.clone().filter(|_| source.is_none()),
            master: settings.master_file.clone(),
            source,
            readiness: settings.readiness_indicator_file.clone(),
            record: settings.netconf.cni_dir.join(PRIMARY_RECORD),
        }
    }

    /// All directories in which a change matters.
    fn watched(&self) -> impl Iterator<Item = &Path> {
        let files = [&self.source, &self.readiness];
        let above = files.into_iter().flatten().filter_map(|file| file.parent());
        let directories = [Some(self.own_dir.as_path()), self.primaries.as_deref()];
        directories.into_iter().flatten().chain(above)
    }
}

struct Work<O> {
    keeper: Keeper,
    places: Places,
    own: PathBuf,
    watcher: DirWatcher,
    observer: O,
    status: Arc<Mutex<Status>>,
    /// What the kernel told of our file since one last saw what there is.
    how: How,
    /// So that the same failure is told once.
    last_failure: Option<String>,
}

impl<O: Observer> Work<O> {
    fn new(settings: &Settings, observer: O) -> Result<Self, KeeperError> {
        let places = Places::new(settings);
        let record = match read_trusted(&places.record, 2 * LARGEST) {
            Err(error) if error.may_pass() => return Err(io::Error::from(error).into()),
            read => read.ok().flatten(),
        };
        let keeper = Keeper::new(settings, record.as_deref())?;
        Ok(Self {
            own: places.own_dir.join(keeper.own_name()),
            keeper,
            places,
            watcher: DirWatcher::new()?,
            observer,
            status: Arc::new(Mutex::new(Status::unseen())),
            how: How::Gone,
            last_failure: None,
        })
    }

    fn follow(mut self, mut wait: Duration) {
        let name = self.keeper.own_name().to_owned();
        while let Pause::Over { left } = self.watcher.pause(wait, &name) {
            wait = self.look(left);
        }
    }

    /// Looks and acts until there is nothing to do; says for how long.
    fn look(&mut self, left: Option<Left>) -> Duration {
        self.heard(left);
        let mut wait = PAUSE;
        // What a killed daemon, or another form of Multus, was writing.
        let _best_effort = remove_old_temporaries(&self.places.own_dir);
        for _ in 0..WRITES {
            self.watch();
            let sight = match self.sight_with_evidence() {
                Ok(sight) => sight,
                Err(error) => {
                    self.is_blind(error.to_string());
                    break;
                }
            };
            self.how = How::Gone;
            let actions = self.keeper.look(&sight, Instant::now());
            for report in &actions.reports {
                self.observer.report(report);
            }
            if let Some(record) = actions.record {
                self.record(record);
            }
            let wrote = actions
                .write
                .as_ref()
                .is_some_and(|write| self.write(write));
            // After a write one looks again, and only then tells how things stand.
            if !wrote {
                let left = |until: Instant| until.saturating_duration_since(Instant::now());
                wait = actions.wait_until.map_or(NET, left).min(NET);
                let mut status = actions.status;
                self.tidy(actions.remove);
                status.notes.extend(self.last_failure.clone());
                *lock(&self.status) = status;
                break;
            }
        }
        wait
    }

    /// What the kernel told stays known until one sees: a look may be blind.
    fn heard(&mut self, left: Option<Left>) {
        if let Some(left) = left {
            self.how = left.into();
        }
    }

    /// One could not look, for want of descriptors or memory, or because a disk fails: that says nothing of the files. How
    /// things stood stays, and nothing is written.
    fn is_blind(&mut self, reason: String) {
        let report = Report::Unseen { reason };
        let told = Some(report.to_string());
        let is_news = lock(&self.status).unseen != told;
        if is_news {
            self.observer.report(&report);
            lock(&self.status).unseen = told;
        }
    }

    /// Before each look: what was made before the watch is not told.
    fn watch(&self) {
        self.places
            .watched()
            .for_each(|directory| self.watcher.watch(directory));
        let primary = lock(&self.status).primary.clone();
        if let Some((directory, primary)) = self.places.primaries.as_ref().zip(primary) {
            self.watcher.watch(&directory.join(primary.conf.name()));
        }
    }

    /// For root alone, unless the file that is there may be read by others (B6.76); nobody else writes what root runs.
    fn write(&mut self, write: &super::Write) -> bool {
        let path = self.places.own_dir.join(&write.name);
        let mode = fs::symlink_metadata(&path)
            .ok()
            .filter(fs::Metadata::is_file)
            .map_or(0o600, |about| about.mode() & 0o755);
        let written = write_atomic(&path, &write.bytes, mode, Durability::FileAndDir);
        if let Some(report) = self.keeper.wrote(write, written.is_ok(), Instant::now()) {
            self.observer.report(&report);
        }
        self.told(written)
    }

    /// Removes what another form of Multus left, but not while `thin_entrypoint` is there: it would put that back, and take ours
    /// away.
    fn tidy(&mut self, files: Vec<(String, Vec<u8>)>) {
        if files.is_empty() {
            return;
        }
        let directory = self.places.own_dir.join(DIRECTORY_OF_THIN);
        let own = match Presence::beside_others(&directory, Instant::now()) {
            Ok(own) if own.is_alone() => Some(own),
            // Without the directory nobody is there.
            Err(LockError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            _ => return,
        };
        for (file, bytes) in files {
            let removed = remove_same(&self.places.own_dir.join(&file), &bytes);
            let is_gone = matches!(removed, Ok(true));
            if is_gone {
                self.keeper.removed(&file);
            }
            if self.told(removed.map(drop)) && is_gone {
                self.observer.report(&Report::LeftOverRemoved { file });
            }
        }
        drop(own);
    }

    fn record(&mut self, record: Vec<u8>) {
        // `cniDir` may not be there before the first pod.
        let made = match self.places.record.parent() {
            Some(above) => make_directory(above, 0o700),
            None => Ok(()),
        };
        let written = made.and_then(|()| {
            write_atomic(&self.places.record, &record, 0o600, Durability::FileAndDir)
        });
        if self.told(written) {
            self.keeper.recorded(record);
        }
    }

    /// Tells of a failure, once while it lasts; whether there was none.
    fn told(&mut self, written: Result<(), FileError>) -> bool {
        let failure = written.err().map(|error| error.to_string());
        if let Some(reason) = failure.clone().filter(|_| failure != self.last_failure) {
            self.observer.report(&Report::WriteFailed { reason });
        }
        self.last_failure = failure;
        self.last_failure.is_none()
    }

    /// Where our file is gone, the kernel has told how, or is about to: a look may be quicker than that.
    fn sight_with_evidence(&mut self) -> Result<Sight, FileError> {
        let sight = self.sight()?;
        let Own::Missing { how: How::Gone } = sight.own else {
            return Ok(sight);
        };
        match self.watcher.pause(Duration::ZERO, self.keeper.own_name()) {
            // What was told may concern the other files too.
            Pause::Over { left } => {
                self.heard(left);
                self.sight()
            }
            Pause::Stopped => Ok(sight),
        }
    }

    /// # Errors
    /// Something that may pass, and says nothing of what is there.
    fn sight(&self) -> Result<Sight, FileError> {
        let list = self
            .places
            .own_dir
            .join(format!("{}list", self.keeper.own_name()));
        let is_there = |file: &PathBuf| sys::wait::is_there(file);
        Ok(Sight {
            files: self.candidates()?,
            copied: self.copied(),
            own: found(&self.own, &self.how)?,
            list: unless_passing(read_bounded(&list, LARGEST))?.ok().flatten(),
            beside: self.beside()?,
            before: before(&self.places.own_dir, self.keeper.own_name())?,
            is_ready: self.places.readiness.as_ref().is_none_or(is_there),
        })
    }

    fn beside(&self) -> Result<Vec<(String, Vec<u8>)>, FileError> {
        let mut beside = Vec::new();
        for name in [OUR_FILE, OUR_LIST] {
            let read = read_bounded(&self.places.own_dir.join(name), LARGEST);
            if let Ok(Some(bytes)) = unless_passing(read)?
                && name != self.keeper.own_name()
            {
                beside.push((name.to_owned(), bytes));
            }
        }
        Ok(beside)
    }

    fn candidates(&self) -> Result<Result<Vec<Candidate>, String>, FileError> {
        let Some(directory) = &self.places.primaries else {
            return Ok(Ok(Vec::new()));
        };
        let read = primary_candidates(directory, self.places.master.as_deref());
        Ok(unless_passing(read)?.map_err(|error| error.to_string()))
    }

    fn copied(&self) -> Result<Vec<u8>, String> {
        let source = self
            .places
            .source
            .as_deref()
            .unwrap_or_else(|| Path::new(""));
        match read_following(source, LARGEST) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(format!("{} does not exist", source.display())),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl From<Left> for How {
    fn from(left: Left) -> Self {
        match left {
            Left::Removed | Left::Moved => Self::Removed,
            Left::RenamedTo(name) => Self::RenamedTo(name),
        }
    }
}

/// Tells what is wrong with a file from what keeps one from looking at it.
fn unless_passing<T>(read: Result<T, FileError>) -> Result<Result<T, FileError>, FileError> {
    match read {
        Err(error) if error.may_pass() => Err(error),
        read => Ok(read),
    }
}

/// Our own file, with what is known of who wrote it.
fn found(path: &Path, how: &How) -> Result<Own, FileError> {
    let bytes = match unless_passing(read_bounded(path, LARGEST))? {
        Ok(None) => {
            return Ok(Own::Missing { how: how.clone() });
        }
        read => read.ok().flatten(),
    };
    let about = fs::symlink_metadata(path).ok();
    let modified = about.as_ref().and_then(|about| about.modified().ok());
    Ok(Own::There(Found {
        bytes,
        owner: about.map(|about| about.uid()),
        age: modified.and_then(|when| when.elapsed().ok()),
    }))
}

/// Removes a file with these bytes; whether it had them still. Another program may have put its plugin into it since one looked.
fn remove_same(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    if read_bounded(path, LARGEST)?.as_deref() != Some(bytes) {
        return Ok(false);
    }
    remove(path)?;
    Ok(true)
}

/// What a runtime would take before ours, or stumble over.
fn before(directory: &Path, ours: &str) -> Result<Vec<Before>, FileError> {
    let Ok(listing) = unless_passing(config_dir_listing(directory))? else {
        return Ok(Vec::new());
    };
    let mut before = Vec::new();
    let files = listing.files.into_iter();
    for (file, bytes) in files.take_while(|(file, _)| file.as_str() < ours) {
        let is_broken = cni::NetworkConf::parse(&bytes).is_err();
        before.push(Before { file, is_broken });
    }
    for error in listing.unreadable {
        match error.unread_file() {
            Some(file) if file.as_str() < ours => {
                if error.may_pass() {
                    return Err(error);
                }
                let is_broken = true;
                before.push(Before { file, is_broken });
            }
            _ => {}
        }
    }
    Ok(before)
}

#[cfg(test)]
mod tests;
