//! Which file is the primary's (B6.70, B6.71, Q43, Q67).
//!
//! * The first file by name that is not Multus' own, or the one that the settings name. A broken one is waited for, never
//!   passed over: the pods of the node would be on another network than everybody expects.
//! * Where nothing is recorded, the file that our own configuration names counts as chosen: it is in force.
//! * The one that was chosen stays it while its file is there, whatever else appears. A broken file keeps what it held
//!   before in force.
//! * When its file is gone, the same name with the other ending takes its place at once; any other file only after a
//!   while, and gives it back when the file returns.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plan::{Candidate, PrimaryRecord, Refusal};

use super::{Generator, Primary, Report};

/// How long a primary's file may be away (programs replace files by removing them first, or restart) before another one is
/// the primary's.
pub(super) const AWAY: Duration = Duration::from_secs(30);

/// So many files that were the primary's before are known.
const FORMER: usize = 8;

/// The choice, and what it was made from.
#[derive(Debug)]
pub(super) struct Chooser {
    generator: Generator,
    /// The only file that counts.
    master: Option<String>,
    /// As the daemon sees it.
    directory: String,
    chosen: Option<Arc<Primary>>,
    former: Option<String>,
    /// All that were the primary's before, as many as one waits for in the life of an ADD.
    all_former: Vec<String>,
    gone_since: Option<Instant>,
}

/// What a look came to.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Why the primary is not usable now.
    pub(super) trouble: Option<String>,
    pub(super) wait_until: Option<Instant>,
    /// What happened.
    pub(super) news: Vec<Report>,
    /// How things stand; told once.
    pub(super) standing: Vec<Report>,
}

/// What the files of the directory are.
struct Verdicts(Vec<(String, Result<Primary, String>)>);

impl Verdicts {
    fn of(&self, name: &str) -> Option<&Result<Primary, String>> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, verdict)| verdict)
    }

    fn good(&self, name: &str) -> Option<&Primary> {
        self.of(name)?.as_ref().ok()
    }

    /// The first by name, unless it is this one.
    fn first_but(&self, name: &str) -> Option<&(String, Result<Primary, String>)> {
        self.0.iter().find(|(known, _)| known != name)
    }
}

impl Chooser {
    /// With what a predecessor recorded, if that was about the same directory.
    pub(super) fn new(
        generator: Generator,
        master: Option<String>,
        directory: &str,
        record: Option<PrimaryRecord>,
    ) -> Self {
        let record = record.filter(|record| {
            record.directory == directory
                && master.as_ref().is_none_or(|master| *master == record.file)
        });
        let chosen = record.as_ref().and_then(|record| {
            let conf = if record.file.ends_with(".conflist") {
                cni::NetworkConf::parse_list(record.configuration.as_bytes())
            } else {
                cni::NetworkConf::parse_single(record.configuration.as_bytes())
            };
            let content = record.content.clone().into_bytes();
            Some(generator.primary(record.file.clone(), content, conf.ok()?))
        });
        Self {
            generator,
            master,
            directory: directory.to_owned(),
            chosen: chosen.map(Arc::new),
            former: record.as_ref().and_then(|record| record.former.clone()),
            all_former: record.map(|record| record.all_former).unwrap_or_default(),
            gone_since: None,
        }
    }

    pub(super) fn chosen(&self) -> Option<&Arc<Primary>> {
        self.chosen.as_ref()
    }

    pub(super) fn all_former(&self) -> &[String] {
        &self.all_former
    }

    pub(super) fn former(&self) -> Option<&str> {
        self.former.as_deref()
    }

    pub(super) fn generator(&self) -> &Generator {
        &self.generator
    }

