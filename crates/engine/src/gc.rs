//! GC: detaches what the runtime no longer knows, and tells the plugins what is still in use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cni::{CacheEntry, ContainerId, NetworkConf, Version};
use plan::Attachment;

use crate::del::fair_share;
use crate::{Container, Engine, EngineError, Failure, FailureKind, Failures, Ledger, Phase};

/// The least time for one attachment, or one network: with less a plugin would be ended before it came to anything, and the
/// more there is to do the less would be done.
const LEAST: Duration = Duration::from_secs(1);

/// What GC came to.
#[derive(Debug, Default)]
pub struct GcReport {
    /// Containers that were detached.
    pub detached: Vec<Container>,
    /// What failed; it stays in the ledgers.
    pub failures: Failures,
    /// Ledgers that cannot be used, of containers that were left alone for that, and such that cannot be removed. For the
    /// log: trying again does not mend them.
    pub notes: Vec<String>,
}

/// The lock on a container, held as long as this lives.
pub type Claim = Box<dyn std::any::Any>;

impl Engine<'_> {
    /// Detaches every container of `configuration` that is not among `valid`, by container id, and then runs the GC of
    /// every network that the ledgers know. Where the runtime's list is empty, a container goes only if its network
    /// namespace is gone too: runtimes send an empty list for networks that they do not track. Each container and each
    /// network has a fair share of the time, and as much as a plugin needs; containers for which that is not left are the next
    /// GC's, which begins with those that nobody has tried yet.
    ///
    /// `claim` locks a container. The plugins of a killed ADD may still work on one: that is left to the next GC.
    ///
    /// # Errors
    /// The ledgers cannot be listed.
    pub fn gc(
        &self,
        configuration: &str,
        valid: &[String],
        deadline: Instant,
        claim: &dyn Fn(&ContainerId) -> Result<Claim, String>,
    ) -> Result<GcReport, EngineError> {
        let mut report = GcReport::default();
        let mut networks = Networks::default();
        let stale = self.survey(configuration, valid, &mut networks, &mut report)?;
        let until = before_networks(deadline, networks.asked.len());
        let (all, mut stale) = (stale.len(), stale.into_iter());
        while let Some(ledger) = stale.next() {
            let (at, waiting) = (all - stale.len(), stale.len() + 1);
            let least = least(ledger.records.len());
            if at > 1 && Instant::now() + least > until {
                report.failures.0.push(unreached(waiting));
                break;
            }
            let share = share(until, waiting + networks.asked.len(), least);
            let container = ledger.container.clone();
            let _claim = match claim(&container.id) {
                Ok(claim) => claim,
                Err(reason) => {
                    networks.use_of(&ledger);
                    report.failures.0.push(busy(&container, reason));
                    continue;
                }
            };
            let (left, kept) = self.settle(ledger, share);
            match kept {
                Ok(()) if left.is_empty() => {
                    report.detached.push(container);
                    continue;
                }
                Ok(()) => {}
                Err(ref error) => report.note(&container.id, error),
            }
            let left = left.0.into_iter();
            report
                .failures
                .0
                .extend(left.map(|failure| of_container(&container, failure)));
        }
        let mut waiting = networks.asked.len();
        for (network, conf) in networks.asked {
            let share = share(deadline, waiting, LEAST);
            waiting -= 1;
            let in_use = networks.in_use.remove(&network).unwrap_or_default();
            if let Err(source) = self.runtime.gc(&conf, &in_use, share) {
                let kind = FailureKind::Gc(source);
                report.failures.0.push(Failure { network, kind });
            }
        }
        Ok(report)
    }

    /// Sorts all containers into those to detach, which are returned, and those that use their networks.
    fn survey(
        &self,
        configuration: &str,
        valid: &[String],
        networks: &mut Networks,
        report: &mut GcReport,
    ) -> Result<Vec<Ledger>, EngineError> {
        let listed: BTreeSet<_> = valid
            .iter()
            .filter_map(|id| ContainerId::parse(id).ok())
            .collect();
        let kept = self.ledgers.list().map_err(|source| EngineError::Ledger {
            action: "list",
            source,
        })?;
        let mut stale = Vec::new();
        for id in kept
            .into_iter()
            .chain(listed.clone())
            .collect::<BTreeSet<_>>()
        {
            let ledger = self.recall(&id).unwrap_or_else(|error| {
                report.note(&id, &error);
                None
            });
            let Some(ledger) = ledger else {
                networks.cached_use(self.runtime.cached_of(&id));
                continue;
            };
            let owner = &ledger.container.configuration;
            if !owner.is_empty() && owner != configuration {
                networks.use_of(&ledger);
                continue;
            }
            networks.ask(&ledger);
            // Upstream's ledgers do not say whose they are: the list may be that of another configuration.
            let is_told = !valid.is_empty() && !owner.is_empty();
            if listed.contains(&id) || (!is_told && self.netns.is_live(&ledger.container.netns)) {
                networks.use_of(&ledger);
            } else {
                stale.push(ledger);
            }
        }
        // One that hangs must not keep the others from ever being tried.
        stale.sort_by_key(|ledger| ledger.phase == Phase::Detaching);
        Ok(stale)
    }
}

