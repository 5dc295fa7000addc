//! Keeps one file as it should be, against other programs, without a war (Q9, Q67, rows 1 and 8 of what users report).

use std::time::{Duration, Instant};

use serde_json::{Map, Value};

use super::{Damage, Generator, How, Report};

/// How long a file has to stay as it is before the next damage is put right at once again.
const CALM: Duration = Duration::from_secs(60);

/// The longest that a file stays damaged.
const LONGEST: u64 = 30;

/// A file of ours, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// It is not there.
    Missing {
        /// What became of it, as far as that was seen.
        how: How,
    },
    /// There is something.
    There(Found),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// Its bytes; `None` where it is no readable file.
    pub bytes: Option<Vec<u8>>,
    /// Its owner.
    pub owner: Option<u32>,
    /// How long ago it was changed.
    pub age: Option<Duration>,
}

/// A file to be written into `cniConfigDir`, by rename, on disk before anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Our configuration in it.
    wanted: Vec<u8>,
    /// What is put right by it.
    damage: Option<Damage>,
}

/// What a look came to.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) write: Option<Write>,
    pub(super) in_force: bool,
    pub(super) wait_until: Option<Instant>,
    /// What happened.
    pub(super) news: Vec<Report>,
    /// How things stand; told once.
    pub(super) standing: Vec<Report>,
}

/// The upkeep of one file.
#[derive(Debug)]
pub(super) struct Upkeep {
    name: String,
    /// Our configuration as it was last seen in force.
    known: Option<Vec<u8>>,
    times: u32,
    damaged: Option<(Instant, Damage)>,
    intact_since: Option<Instant>,
    failures: u32,
    not_before: Option<Instant>,
}

/// What is there, beside what is wanted.
enum Seen {
    /// As it should be.
    Right,
    /// As we left it, or nothing of it ever was ours.
    Old,
    /// Somebody took it away.
    Damaged(How),
}

/// What should be there.
struct Target {
    seen: Seen,
    name: String,
    bytes: Vec<u8>,
}

impl Upkeep {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            known: None,
            times: 0,
            damaged: None,
            intact_since: None,
            failures: 0,
            not_before: None,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Compares. `list` is a file of the same name that ends in `.conflist`, with the generator that knows our own plugin
    /// in it; `hold`: nothing is written where nothing was yet.
    pub(super) fn look(
        &mut self,
        wanted: &[u8],
        own: &Own,
        list: Option<(&Generator, &[u8])>,
        hold: bool,
        now: Instant,
    ) -> Step {
        let mut step = Step::default();
        let target = self.target(wanted, own, list, &mut step);
        let how = match target.seen {
            Seen::Right => {
                step.in_force = true;
                self.intact(wanted, now);
                return step;
            }
            Seen::Old if hold && matches!(own, Own::Missing { .. }) => {
                step.standing.push(Report::Held);
                return step;
            }
            Seen::Old => None,
            Seen::Damaged(how) => Some(how),
        };
        let is_new = self.damaged.is_none();
        let damage = how.map(|how| self.damage(&target.name, how, now));
        step.wait_until = self.due(damage.as_ref(), now);
        if let Some(due) = step.wait_until {
            if let Some(damage) = damage.filter(|_| is_new) {
                let millis = due.saturating_duration_since(now).as_millis();
                let seconds = u64::try_from(millis.div_ceil(1000)).unwrap_or(LONGEST);
                step.news.push(Report::Damaged { damage, seconds });
            }
            return step;
        }
        step.write = Some(Write {
            name: target.name,
            bytes: target.bytes,
            wanted: wanted.to_vec(),
            damage,
        });
        step
    }

    /// What came of a write.
    pub(super) fn wrote(&mut self, write: &Write, good: bool, now: Instant) -> Option<Report> {
        if !good {
            self.failures = self.failures.saturating_add(1);
            self.not_before = Some(now + delay(self.failures));
            return None;
        }
        self.failures = 0;
        self.not_before = None;
        self.known = Some(write.wanted.clone());
        Some(match write.damage.clone() {
            None => Report::Written {
                file: write.name.clone(),
            },
            Some(damage) => {
                self.times = self.times.saturating_add(1);
                self.damaged = None;
                Report::Repaired {
                    damage,
                    times: self.times,
                }
            }
        })
    }

    fn intact(&mut self, wanted: &[u8], now: Instant) {
        if self.known.as_deref() != Some(wanted) {
            self.known = Some(wanted.to_vec());
        }
        self.damaged = None;
        self.intact_since.get_or_insert(now);
    }

    /// The damage since it was first seen, with the most that was ever known of it.
    fn damage(&mut self, name: &str, how: How, now: Instant) -> Damage {
        if let Some((_, known)) = &mut self.damaged {
            if how != How::Gone {
                known.how = how;
            }
            return known.clone();
        }
        let calm = self.intact_since.take();
        if calm.is_some_and(|since| now.saturating_duration_since(since) >= CALM) {
            self.times = 0;
        }
        let file = name.to_owned();
        let damage = Damage { file, how };
        self.damaged = Some((now, damage.clone()));
        damage
    }

    /// When the file may be written, if not now.
    fn due(&self, damage: Option<&Damage>, now: Instant) -> Option<Instant> {
        let since = self.damaged.as_ref().map(|(since, _)| *since);
        let put_back = damage.zip(since).map(|(damage, since)| {
            // Another content may still be on its way: Istio writes a list, and then renames it.
            let settles = u32::from(matches!(damage.how, How::Changed { .. }));
            since + delay(self.times.saturating_add(settles))
        });
        self.not_before.max(put_back).filter(|due| *due > now)
    }

