//! What the ledgers say of statuses that are owed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cni::ContainerId;
use engine::{Debtor, Ledger, LedgerStore as _, OwedStatus};
use plan::PodRef;
use plugin::LOG;
use sys::files::DirLedger;
use sys::lock::{ContainerLock, EndHolders};

/// How long a container's lock is waited for: its ADD is about to end, or a DEL is about to remove the ledger.
const LOCK: Duration = Duration::from_millis(500);

/// The ledgers of a CNI directory.
#[derive(Debug)]
pub(crate) struct Books {
    cni_dir: PathBuf,
    ledgers: DirLedger,
}

/// A container of a pod that is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) container: ContainerId,
    pub(super) pod: PodRef,
    pub(super) time: u64,
    /// Its status is not written, as far as the ledger knows.
    pub(super) owes: bool,
}

impl Books {
    pub(crate) fn new(cni_dir: &Path) -> Self {
        Self {
            cni_dir: cni_dir.to_owned(),
            ledgers: DirLedger::new(cni_dir),
        }
    }

    /// Every container that is attached by us.
    pub(super) fn all(&self) -> Vec<Attached> {
        let all = self.ledgers.list().unwrap_or_else(|error| {
            LOG.warning(format_args!("cannot look through the ledgers: {error}"));
            Vec::new()
        });
        let ids = all
            .into_iter()
            .filter_map(|id| ContainerId::parse(&id).ok());
        ids.filter_map(|container| {
            let debtor = self.debtor(&container)?;
            Some(Attached {
                container,
                pod: debtor.pod,
                time: debtor.time,
                owes: debtor.status.is_some(),
            })
        })
        .collect()
    }

    /// The pods of all sandboxes that have a ledger, as those too that are being attached or detached; one whose ledger does not
    /// name it is nameless. `None` where nobody can tell.
    pub(crate) fn holders(&self) -> Option<Vec<PodRef>> {
        let ids = self.ledgers.list().ok()?;
        let ids = ids
            .into_iter()
            .filter_map(|id| ContainerId::parse(&id).ok());
        let mut holders = Vec::new();
        for id in ids {
            let Some(bytes) = self.ledgers.read(id.as_str()).ok()? else {
                continue;
            };
            match Ledger::decode_alone(&bytes, &id) {
                Ok(ledger) => holders.push(ledger.container.pod),
                Err(_) => holders.push(PodRef::default()),
            }
        }
        Some(holders)
    }

    /// The status that a container owes.
    pub(super) fn status(&self, container: &ContainerId) -> Option<OwedStatus> {
        self.debtor(container)?.status
    }

    /// One that cannot be read is nobody's debtor; DEL says what is wrong with it.
    fn debtor(&self, container: &ContainerId) -> Option<Debtor> {
        let bytes = self.ledgers.read(container.as_str()).ok()??;
        Debtor::read(&bytes)
    }

    /// The status was written. What goes wrong with this is made good after the next look.
    pub(super) fn settle(&self, container: &ContainerId) {
        if let Err(reason) = self.try_settle(container) {
            LOG.verbose(format_args!(
                "container {container}: cannot say that its status is written: {reason}"
            ));
        }
    }

    fn try_settle(&self, container: &ContainerId) -> Result<(), Box<dyn std::error::Error>> {
        let until = Instant::now() + LOCK;
        let id = container.as_str();
        let _lock = ContainerLock::acquire(&self.cni_dir, id, false, until, EndHolders::Never)?;
        let Some(bytes) = self.ledgers.read(id)? else {
            return Ok(());
        };
        if Debtor::read(&bytes).is_none_or(|debtor| debtor.status.is_none()) {
            return Ok(());
        }
        let mut ledger = Ledger::decode_alone(&bytes, container)?;
        ledger.owed_status = None;
        self.ledgers
            .rewrite(container, &ledger.encode_over(&bytes)?)?;
        Ok(())
    }
}

/// Of each pod the container that was attached last.
pub(super) fn newest(all: Vec<Attached>) -> Vec<Attached> {
    let mut pods: HashMap<String, Attached> = HashMap::new();
    for of in all.into_iter().filter(|of| !of.pod.uid.is_empty()) {
        match pods.get(&of.pod.uid) {
            Some(known) if known.time > of.time => {}
            _ => drop(pods.insert(of.pod.uid.clone(), of)),
        }
    }
    pods.into_values().collect()
}