impl GcReport {
    fn note(&mut self, id: &ContainerId, error: &EngineError) {
        self.notes.push(format!("container {id}: {error}"));
    }
}

/// The least time for so many attachments.
fn least(attachments: usize) -> Duration {
    LEAST.saturating_mul(u32::try_from(attachments).unwrap_or(u32::MAX))
}

/// A fair share of the time, and not less than this, if there is so much.
fn share(deadline: Instant, waiting: usize, least: Duration) -> Instant {
    let fair = fair_share(deadline, waiting);
    fair.max(Instant::now() + least).min(deadline)
}

/// Until when containers are detached: so many networks need time too, but no more than half of it.
fn before_networks(deadline: Instant, networks: usize) -> Instant {
    let half = deadline.saturating_duration_since(Instant::now()) / 2;
    deadline - half.min(least(networks))
}

/// So many containers are left to the next GC.
fn unreached(containers: usize) -> Failure {
    Failure {
        network: String::new(),
        kind: FailureKind::Unreached { containers },
    }
}

fn busy(container: &Container, reason: String) -> Failure {
    let container = name(container);
    Failure {
        network: String::new(),
        kind: FailureKind::Busy { container, reason },
    }
}

fn of_container(container: &Container, failure: Failure) -> Failure {
    Failure {
        network: failure.network.clone(),
        kind: FailureKind::Container {
            container: name(container),
            failure: Box::new(failure),
        },
    }
}

/// GC says nothing of pods by itself; a ledger of upstream's does not name one either.
fn name(container: &Container) -> String {
    match container.pod.name.is_empty() {
        true => container.id.to_string(),
        false => format!("{} of pod {}", container.id, container.pod.label()),
    }
}

/// The networks, by their CNI names: definitions and the default network may share a plugin and a name.
#[derive(Default)]
struct Networks {
    /// Those whose plugins are asked to collect.
    asked: BTreeMap<String, NetworkConf>,
    /// Container and interface of what plugins must not collect, whoever attached it.
    in_use: BTreeMap<String, Vec<(String, String)>>,
}

impl Networks {
    fn ask(&mut self, ledger: &Ledger) {
        for Attachment { conf, .. } in &ledger.records {
            let asked = self
                .asked
                .entry(conf.name().to_owned())
                .or_insert_with(|| conf.clone());
            // Only 1.1.0 has the verb: where configurations of several versions share a name, one that can is asked.
            if asked.version() < Version::V1_1_0 && conf.version() >= Version::V1_1_0 {
                *asked = conf.clone();
            }
        }
    }

    fn use_of(&mut self, ledger: &Ledger) {
        for record in &ledger.records {
            let pair = (ledger.container.id.to_string(), record.ifname.to_string());
            self.in_use
                .entry(record.conf.name().to_owned())
                .or_default()
                .push(pair);
        }
    }

    /// The same, as far as the result cache tells.
    fn cached_use(&mut self, entries: Vec<CacheEntry>) {
        for entry in entries {
            let pair = (entry.container_id, entry.if_name);
            self.in_use
                .entry(entry.network_name)
                .or_default()
                .push(pair);
        }
    }
}