    fn target(
        &self,
        wanted: &[u8],
        own: &Own,
        list: Option<(&Generator, &[u8])>,
        step: &mut Step,
    ) -> Target {
        let extended = list.and_then(|(ours, bytes)| Extended::read(ours, bytes));
        let list_name = format!("{}list", self.name);
        match (own, extended) {
            (Own::Missing { .. }, Some(extended)) => {
                step.standing.push(Report::Appended {
                    file: list_name.clone(),
                    plugins: extended.plugins.clone(),
                });
                self.extended_target(wanted, &extended, list_name)
            }
            (own, extended) => {
                if let Some(Extended { plugins, .. }) = extended {
                    let file = list_name;
                    step.standing.push(Report::AppendedInVain { file, plugins });
                }
                Target {
                    seen: self.seen(wanted, own),
                    name: self.name.clone(),
                    bytes: wanted.to_vec(),
                }
            }
        }
    }

    fn seen(&self, wanted: &[u8], own: &Own) -> Seen {
        let Some(known) = &self.known else {
            return match own {
                Own::There(Found {
                    bytes: Some(bytes), ..
                }) if same(bytes, wanted) => Seen::Right,
                _ => Seen::Old,
            };
        };
        match own {
            Own::Missing { how } => Seen::Damaged(how.clone()),
            Own::There(Found {
                bytes: Some(bytes), ..
            }) if same(bytes, wanted) => Seen::Right,
            Own::There(Found {
                bytes: Some(bytes), ..
            }) if bytes == known => Seen::Old,
            Own::There(found) => Seen::Damaged(How::Changed {
                plugins: found.bytes.as_deref().map(plugins).unwrap_or_default(),
                owner: found.owner,
                age: found.age,
            }),
        }
    }

    /// Our entry in a list that another program made of our file.
    fn extended_target(&self, wanted: &[u8], extended: &Extended, name: String) -> Target {
        let entry = |bytes: &[u8]| object(bytes).map(without_names);
        let is = |bytes: Option<&[u8]>| {
            bytes.and_then(entry).as_ref() == Some(&without_names(extended.entry.clone()))
        };
        let seen = if is(Some(wanted)) {
            Seen::Right
        } else if self.known.is_none() || is(self.known.as_deref()) {
            Seen::Old
        } else {
            Seen::Damaged(How::Changed {
                plugins: extended.plugins.clone(),
                owner: None,
                age: None,
            })
        };
        let bytes = object(wanted).and_then(|wanted| extended.with(wanted));
        Target {
            seen,
            name,
            bytes: bytes.unwrap_or_else(|| wanted.to_vec()),
        }
    }
}

/// A list of our own plugin and of others that another program put beside it.
struct Extended {
    list: Map<String, Value>,
    at: usize,
    entry: Map<String, Value>,
    plugins: Vec<String>,
}

impl Extended {
    fn read(ours: &Generator, bytes: &[u8]) -> Option<Self> {
        let conf = cni::NetworkConf::parse_list(bytes).ok()?;
        let is_ours = |kind: &str| kind == ours.plugin_type();
        let at = conf
            .plugins()
            .iter()
            .position(|plugin| is_ours(plugin.plugin_type()))?;
        let plugins: Vec<String> = conf
            .plugins()
            .iter()
            .map(|plugin| plugin.plugin_type())
            .filter(|kind| !ours.is_ours(kind))
            .map(str::to_owned)
            .collect();
        if conf.name().is_empty() || plugins.is_empty() {
            return None;
        }
        Some(Self {
            list: object(bytes)?,
            at,
            entry: conf.plugins().get(at)?.raw().clone(),
            plugins,
        })
    }

    /// The same list with another entry of ours.
    fn with(&self, mut entry: Map<String, Value>) -> Option<Vec<u8>> {
        // The list has the version.
        entry.remove("cniVersion");
        let mut list = self.list.clone();
        let plugins = list
            .iter_mut()
            .find(|(key, _)| key.eq_ignore_ascii_case("plugins"))
            .and_then(|(_, plugins)| plugins.as_array_mut())?;
        *plugins.get_mut(self.at)? = Value::Object(entry);
        gojson::to_vec(&list).ok()
    }
}

/// 0, 1, 2, 4 … 30 s.
fn delay(times: u32) -> Duration {
    let seconds = match times {
        0 => 0,
        times => 1_u64.checked_shl(times - 1).unwrap_or(LONGEST),
    };
    Duration::from_secs(seconds.min(LONGEST))
}

/// The same configuration, however it is laid out.
fn same(one: &[u8], other: &[u8]) -> bool {
    one == other || object(one).is_some_and(|one| Some(one) == object(other))
}

fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    gojson::from_slice(bytes).ok()
}

/// Our entry without what a list says for all its plugins.
fn without_names(mut entry: Map<String, Value>) -> Map<String, Value> {
    entry.retain(|key, _| {
        !["name", "cniVersion"]
            .iter()
            .any(|own| own.eq_ignore_ascii_case(key))
    });
    entry
}

/// The plugins of a configuration of whatever form.
fn plugins(bytes: &[u8]) -> Vec<String> {
    let conf = cni::NetworkConf::parse(bytes);
    let all = conf.iter().flat_map(|conf| conf.plugins());
    all.map(|plugin| plugin.plugin_type().to_owned()).collect()
}

#[cfg(test)]
mod tests;
