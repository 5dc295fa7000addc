//! ADD: the ledger, the delegates in order, the routes, the status; or nothing at all.

use std::time::{Duration, Instant};

use cni::{CniResult, Verb, Version, code};
use npwg::{DeviceInfo, NetworkStatus};
use plan::{Attachment, Plan, network_statuses};

use crate::del::{durable, fair_share};
use crate::{
    Container, Engine, EngineError, Failure, FailureKind, Failures, Ledger, OwedStatus, Phase,
    Remembered, Stage,
};

/// What ADD came to.
#[derive(Debug)]
pub struct Attached {
    /// The default network's result.
    pub result: CniResult,
    /// The `network-status` entries of all attachments.
    pub statuses: Vec<NetworkStatus>,
    /// Every attachment that was made: interface, addresses with prefix length, name.
    pub interfaces: Vec<(String, Vec<String>, String)>,
    /// Optional attachments that failed.
    pub failed: Failures,
    /// The status stands in the ledger: it may be written after the runtime has its result.
    pub is_status_owed: bool,
}

/// Why the status could not be written: the text and the CNI error code.
pub type Committed = Result<(), (String, u32)>;

/// What failed after everything was attached.
enum Late {
    Record(EngineError),
    Commit(String, u32),
}

impl Late {
    fn undone(self, undo: Failures) -> EngineError {
        match self {
            Self::Record(cause) => EngineError::unrecorded(cause, undo),
            Self::Commit(text, code) => EngineError::Commit { text, code, undo },
        }
    }
}

impl Engine<'_> {
    /// Attaches the container as planned. `commit` is told once everything is attached and the ledger is on disk; when it
    /// fails, or anything before it, what was attached is undone. A status that may be written behind stands in the ledger
    /// before that.
    ///
    /// # Errors
    /// The first thing that failed, and what could not be undone after it.
    pub fn add(
        &self,
        container: &Container,
        plan: &Plan,
        version: Version,
        deadline: Instant,
        undo: Duration,
        commit: &mut dyn FnMut(&Attached) -> Committed,
    ) -> Result<Attached, EngineError> {
        self.precheck(container, &plan.attachments)?;
        let mut ledger = Ledger {
            container: container.clone(),
            phase: Phase::Attaching,
            records: plan.attachments.clone(),
            owed_status: None,
        };
        let synced = self.write(&ledger)?;
        let mut attached = match self.attach(&mut ledger, version, deadline, undo) {
            Ok(attached) => attached,
            Err((begun, failure)) => {
                ledger.records.truncate(begun);
                let undo = self.undo_failed(ledger, &failure, undo);
                return Err(EngineError::Attachment { failure, undo });
            }
        };
        attached.is_status_owed = plan.owes_status && !attached.statuses.is_empty();
        let done = durable(synced)
            .map_err(Late::Record)
            .and_then(|()| self.complete(&mut ledger, &attached, plan, commit));
        match done {
            Ok(()) => Ok(attached),
            // A status that was written stays, as it does after every DEL: the pod's next ADD replaces it.
            Err(late) => Err(late.undone(self.undo(ledger, undo))),
        }
    }

    /// Everything is attached. The ledger that is on disk says the same but for the phase, and for what is owed: a sync of
    /// this one would hold up the runtime even if nobody waited for it, for a process is not gone before its threads are.
    fn complete(
        &self,
        ledger: &mut Ledger,
        attached: &Attached,
        plan: &Plan,
        commit: &mut dyn FnMut(&Attached) -> Committed,
    ) -> Result<(), Late> {
        ledger.phase = Phase::Attached;
        if attached.is_status_owed {
            let text = npwg::status::render(&attached.statuses);
            let text = text.map_err(|error| Late::Commit(error.to_string(), code::INTERNAL))?;
            let earlier = plan.earlier_status.clone();
            ledger.owed_status = Some(OwedStatus { text, earlier });
            // Before anybody is told: who comes after one that is killed finds it.
            self.rewrite(ledger).map_err(Late::Record)?;
        }
        commit(attached).map_err(|(text, code)| Late::Commit(text, code))?;
        if attached.is_status_owed {
            return Ok(());
        }
        self.rewrite(ledger).map_err(Late::Record)
    }

    /// Undoes what an ADD left that did not end.
    ///
    /// # Errors
    /// The container is attached already, or its remains cannot be undone.
    pub fn clear(&self, remembered: &Remembered<'_>, undo: Duration) -> Result<(), EngineError> {
        let Some(ledger) = self.load(remembered)? else {
            return Ok(());
        };
        match ledger {
            Ok(ledger) if ledger.phase == Phase::Attached => Err(EngineError::AlreadyAttached {
                configuration: ledger.container.configuration,
            }),
            Ok(ledger) => {
                let (left, kept) = self.settle(ledger, Instant::now() + undo);
                refuse_leftovers(left)?;
                kept
            }
            // A power cut may leave an empty ledger; the results tell what was attached. What lies in its place and cannot
            // be removed keeps us from writing one, and so from attaching.
            Err(_) => {
                refuse_leftovers(self.take_down_cached(remembered, Instant::now() + undo))?;
                self.forget(&remembered.container.id)
            }
        }
    }

    /// Runs the delegates. On failure: how many of the ledger's records were begun, and what happened.
    fn attach(
        &self,
        ledger: &mut Ledger,
        version: Version,
        deadline: Instant,
        undo: Duration,
    ) -> Result<Attached, (usize, Failure)> {
        let mut default_result = None;
        let mut attached = Vec::new();
        let mut failed = Vec::new();
        let mut index = 0;
        while let Some(record) = ledger.records.get(index) {
            let is_default = default_result.is_none();
            let is_optional = record.requests.optional && !is_default;
            let deadline = match is_optional {
                // It may not use up the time of those that have to succeed.
                true => fair_share(deadline, ledger.records.len() - index + 1),
                false => deadline,
            };
            let outcome = self
                .attach_one(&ledger.container, record, deadline)
                .and_then(|result| match is_default {
                    true => printable(record, result, version),
                    false => Ok(result),
                });
            match outcome {
                Ok(result) => {
                    attached.push((record.clone(), result.clone()));
                    default_result.get_or_insert(result);
                    index += 1;
                }
                Err(failure) if is_optional => {
                    // The one that failed is taken down alone; the ledger keeps it where that does not work.
                    let record = ledger.records.remove(index);
                    let deadline = Instant::now() + undo;
                    let left = self.detach_half_made(record, &ledger.container, &failure, deadline);
                    if let Some((record, _)) = left {
                        ledger.records.insert(index, record);
                        index += 1;
                    }
                    failed.push(failure);
                }
                Err(failure) => return Err((index + 1, failure)),
            }
        }
        let devices = attached
            .iter()
            .map(|(record, _)| self.known_device_info(&ledger.container, record))
            .collect();
        let failed = Failures(failed);
        Ok(summary(default_result, attached, devices, failed, version))
    }

    pub(crate) fn attach_one(
        &self,
        container: &Container,
        record: &Attachment,
        deadline: Instant,
    ) -> Result<CniResult, Failure> {
        self.prepare_device_info(container, record);
        let attachment = container.attachment(record, &container.netns);
        self.tell(Verb::Add, container, record, Stage::Begins);
        let added = self
            .runtime
            .add(&record.conf, &attachment, deadline)
            .map_err(|source| Failure::of(record, FailureKind::Add(source)))
            .and_then(|mut result| {
                if !record.routes.is_empty() {
                    self.move_default_route(container, record, &mut result)?;
                }
                Ok(result)
            });
        let stage = match &added {
            Ok(result) => Stage::Done(Some(result)),
            Err(_) => Stage::Failed,
        };
        self.tell(Verb::Add, container, record, stage);
        added
    }
}

