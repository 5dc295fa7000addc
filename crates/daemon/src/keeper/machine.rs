//! The keeper's state machine: what is seen in, what is to be done out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use plan::{PrimaryRecord, Whose};

use super::primary::{Choice, Chooser};
use super::upkeep::{Step, Upkeep};
use super::{Candidate, Generator, KeeperError, OUR_FILE, Own, Primary, Report, Status, Write};
use crate::settings::{ConfigFile, Settings};

/// So many things are told of a configuration's state at once; log and events have all of them.
const NOTES: usize = 8;

/// What the directories hold at one moment.
#[derive(Debug, Clone)]
pub struct Sight {
    /// The files of `multusAutoconfigDir`, or why it cannot be read. Empty where our configuration is copied.
    pub files: Result<Vec<Candidate>, String>,
    /// The file that is copied, or why it cannot be read. Not looked at where our configuration is generated.
    pub copied: Result<Vec<u8>, String>,
    /// Our own file in `cniConfigDir`.
    pub own: Own,
    /// The bytes of the file of the same name that ends in `.conflist`.
    pub list: Option<Vec<u8>>,
    /// The files under Multus' names beside our own, with their bytes.
    pub beside: Vec<(String, Vec<u8>)>,
    /// Configurations of `cniConfigDir` that sort before ours.
    pub before: Vec<Before>,
    /// Whether the readiness file is there; true where there is to be none.
    pub is_ready: bool,
}

/// A file that sorts before ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Before {
    /// Its name.
    pub file: String,
    /// It is no configuration.
    pub is_broken: bool,
}

impl Sight {
    /// What lies there under our names, the one that a runtime takes first.
    fn ours(&self) -> impl Iterator<Item = &[u8]> {
        let own = match &self.own {
            Own::There(found) => found.bytes.as_deref(),
            Own::Missing { .. } => None,
        };
        own.into_iter().chain(self.list.as_deref())
    }
}

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Actions {
    /// A file to write. Whoever does it tells [`Keeper::wrote`], and looks again.
    pub write: Option<Write>,
    /// Files to remove while they have these bytes, which another form of Multus left. Whoever does it tells [`Keeper::removed`].
    pub remove: Vec<(String, Vec<u8>)>,
    /// The record of the primary to write into `cniDir`. Whoever does it tells [`Keeper::recorded`].
    pub record: Option<Vec<u8>>,
    /// What to tell.
    pub reports: Vec<Report>,
    /// When to look again though nothing changed.
    pub wait_until: Option<Instant>,
    /// How things stand.
    pub status: Status,
}

/// Keeps our configuration in force, and follows the primary.
#[derive(Debug)]
pub struct Keeper {
    source: Source,
    upkeep: Upkeep,
    directory: String,
    is_plain: bool,
    /// What our plugin is called.
    plugin_type: String,
    /// What of Multus alone lay beside our file when we came.
    left_over: Option<Vec<(String, Vec<u8>)>>,
    recorded: Option<Vec<u8>>,
    told: BTreeSet<Report>,
    repairs: u64,
}

/// Where our configuration comes from.
#[derive(Debug)]
enum Source {
    Generated(Box<Chooser>),
    /// What was last read whole.
    Copied(Option<Vec<u8>>),
}

