//! Keeps kubeconfig and configuration as account and primary are.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cni::NetworkConf;
use plan::{Candidate, Whose};
use sys::files::{
    Durability, FileError, install, make_directory, primary_candidates, read_bounded,
    read_following, remove, remove_old_temporaries, write_atomic,
};
use sys::lock::{LockError, Presence};
use sys::watch::{DirWatcher, Pause};

use super::Failure;
use super::document::{Document, FILES, NoDocument, PLUGIN, generate};
use super::kubeconfig::Account;
use super::options::Options;

/// Below the runtime's configurations: what is ours alone.
const DIRECTORY: &str = "multus.d";
/// How often one looks though nothing is told.
const NET: Duration = Duration::from_secs(5);
/// Before our file is written again: another program may want it otherwise.
const PAUSE: Duration = Duration::from_secs(1);
/// How long an uninstallation, or a predecessor that ends, is waited for.
const TURN: Duration = Duration::from_secs(60);
/// How often one looks whether that is over.
const LOOK: Duration = Duration::from_millis(100);
/// No configuration file comes near it.
const LARGEST: u64 = 1 << 20;

/// Everything that is kept.
#[derive(Debug)]
pub(super) struct Keeper {
    options: Options,
    account: Account,
    /// The primary's file, once it was there.
    chosen: Option<String>,
    written: Option<Instant>,
    is_generated: bool,
    /// A daemon keeps the node's configuration.
    yields: bool,
    /// By it predecessor, successor and uninstallation know of each other.
    presence: Option<Presence>,
    /// Each told once.
    pub(super) troubles: [Option<String>; 2],
}

impl Keeper {
    pub(super) fn new(options: Options, account: Account) -> Self {
        Self {
            options,
            account,
            chosen: None,
            written: None,
            is_generated: false,
            yields: false,
            presence: None,
            troubles: [None, None],
        }
    }

    /// Begins, and goes on until the watcher is stopped.
    pub(super) fn run(&mut self, watcher: &DirWatcher) -> Result<(), Failure> {
        self.watch(watcher);
        if !self.begin(watcher)? {
            return Ok(());
        }
        loop {
            let wait = match self.written.map(|written| written.elapsed()) {
                Some(since) if since < PAUSE => PAUSE.saturating_sub(since),
                // Nobody tells when it ends, and pods wait for it in vain then.
                _ if self.yields => PAUSE,
                _ => NET,
            };
            if watcher.pause(wait, "") == Pause::Stopped {
                break;
            }
            self.watch(watcher);
            self.look();
        }
        if self.options.cleans_up {
            self.clean_up()?;
        }
        Ok(())
    }

    /// Before each look: what was made before the watch is not told.
    fn watch(&self, watcher: &DirWatcher) {
        let options = &self.options;
        for directory in [
            &options.primary_dir,
            &options.conf_dir,
            &self.account.directory,
        ] {
            watcher.watch(directory);
        }
        if let Some(directory) = options.own_file.as_deref().and_then(Path::parent) {
            watcher.watch(directory);
        }
    }

    /// What has to succeed, but for a primary that is not there yet. False where the watcher was stopped meanwhile.
    pub(super) fn begin(&mut self, watcher: &DirWatcher) -> Result<bool, Failure> {
        if let Some(plugin) = &self.options.plugin {
            install(plugin, &self.options.plugin_dir.join(PLUGIN))?;
        }
        self.make_own()?;
        make_directory(&self.options.networks_dir, 0o755)?;
        let Some(presence) = self.come(watcher) else {
            return Ok(false);
        };
        self.presence = presence;
        self.tidy();
        self.refresh()?;
        match self.options.own_file.clone() {
            Some(file) => self.copy(&file)?,
            None => {
                let generated = self.generate();
                if let Err(NoDocument::Never(failure)) = generated {
                    return Err(failure);
                }
                self.tell(1, trouble(generated));
            }
        }
        Ok(true)
    }

    /// Who clears the runtime's configurations away takes our directory along.
    fn make_own(&self) -> Result<(), FileError> {
        make_directory(&self.options.conf_dir.join(DIRECTORY), 0o755)
    }