/// The default network's result must be one that the runtime can be told.
fn printable(
    record: &Attachment,
    result: CniResult,
    version: Version,
) -> Result<CniResult, Failure> {
    match result.to_value(version) {
        Ok(_) => Ok(result),
        Err(source) => Err(Failure::of(record, FailureKind::Result { version, source })),
    }
}

fn summary(
    default_result: Option<CniResult>,
    attached: Vec<(Attachment, CniResult)>,
    devices: Vec<Option<DeviceInfo>>,
    failed: Failures,
    version: Version,
) -> Attached {
    let mut statuses = Vec::new();
    let mut interfaces = Vec::new();
    for (index, ((record, result), device_info)) in attached.iter().zip(devices).enumerate() {
        let entries = network_statuses(&record.name, index == 0, result);
        statuses.extend(entries.into_iter().map(|entry| NetworkStatus {
            device_info: device_info.clone(),
            ..entry
        }));
        if !result.interfaces.is_empty() || !result.ips.is_empty() {
            let addresses = result.ips.iter().map(|ip| ip.address.to_string()).collect();
            interfaces.push((record.ifname.to_string(), addresses, record.name.clone()));
        }
    }
    let result = default_result.unwrap_or_else(|| CniResult::new(version));
    Attached {
        result,
        statuses,
        interfaces,
        failed,
        is_status_owed: false,
    }
}

fn refuse_leftovers(left: Failures) -> Result<(), EngineError> {
    if left.is_empty() {
        Ok(())
    } else {
        Err(EngineError::LeftBehind(left))
    }
}