impl Keeper {
    /// With the record that a predecessor left in `cniDir`.
    ///
    /// # Errors
    /// [`KeeperError`]: settings that nothing can be generated from.
    pub fn new(settings: &Settings, record: Option<&[u8]>) -> Result<Self, KeeperError> {
        let directory = settings.autoconfig_dir.clone().unwrap_or_default();
        let directory = directory.to_string_lossy().into_owned();
        let (source, name) = match &settings.config_file {
            ConfigFile::Auto => {
                let record = record.and_then(PrimaryRecord::decode);
                let chooser = Chooser::new(
                    Generator::new(settings)?,
                    master(settings)?,
                    &directory,
                    record,
                );
                (Source::Generated(Box::new(chooser)), OUR_FILE.to_owned())
            }
            ConfigFile::Copy(path) => {
                let name = path.file_name().ok_or(KeeperError::NoFileName)?;
                (Source::Copied(None), name.to_string_lossy().into_owned())
            }
        };
        Ok(Self {
            source,
            upkeep: Upkeep::new(name),
            directory,
            is_plain: settings.plain_pods_without_daemon
                && settings.plain_pods_get_the_primary_alone(),
            plugin_type: settings.generated.plugin_type.clone(),
            left_over: None,
            recorded: None,
            told: BTreeSet::new(),
            repairs: 0,
        })
    }

    /// Our own file's name in `cniConfigDir`.
    #[must_use]
    pub fn own_name(&self) -> &str {
        self.upkeep.name()
    }

    /// Compares what is seen with what should be.
    pub fn look(&mut self, sight: &Sight, now: Instant) -> Actions {
        let (mut choice, wanted) = self.choose(sight, now);
        let step = match &wanted {
            Some(wanted) => self.keep(wanted, sight, now),
            None => Step::default(),
        };
        let shadows = sight
            .before
            .iter()
            .map(|file| Report::Shadowed(file.clone()));
        choice.standing.extend(shadows);
        choice.standing.extend(step.standing);
        choice.news.extend(step.news);
        let left_over = self.left_over(sight);
        let remove = if step.in_force { left_over } else { Vec::new() };
        let primary = self.primary().cloned();
        let unready =
            (!sight.is_ready).then(|| "the readiness indicator file is not there".to_owned());
        let cannot_attach = choice.trouble.take().or(unready);
        let out_of_force =
            (!step.in_force).then(|| "Multus' configuration is not in force".to_owned());
        let warnings = choice.standing.iter().filter(|report| report.is_warning());
        let notes = warnings.map(ToString::to_string);
        let notes = notes.filter(|note| cannot_attach.as_ref() != Some(note));
        let status = Status {
            former: self.former(),
            notes: notes.take(NOTES).collect(),
            unseen: None,
            not_ready: cannot_attach.clone().or(out_of_force),
            cannot_attach,
            primary,
            in_force: step.in_force,
            before_ours: sight.before.len(),
            repairs: self.repairs,
        };
        let both = [choice.wait_until, step.wait_until];
        Actions {
            record: self.record(),
            reports: self.told(choice),
            wait_until: both.into_iter().flatten().min(),
            write: step.write,
            remove,
            status,
        }
    }

    /// What came of a write; what to tell of it.
    pub fn wrote(&mut self, write: &Write, good: bool, now: Instant) -> Option<Report> {
        let report = self.upkeep.wrote(write, good, now);
        if matches!(report, Some(Report::Repaired { .. })) {
            self.repairs += 1;
        }
        report
    }

    /// The record was written.
    pub fn recorded(&mut self, record: Vec<u8>) {
        self.recorded = Some(record);
    }

    /// A file that was left over was removed.
    pub fn removed(&mut self, file: &str) {
        if let Some(left_over) = &mut self.left_over {
            left_over.retain(|(name, _)| name != file);
        }
    }

    fn primary(&self) -> Option<&Arc<Primary>> {
        match &self.source {
            Source::Generated(chooser) => chooser.chosen(),
            Source::Copied(_) => None,
        }
    }

    fn former(&self) -> Vec<String> {
        match &self.source {
            Source::Generated(chooser) => chooser.all_former().to_vec(),
            Source::Copied(_) => Vec::new(),
        }
    }

