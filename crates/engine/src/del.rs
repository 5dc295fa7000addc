//! DEL and undo: every attachment in reverse, whatever happens to the others; the ledger keeps what is left.

use std::cell::Cell;
use std::time::{Duration, Instant};

use cni::{CacheEntry, IfName, NetworkConf, Stale, Verb};
use plan::Attachment;

use crate::{
    Container, Engine, EngineError, Failure, Failures, Ledger, LedgerError, Pending, Phase,
    Remembered, Stage, device_info,
};

/// What DEL came to.
#[derive(Debug, Default)]
pub struct DelReport {
    /// Where the attachments were found: not in a good ledger, for the log.
    pub note: Option<String>,
    /// The pod, where a good ledger told it: a runtime need not.
    pub pod: Option<plan::PodRef>,
    /// Neither a ledger nor the result cache knows the container.
    pub is_unknown: bool,
}

impl Engine<'_> {
    /// Detaches the container: from its ledger, or where that is gone or broken, from the result cache. A container
    /// that nobody knows is detached already.
    ///
    /// # Errors
    /// [`EngineError::Del`] for what could not be undone: a ledger on disk says so. [`EngineError::DelUnrecorded`] where
    /// none does.
    pub fn del(
        &self,
        remembered: &Remembered<'_>,
        deadline: Instant,
    ) -> Result<DelReport, EngineError> {
        let mut ledger = match self.load(remembered)? {
            Some(Ok(ledger)) => ledger,
            Some(Err(error)) => return self.del_cached(remembered, deadline, Some(error)),
            None => return self.del_cached(remembered, deadline, None),
        };
        // The runtime knows best where the sandbox is now, if it says so at all.
        if !remembered.container.netns.is_empty() {
            ledger
                .container
                .netns
                .clone_from(&remembered.container.netns);
        }
        let pod = Some(ledger.container.pod.clone());
        let (left, kept) = self.settle(ledger, deadline);
        undone(left, kept).map(|()| DelReport {
            pod,
            ..DelReport::default()
        })
    }

    /// Detaches a container that nobody knows from the node's primary network. Before Multus comes to a node the runtime attaches
    /// pods to it by itself; afterwards it calls Multus for their DEL too. Plugins that have nothing of a container do nothing.
    ///
    /// # Errors
    /// What could not be undone.
    pub fn del_from_primary(
        &self,
        remembered: &Remembered<'_>,
        primary: NetworkConf,
        deadline: Instant,
    ) -> Result<(), Failure> {
        let container = remembered.container;
        let Ok(ifname) = IfName::parse(&container.ifname) else {
            return Ok(());
        };
        let requests = plan::Requests::default();
        let record = Attachment {
            name: primary.name().to_owned(),
            conf: primary,
            ifname,
            args: plan::cni_args(remembered.args, &requests),
            capability_args: remembered.runtime_config.to_map(),
            requests,
            routes: plan::RouteChange::default(),
        };
        let stale = Cell::default();
        let left = self.del_made(record, container, deadline, &stale);
        self.forget_stale(&stale);
        match left {
            None => Ok(()),
            Some((_, failure)) => Err(failure),
        }
    }

    fn del_cached(
        &self,
        remembered: &Remembered<'_>,
        deadline: Instant,
        broken: Option<LedgerError>,
    ) -> Result<DelReport, EngineError> {
        let cached = self.cached_ledger(remembered);
        let is_unknown = cached.records.is_empty();
        let (records, left) = self.take_down(cached, deadline);
        if !left.is_empty() {
            let kept = self.keep(remembered.container.clone(), records);
            return undone(left, kept).map(|()| DelReport::default());
        }
        let Some(broken) = broken else {
            // Whoever was killed while writing it may have left something.
            let _best_effort = self.forget(&remembered.container.id);
            return Ok(DelReport {
                is_unknown,
                ..DelReport::default()
            });
        };
        let mut note = format!("{broken}; detached what the result cache knows");
        // What is not ours may be something that we cannot remove. The container is detached all the same.
        if let Err(error) = self.forget(&remembered.container.id) {
            note.push_str(&format!("; {error}"));
        }
        Ok(DelReport {
            note: Some(note),
            ..DelReport::default()
        })
    }

    /// Undoes an ADD and says what is left.
    pub(crate) fn undo(&self, mut ledger: Ledger, undo: Duration) -> Failures {
        ledger.phase = Phase::Detaching;
        // Where the ledger cannot be rewritten the old one stays, which lists all that is left and more.
        self.settle(ledger, Instant::now() + undo).0
    }

    /// As [`Engine::undo`], where the last record is the one whose ADD failed.
    pub(crate) fn undo_failed(
        &self,
        mut ledger: Ledger,
        failure: &Failure,
        undo: Duration,
    ) -> Failures {
        let deadline = Instant::now() + undo;
        ledger.phase = Phase::Detaching;
        let container = ledger.container.clone();
        let failed = ledger.records.pop();
        let unfinished =
            failed.and_then(|failed| self.detach_half_made(failed, &container, failure, deadline));
        let (mut records, mut failures) = self.take_down(ledger, deadline);
        if let Some((record, failure)) = unfinished {
            records.push(record);
            failures.0.insert(0, failure);
        }
        // Where the ledger cannot be rewritten the old one stays, which lists all that is left and more.
        let _ = self.keep(container, records);
        failures
    }

    /// Takes down what the ledger lists, and brings the ledger to what is left. What could not be taken down, and
    /// whether the ledger says so.
    pub(crate) fn settle(
        &self,
        ledger: Ledger,
        deadline: Instant,
    ) -> (Failures, Result<(), EngineError>) {
        let container = ledger.container.clone();
        let (records, failures) = self.take_down(ledger, deadline);
        (failures, self.keep(container, records))
    }

    /// Brings the ledger to what is left.
    fn keep(&self, container: Container, records: Vec<Attachment>) -> Result<(), EngineError> {
        if records.is_empty() {
            return self.forget(&container.id);
        }
        let phase = Phase::Detaching;
        durable(self.write_over(&Ledger {
            container,
            phase,
            records,
            owed_status: None,
        })?)
    }

    /// Runs DEL of every record in reverse. What is left, in the ledger's order, and why. Of an ADD that did not end
    /// nobody knows which attachments came into being.
    pub(crate) fn take_down(
        &self,
        ledger: Ledger,
        deadline: Instant,
    ) -> (Vec<Attachment>, Failures) {
        let Ledger {
            container,
            phase,
            records,
            owed_status: _,
        } = ledger;
        let files = device_info::files(&container, &records);
        let mut left = Vec::new();
        let mut failures = Vec::new();
        let mut waiting = records.len();
        let stale = Cell::default();
        for record in records.into_iter().rev() {
            let share = fair_share(deadline, waiting);
            waiting -= 1;
            let unfinished = match phase {
                Phase::Attaching => self.del_half_made(record, &container, None, share),
                Phase::Attached | Phase::Detaching => {
                    self.del_made(record, &container, share, &stale)
                }
            };
            if let Some((record, failure)) = unfinished {
                failures.push(failure);
                left.push(record);
            }
        }
        self.forget_stale(&stale);
        left.reverse();
        self.forget_device_info(files);
        (left, Failures(failures))
    }

    /// The cached result of the one before is forgotten while the plugins of this one run.
    fn del_made(
        &self,
        record: Attachment,
        container: &Container,
        deadline: Instant,
        stale: &Cell<Option<Stale>>,
    ) -> Option<(Attachment, Failure)> {
        let attachment = container.attachment(&record, self.living_netns(container));
        self.tell(Verb::Del, container, &record, Stage::Begins);
        let before = || self.forget_stale(stale);
        let done = self
            .runtime
            .del_unforgotten(&record.conf, &attachment, deadline, &before);
        match done {
            Ok(own) => {
                before();
                stale.set(Some(own));
                self.tell(Verb::Del, container, &record, Stage::Done(None));
                None
            }
            Err(source) => {
                self.tell(Verb::Del, container, &record, Stage::Failed);
                let failure = Failure::of_del(&record, source);
                Some((record, failure))
            }
        }
    }

    fn forget_stale(&self, stale: &Cell<Option<Stale>>) {
        if let Some(stale) = stale.take() {
            self.runtime.forget(&stale);
        }
    }

    /// Takes down what the result cache knows of a container, newest interface name last in, first out.
    pub(crate) fn take_down_cached(
        &self,
        remembered: &Remembered<'_>,
        deadline: Instant,
    ) -> Failures {
        self.take_down(self.cached_ledger(remembered), deadline).1
    }

    /// What the result cache knows of a container, in place of its ledger.
    fn cached_ledger(&self, remembered: &Remembered<'_>) -> Ledger {
        let mut entries = self.runtime.cached_of(&remembered.container.id);
        entries.sort_by(|one, other| one.if_name.cmp(&other.if_name));
        let records = entries.into_iter().filter_map(cached_record).collect();
        Ledger {
            container: remembered.container.clone(),
            phase: Phase::Detaching,
            records,
            owed_status: None,
        }
    }

    /// The path of the sandbox if it still is one: plugins release addresses without it, and fail over a dead path.
    pub(crate) fn living_netns<'b>(&self, container: &'b Container) -> &'b str {
        if self.netns.is_live(&container.netns) {
            &container.netns
        } else {
            ""
        }
    }
}