    /// Waits for its turn; `None` where the watcher was stopped meanwhile. Where there are no locks, nobody knows of each other.
    fn come(&self, watcher: &DirWatcher) -> Option<Option<Presence>> {
        let directory = self.options.conf_dir.join(DIRECTORY);
        let until = Instant::now() + TURN;
        loop {
            match Presence::beside_others(&directory, Instant::now()) {
                Err(LockError::Busy { .. }) if Instant::now() < until => {}
                done => return Some(done.ok()),
            }
            if watcher.pause(LOOK, "") == Pause::Stopped {
                return None;
            }
        }
    }

    /// Takes away what a killed one left where it was writing. A daemon may be writing there now.
    fn tidy(&self) {
        let conf_dir = &self.options.conf_dir;
        for directory in [conf_dir.clone(), conf_dir.join(DIRECTORY)] {
            let _best_effort = remove_old_temporaries(&directory);
        }
    }

    /// What failed here may succeed the next time.
    fn look(&mut self) {
        self.tidy();
        let refreshed = self.refresh();
        self.tell(0, refreshed.err().map(|failure| failure.to_string()));
        let is_due = (self.options.watches || !self.is_generated)
            && self
                .written
                .is_none_or(|written| written.elapsed() >= PAUSE);
        if is_due {
            let trouble = match self.options.own_file.clone() {
                Some(file) => self.copy(&file).err().map(|failure| failure.to_string()),
                None => trouble(self.generate()),
            };
            self.tell(1, trouble);
        }
    }

    /// A configuration of the user's own, as it is now. What no runtime could use is not put before it.
    fn copy(&mut self, file: &Path) -> Result<(), Failure> {
        let wrong = |reason: String| Failure::OwnFile {
            file: file.display().to_string(),
            reason,
        };
        let to = copy_of(file, &self.options.conf_dir)?;
        let bytes = read_following(file, LARGEST)?;
        let bytes = bytes.ok_or_else(|| wrong("it is gone".to_owned()))?;
        let is_list = file.extension().is_some_and(|ending| ending == "conflist");
        let parsed = match is_list {
            true => NetworkConf::parse_list(&bytes),
            false => NetworkConf::parse_single(&bytes),
        };
        let parsed = parsed.map_err(|error| wrong(error.to_string()))?;
        if parsed.plugins().is_empty() {
            return Err(wrong(cni::ConfError::NoPlugins.to_string()));
        }
        let there = read_bounded(&to, LARGEST).ok().flatten();
        if there.as_ref() != Some(&bytes) {
            let about = fs::metadata(file).map_err(|error| wrong(error.to_string()))?;
            // Nobody else writes what root runs.
            let mode = about.permissions().mode() & 0o755;
            write_atomic(&to, &bytes, mode, Durability::FileAndDir)?;
            self.written = Some(Instant::now());
            sys::say!("multus config file {} is copied.", file.display());
        }
        self.is_generated = true;
        Ok(())
    }

    fn tell(&mut self, place: usize, trouble: Option<String>) {
        let Some(last) = self.troubles.get_mut(place) else {
            return;
        };
        if let Some(trouble) = trouble.as_ref().filter(|_| *last != trouble) {
            sys::complain!("thin_entrypoint: {trouble}");
        }
        *last = trouble;
    }

    fn kubeconfig_path(&self) -> PathBuf {
        self.options
            .conf_dir
            .join(DIRECTORY)
            .join("multus.kubeconfig")
    }

    /// The kubeconfig, as the account is now. Whatever the flags say: a token does not live long (Q80).
    fn refresh(&self) -> Result<(), Failure> {
        let text = self.account.kubeconfig().map_err(Failure::Account)?;
        let path = self.kubeconfig_path();
        let there = read_bounded(&path, LARGEST).ok().flatten();
        if there.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        self.make_own()?;
        write_atomic(&path, text.as_bytes(), 0o600, Durability::FileAndDir)?;
        sys::say!("kubeconfig is created in {}", path.display());
        Ok(())
    }