    /// What our configuration should be.
    fn choose(&mut self, sight: &Sight, now: Instant) -> (Choice, Option<Vec<u8>>) {
        let mut choice = Choice::default();
        match &mut self.source {
            Source::Generated(chooser) => {
                match &sight.files {
                    Ok(files) => choice = chooser.choose(files, sight.ours(), now),
                    Err(reason) => choice.fails(Report::NoPrimary {
                        reason: reason.clone(),
                    }),
                }
                let generated = chooser
                    .chosen()
                    .map(|primary| chooser.generator().generate(primary));
                match generated.transpose() {
                    Ok(wanted) => (choice, wanted),
                    Err(error) => {
                        choice.fails(Report::WriteFailed {
                            reason: error.to_string(),
                        });
                        (choice, None)
                    }
                }
            }
            Source::Copied(last) => {
                match copied(&sight.copied) {
                    Ok(bytes) => *last = Some(bytes),
                    Err(reason) => {
                        let report = Report::WriteFailed {
                            reason: format!("multusConfigFile: {reason}"),
                        };
                        match last {
                            Some(_) => choice.standing.push(report),
                            None => choice.fails(report),
                        }
                    }
                }
                (choice, last.clone())
            }
        }
    }

    fn keep(&mut self, wanted: &[u8], sight: &Sight, now: Instant) -> Step {
        let generator = match &self.source {
            Source::Generated(chooser) => Some(chooser.generator()),
            Source::Copied(_) => None,
        };
        let list = generator.zip(sight.list.as_deref());
        self.upkeep
            .look(wanted, &sight.own, list, !sight.is_ready, now)
    }

    /// What is still there of another form of Multus, as it was when we came: nobody keeps that any more. What comes later is
    /// somebody's.
    fn left_over(&mut self, sight: &Sight) -> Vec<(String, Vec<u8>)> {
        let is_alone = |(_, bytes): &&(String, Vec<u8>)| {
            let conf = cni::NetworkConf::parse(bytes);
            conf.is_ok_and(|conf| plan::whose(&conf, &self.plugin_type) == Whose::Multus)
        };
        let now: Vec<_> = sight.beside.iter().filter(is_alone).cloned().collect();
        let before = self.left_over.get_or_insert_with(|| now.clone());
        before.retain(|file| now.contains(file));
        before.clone()
    }

    /// The record of the primary, where it is not written yet.
    fn record(&self) -> Option<Vec<u8>> {
        let Source::Generated(chooser) = &self.source else {
            return None;
        };
        let primary = chooser.chosen()?;
        let record = PrimaryRecord {
            directory: self.directory.clone(),
            file: primary.file.clone(),
            former: chooser.former().map(str::to_owned),
            all_former: chooser.all_former().to_vec(),
            content: String::from_utf8_lossy(&primary.content).into_owned(),
            configuration: String::from_utf8_lossy(primary.conf.bytes()).into_owned(),
            plain: self.is_plain,
            ..PrimaryRecord::default()
        };
        let record = record.encode().ok()?;
        (self.recorded.as_ref() != Some(&record)).then_some(record)
    }

    /// What is new of what there is to tell.
    fn told(&mut self, choice: Choice) -> Vec<Report> {
        let standing: BTreeSet<Report> = choice.standing.into_iter().collect();
        let mut reports = choice.news;
        reports.extend(standing.difference(&self.told).cloned());
        self.told = standing;
        reports
    }
}

impl Choice {
    pub(super) fn fails(&mut self, report: Report) {
        self.trouble = Some(report.to_string());
        self.standing.push(report);
    }
}

/// The primary's file as the settings name it (Q43).
fn master(settings: &Settings) -> Result<Option<String>, KeeperError> {
    let Some(name) = &settings.master_file else {
        return Ok(None);
    };
    let name = name.to_string_lossy().into_owned();
    if name == OUR_FILE && settings.autoconfig_dir.as_deref() == Some(&*settings.cni_config_dir) {
        return Err(KeeperError::Recursive { name });
    }
    Ok(Some(name))
}

/// A whole configuration; a half-written one is not copied (Q83).
fn copied(read: &Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
    let bytes = read.clone()?;
    cni::NetworkConf::parse(&bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