/// Whether nothing is left of a container, and the ledger says the same.
pub(crate) fn undone(left: Failures, kept: Result<(), EngineError>) -> Result<(), EngineError> {
    if left.is_empty() {
        return kept;
    }
    Err(match kept {
        Ok(()) => EngineError::Del(left),
        Err(cause) => EngineError::DelUnrecorded {
            left,
            cause: Box::new(cause),
        },
    })
}

/// Waits until a ledger is on disk.
pub(crate) fn durable(pending: Pending) -> Result<(), EngineError> {
    pending().map_err(|source| EngineError::Ledger {
        action: "sync",
        source,
    })
}

/// A hanging delegate may use its share of the time that is left, not that of the others.
pub(crate) fn fair_share(deadline: Instant, waiting: usize) -> Instant {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    now + left / u32::try_from(waiting.max(1)).unwrap_or(u32::MAX)
}

/// An attachment as far as the result cache tells.
fn cached_record(entry: CacheEntry) -> Option<Attachment> {
    let conf = NetworkConf::parse(&entry.config).ok()?;
    Some(Attachment {
        name: entry.network_name.clone(),
        conf,
        ifname: IfName::parse(&entry.if_name).ok()?,
        args: entry.cni_args,
        capability_args: entry.capability_args,
        requests: plan::Requests::default(),
        routes: plan::RouteChange::default(),
    })
}