    /// Our configuration, as the primary is now.
    fn generate(&mut self) -> Result<(), NoDocument> {
        self.yields = sys::socket::is_served(&self.options.daemon);
        if self.yields {
            return Err(NoDocument::Wait(format!(
                "a daemon keeps this node's configuration: it answers at {}",
                self.options.daemon.display()
            )));
        }
        let io = |error: FileError| NoDocument::Wait(error.to_string());
        let (name, document) = self.document()?;
        let path = self.options.conf_dir.join(document.file);
        let there = read_bounded(&path, LARGEST).ok().flatten();
        if there.as_deref() != Some(document.text.as_bytes()) {
            let bytes = document.text.as_bytes();
            write_atomic(&path, bytes, 0o600, Durability::FileAndDir).map_err(io)?;
            self.written = Some(Instant::now());
            sys::say!("multus config file {} is created.", path.display());
        }
        self.is_generated = true;
        self.remove_ours(|file| file != document.file).map_err(io)?;
        if self.options.renames {
            let from = self.options.primary_dir.join(&name);
            let to = self.options.primary_dir.join(format!("{name}.old"));
            let renamed = fs::rename(&from, &to);
            renamed.map_err(|error| {
                NoDocument::Wait(format!("failed to rename {}: {error}", from.display()))
            })?;
            sys::say!(
                "Original master file moved to {:?}",
                to.display().to_string()
            );
        }
        self.chosen = Some(name);
        Ok(())
    }

    /// The primary's file and what follows from it. A broken file is waited for, never passed over.
    fn document(&self) -> Result<(String, Document), NoDocument> {
        let directory = &self.options.primary_dir;
        let master = self.options.master.as_deref();
        let mut files = primary_candidates(directory, master.map(Path::new))
            .map_err(|error| NoDocument::Wait(error.to_string()))?;
        files.retain(|file| Candidate::is_eligible(&file.name, master));
        files.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(chosen) = &self.chosen {
            let sibling = Candidate::sibling(chosen);
            let is = |name: &String| files.iter().any(|file| file.name == *name);
            let Some(now) = [Some(chosen.clone()), sibling]
                .into_iter()
                .flatten()
                .find(is)
            else {
                let gone = directory.join(chosen);
                return Err(NoDocument::Wait(format!(
                    "the primary's file {} is gone",
                    gone.display()
                )));
            };
            files.retain(|file| file.name == now);
        }
        for file in &files {
            match generate(file, &self.options.wishes) {
                Ok(document) => return Ok((file.name.clone(), document)),
                Err(NoDocument::Ours) => {}
                Err(NoDocument::Wait(reason)) => {
                    return Err(NoDocument::Wait(format!("{}: {reason}", file.name)));
                }
                Err(never) => return Err(never),
            }
        }
        Err(NoDocument::Wait(match master {
            Some(name) => format!(
                "{} (--multus-master-cni-file-name) is not there",
                directory.join(name).display()
            ),
            None => format!(
                "could not find a plugin configuration in {}",
                directory.display()
            ),
        }))
    }

    /// Removes configurations that are ours alone, and whose names are picked.
    fn remove_ours(&self, picked: impl Fn(&str) -> bool) -> Result<(), FileError> {
        for file in FILES.into_iter().filter(|file| picked(file)) {
            let path = self.options.conf_dir.join(file);
            let bytes = read_bounded(&path, LARGEST).ok().flatten();
            if bytes.is_some_and(|bytes| is_ours(&bytes)) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// B6.144, but for what a successor keeps by now.
    fn clean_up(&self) -> Result<(), Failure> {
        if self.presence.as_ref().is_some_and(|own| !own.is_alone()) {
            return Ok(());
        }
        match &self.options.own_file {
            Some(file) => remove(&copy_of(file, &self.options.conf_dir)?)?,
            None if self.yields => {}
            None => self.remove_ours(|_| true)?,
        }
        Ok(())
    }
}

/// Why nothing was generated.
fn trouble(generated: Result<(), NoDocument>) -> Option<String> {
    match generated.err()? {
        NoDocument::Ours => None,
        NoDocument::Wait(reason) => Some(format!("no primary network yet: {reason}")),
        NoDocument::Never(failure) => Some(failure.to_string()),
    }
}

fn copy_of(file: &Path, directory: &Path) -> Result<PathBuf, Failure> {
    let name = file.file_name();
    let name = name.ok_or_else(|| Failure::NoFileName(file.display().to_string()))?;
    Ok(directory.join(name))
}

/// Whether a configuration is Multus and nothing else.
fn is_ours(bytes: &[u8]) -> bool {
    NetworkConf::parse(bytes).is_ok_and(|conf| plan::whose(&conf, PLUGIN) == Whose::Multus)
}