    /// `ours`: what lies there of our own configuration.
    pub(super) fn choose<'a>(
        &mut self,
        files: &[Candidate],
        ours: impl IntoIterator<Item = &'a [u8]>,
        now: Instant,
    ) -> Choice {
        let mut choice = Choice::default();
        let verdicts = self.verdicts(files, &mut choice);
        let Some(current) = self.chosen.clone() else {
            let named = ours
                .into_iter()
                .find_map(|bytes| self.generator.names(bytes));
            self.choose_first(&verdicts, named.as_deref(), &mut choice);
            return choice;
        };
        let former = self
            .former
            .as_deref()
            .filter(|former| *former < current.file.as_str());
        if let Some(former) = former.and_then(|former| verdicts.good(former)) {
            self.former = None;
            self.adopt(former, &mut choice);
            return choice;
        }
        match verdicts.of(&current.file) {
            Some(Ok(found)) => self.keep(&current, found, &mut choice),
            Some(Err(reason)) => {
                self.gone_since = None;
                choice.standing.push(Report::PrimaryBroken {
                    file: current.file.clone(),
                    reason: reason.clone(),
                });
            }
            None => self.replace(&current, &verdicts, now, &mut choice),
        }
        self.note_overtaken(&verdicts, &mut choice);
        choice
    }

    /// What sorts before the primary's file that was just chosen, or stayed.
    fn note_overtaken(&self, verdicts: &Verdicts, choice: &mut Choice) {
        let Some(primary) = self.chosen.as_ref().filter(|_| self.gone_since.is_none()) else {
            return;
        };
        let before = verdicts.0.iter().map(|(name, _)| name);
        let before = before.take_while(|name| **name < primary.file);
        choice.standing.extend(before.map(|name| Report::Overtaken {
            file: name.clone(),
            primary: primary.file.clone(),
        }));
    }

    fn verdicts(&self, files: &[Candidate], choice: &mut Choice) -> Verdicts {
        let mut verdicts = Vec::new();
        for file in files.iter().filter(|file| self.is_eligible(&file.name)) {
            let verdict = match self.generator.read(file) {
                Ok(primary) => Ok(primary),
                Err(Refusal::Unusable(reason)) => Err(reason),
                Err(Refusal::Ours) if self.master.is_some() => {
                    Err("it is Multus' own configuration (multusMasterCNI)".to_owned())
                }
                Err(Refusal::Ours) => {
                    let file = file.name.clone();
                    choice.standing.push(Report::PassedOver { file });
                    continue;
                }
            };
            verdicts.push((file.name.clone(), verdict));
        }
        verdicts.sort_by(|(one, _), (other, _)| one.cmp(other));
        Verdicts(verdicts)
    }

    fn is_eligible(&self, name: &str) -> bool {
        Candidate::is_eligible(name, self.master.as_deref())
    }

    fn choose_first(&mut self, verdicts: &Verdicts, named: Option<&str>, choice: &mut Choice) {
        let named = verdicts
            .0
            .iter()
            .find(|(name, _)| Some(name.as_str()) == named);
        let reason = match (named.or_else(|| verdicts.0.first()), &self.master) {
            (Some((_, Ok(first))), _) => return self.adopt(first, choice),
            (Some((name, Err(reason))), _) => format!("{name}: {reason}"),
            (None, Some(master)) => format!("{master} (multusMasterCNI) does not exist"),
            (None, None) => format!("there is no plugin configuration in {}", self.directory),
        };
        choice.trouble = Some(format!("no primary network: {reason}"));
        choice.standing.push(Report::NoPrimary { reason });
    }

    fn keep(&mut self, current: &Primary, found: &Primary, choice: &mut Choice) {
        self.gone_since = None;
        let is_same = current.content == found.content;
        if !is_same || current.conf.bytes() != found.conf.bytes() {
            let file = found.file.clone();
            choice.news.push(Report::PrimaryChanged { file });
            self.chosen = Some(Arc::new(found.clone()));
        }
    }

    /// The primary's file is gone.
    fn replace(
        &mut self,
        current: &Primary,
        verdicts: &Verdicts,
        now: Instant,
        choice: &mut Choice,
    ) {
        if let Some(renamed) =
            Candidate::sibling(&current.file).and_then(|name| verdicts.good(&name))
        {
            return self.adopt(renamed, choice);
        }
        let since = *self.gone_since.get_or_insert(now);
        let successor = verdicts.first_but(&current.file);
        if let Some((_, Ok(successor))) = successor
            && now >= since + AWAY
        {
            self.former.get_or_insert_with(|| current.file.clone());
            return self.adopt(successor, choice);
        }
        choice.wait_until = successor.map(|_| since + AWAY).filter(|until| *until > now);
        let gone = Report::PrimaryGone {
            file: current.file.clone(),
            successor: successor.map(|(name, _)| name.clone()),
            fault: successor.and_then(|(_, verdict)| verdict.as_ref().err().cloned()),
        };
        choice.fails(gone);
    }

    fn adopt(&mut self, primary: &Primary, choice: &mut Choice) {
        choice.news.push(Report::Adopted {
            file: primary.file.clone(),
            network: primary.conf.name().to_owned(),
            before: self.chosen.as_ref().map(|before| before.file.clone()),
        });
        if let Some(before) = &self.chosen {
            self.all_former.retain(|known| *known != before.file);
            self.all_former.push(before.file.clone());
            let many = self.all_former.len().saturating_sub(FORMER);
            self.all_former.drain(..many);
        }
        self.gone_since = None;
        self.chosen = Some(Arc::new(primary.clone()));
    }
}

#[cfg(test)]
mod tests;
