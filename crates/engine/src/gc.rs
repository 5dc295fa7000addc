//! GC: detaches what the runtime no longer knows, and tells the plugins what is still in use.

use std::collections::BTreeMap;
use std::time::Instant;

use cni::{ContainerId, NetworkConf, Version};
use plan::{PodArgs, RuntimeConfig};

use crate::{
    Container, Engine, EngineError, Failure, FailureKind, Failures, Ledger, Record, Remembered,
};

/// What GC came to.
#[derive(Debug, Default)]
pub struct GcReport {
    /// Containers that were detached.
    pub detached: Vec<Container>,
    /// What failed; it stays in the ledgers.
    pub failures: Failures,
}

/// The lock on a container, held as long as this lives.
pub type Claim = Box<dyn std::any::Any>;

impl Engine<'_> {
    /// Detaches every container of `configuration` that is not among `valid`, by container id, and then runs the GC of
    /// every network that the ledgers know. Where the runtime's list is empty, a container goes only if its network
    /// namespace is gone too: runtimes send an empty list for networks that they do not track.
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
        let ids = self.ledgers.list().map_err(|source| EngineError::Ledger {
            action: "list",
            source,
        })?;
        for id in ids {
            let Some(ledger) = self.owned(&id, configuration) else {
                continue;
            };
            let listed = valid.iter().any(|known| known == id.as_str());
            if listed || (valid.is_empty() && self.netns.is_live(&ledger.container.netns)) {
                networks.live(&ledger);
                continue;
            }
            let _claim = match claim(&id) {
                Ok(claim) => claim,
                Err(reason) => {
                    networks.live(&ledger);
                    report.failures.0.push(busy(&id, reason));
                    continue;
                }
            };
            networks.stale(&ledger);
            let container = ledger.container.clone();
            let (left, kept) = self.settle(ledger, deadline);
            if left.is_empty() && kept.is_ok() {
                report.detached.push(container);
            }
            report.failures.0.extend(left.0);
        }
        for (conf, in_use) in networks.known.into_values() {
            if let Err(source) = self.runtime.gc_plugins(&conf, &in_use, deadline) {
                let network = conf.name().to_owned();
                let kind = FailureKind::Gc {
                    network: network.clone(),
                    source,
                };
                report.failures.0.push(Failure { network, kind });
            }
        }
        Ok(report)
    }

    /// Whether another container of the same pod has a ledger: a sandbox may be replaced while the old one is detached.
    pub fn is_attached_elsewhere(&self, pod: &plan::PodRef, container: &Container) -> bool {
        let ids = self.ledgers.list().unwrap_or_default();
        let others = ids.iter().filter(|id| **id != container.id);
        let mut ledgers = others.filter_map(|id| self.owned(id, &container.configuration));
        ledgers.any(|ledger| {
            ledger.container.pod.namespace == pod.namespace && ledger.container.pod.name == pod.name
        })
    }

    /// The container's ledger, if this configuration wrote it. Upstream's does not say; it counts as ours.
    fn owned(&self, id: &ContainerId, configuration: &str) -> Option<Ledger> {
        let bytes = self.ledgers.read(id).ok()??;
        let netns = self
            .runtime
            .cached_of(id)
            .into_iter()
            .map(|entry| entry.netns)
            .find(|netns| !netns.is_empty());
        let container = Container {
            id: id.clone(),
            netns: netns.unwrap_or_default(),
            ifname: "eth0".to_owned(),
            pod: plan::PodRef::default(),
            cni_args: String::new(),
            configuration: configuration.to_owned(),
            time: 0,
        };
        let (args, runtime_config) = (PodArgs::default(), RuntimeConfig::default());
        let remembered = Remembered {
            container: &container,
            args: &args,
            runtime_config: &runtime_config,
        };
        let ledger = Ledger::decode(&bytes, &remembered).ok()?;
        (ledger.container.configuration == configuration).then_some(ledger)
    }
}

fn busy(id: &ContainerId, reason: String) -> Failure {
    let container = id.to_string();
    Failure {
        network: String::new(),
        kind: FailureKind::Busy { container, reason },
    }
}

/// The networks that ledgers know, each with the attachments that are in use.
#[derive(Default)]
struct Networks {
    known: BTreeMap<String, (NetworkConf, Vec<(String, String)>)>,
}

impl Networks {
    fn live(&mut self, ledger: &Ledger) {
        for record in &ledger.records {
            let pair = (ledger.container.id.to_string(), record.ifname.to_string());
            // A network counts by its CNI name: definitions and the default network may share a plugin and a name.
            self.network(record).1.push(pair);
        }
    }

    fn stale(&mut self, ledger: &Ledger) {
        for record in &ledger.records {
            self.network(record);
        }
    }

    fn network(&mut self, record: &Record) -> &mut (NetworkConf, Vec<(String, String)>) {
        let known = self
            .known
            .entry(record.conf.name().to_owned())
            .or_insert_with(|| (record.conf.clone(), Vec::new()));
        // Only 1.1.0 has the verb: where configurations of several versions share a name, one that can is asked.
        if known.0.version() < Version::V1_1_0 && record.conf.version() >= Version::V1_1_0 {
            known.0 = record.conf.clone();
        }
        known
    }
}
