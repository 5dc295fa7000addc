//! ADD: the ledger, the delegates in order, the routes, the status; or nothing at all.

use std::io;
use std::time::{Duration, Instant};

use cni::{CniResult, Version, code};
use npwg::{DeviceInfo, NetworkStatus};
use plan::{Attachment, Plan, network_statuses};

use crate::del::{durable, fair_share};
use crate::{
    Container, Engine, EngineError, Failure, FailureKind, Failures, Ledger, OwedStatus, Phase,
    Remembered,
    attach::{Store, Unstored},
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

/// Why the status could not be written.
#[derive(Debug, Clone)]
pub struct Unwritten {
    /// For people.
    pub text: String,
    /// The CNI error code.
    pub code: u32,
}

impl Unwritten {
    /// For such an error.
    pub fn new(error: &impl ToString, code: u32) -> Self {
        Self {
            text: error.to_string(),
            code,
        }
    }
}

/// Writes the status, and may do what it is given while it waits for an answer.
pub type WriteStatus<'a> = &'a mut dyn FnMut(&Attached, &mut dyn FnMut()) -> Result<(), Unwritten>;

/// What failed after everything was attached.
enum Late {
    Record(EngineError),
    Status(Unwritten),
}

impl Late {
    fn undone(self, undo: Failures) -> EngineError {
        match self {
            Self::Record(cause) => EngineError::unrecorded(cause, undo),
            Self::Status(Unwritten { text, code }) => EngineError::Commit { text, code, undo },
        }
    }
}

impl Engine<'_> {
    /// Attaches the container as planned. `commit` is told once everything is attached and the ledger is on disk; when it
    /// fails, or anything before it, what was attached is undone. A status that may be written behind stands in the ledger
    /// before that. What `commit` is given may be done while it waits for an answer, and is done afterwards where it was not.
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
        commit: WriteStatus<'_>,
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
            Err(late) => {
                // It may say on disk already that all is attached.
                ledger.phase = Phase::Attaching;
                let _best_effort = self.rewrite(&ledger);
                Err(late.undone(self.undo(ledger, undo)))
            }
        }
    }

    /// Everything is attached. The ledger that is on disk says the same but for the phase, and for what is owed: a sync of
    /// this one would hold up the runtime even if nobody waited for it, for a process is not gone before its threads are.
    fn complete(
        &self,
        ledger: &mut Ledger,
        attached: &Attached,
        plan: &Plan,
        commit: WriteStatus<'_>,
    ) -> Result<(), Late> {
        ledger.phase = Phase::Attached;
        if attached.is_status_owed {
            let text = npwg::status::render(&attached.statuses);
            let text =
                text.map_err(|error| Late::Status(Unwritten::new(&error, code::INTERNAL)))?;
            let earlier = plan.earlier_status.clone();
            ledger.owed_status = Some(OwedStatus { text, earlier });
            // Before anybody is told: who comes after one that is killed finds it.
            self.rewrite(ledger).map_err(Late::Record)?;
        }
        let mut written = attached.is_status_owed.then_some(Ok(()));
        commit(attached, &mut || {
            written.get_or_insert_with(|| self.rewrite(ledger));
        })
        .map_err(Late::Status)?;
        written
            .unwrap_or_else(|| self.rewrite(ledger))
            .map_err(Late::Record)
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
        let mut made: Vec<(Attachment, CniResult)> = Vec::new();
        let mut failed = Vec::new();
        let mut index = 0;
        let mut store = Store::Now;
        while let Some(record) = ledger.records.get(index) {
            let is_default = default_result.is_none();
            let is_optional = record.requests.optional && !is_default;
            let deadline = match is_optional {
                // It may not use up the time of those that have to succeed.
                true => fair_share(deadline, ledger.records.len() - index + 1),
                false => deadline,
            };
            let container = &ledger.container;
            let before = made.last().filter(|_| store == Store::Later);
            let before = before.map(|before| Unstored::new(self, container, before));
            let is_last = index + 1 == ledger.records.len();
            // What may fail for itself is undone with its result; and moving routes goes by it.
            store = match is_optional || is_last || !record.routes.is_empty() {
                true => Store::Now,
                false => Store::Later,
            };
            let store_before = || before.iter().for_each(Unstored::store);
            let outcome = self.attach_one(container, record, deadline, store, &store_before);
            if let Some((before, source)) = before.and_then(Unstored::failed) {
                let after = (index, outcome);
                return Err(self.give_up_both(ledger, before, source, after, undo));
            }
            let outcome = outcome.and_then(|result| match is_default {
                true => self.printable(container, record, result, version),
                false => Ok(result),
            });
            match outcome {
                Ok(result) => {
                    made.push((record.clone(), result.clone()));
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
        let devices = made
            .iter()
            .map(|(record, _)| self.known_device_info(&ledger.container, record))
            .collect();
        let failed = Failures(failed);
        Ok(summary(default_result, made, devices, failed, version))
    }

    /// The result of the one `before` cannot be stored. The one after it, at `index`, is taken down alone, with what is known of
    /// it, so that the one before is the last that was begun, and gets its result with its DEL.
    fn give_up_both(
        &self,
        ledger: &mut Ledger,
        (before, result): &(Attachment, CniResult),
        source: io::Error,
        (index, outcome): (usize, Result<CniResult, Failure>),
        undo: Duration,
    ) -> (usize, Failure) {
        let kind = source.kind();
        let record = ledger.records.remove(index);
        let after = outcome.map_or_else(
            |failure| failure,
            |result| self.unstored(&record, &result, kind.into()),
        );
        let failure = self.unstored(before, result, source);
        let until = Instant::now() + undo;
        match self.detach_half_made(record, &ledger.container, &after, until) {
            // It stands before the other: an optional one, which may have failed and stay, never lies between the two.
            Some((record, _)) => {
                ledger.records.insert(index - 1, record);
                (index + 1, failure)
            }
            None => (index, failure),
        }
    }

    /// The default network's result must be one that the runtime can be told.
    fn printable(
        &self,
        container: &Container,
        record: &Attachment,
        result: CniResult,
        version: Version,
    ) -> Result<CniResult, Failure> {
        let Err(source) = result.to_value(version) else {
            return Ok(result);
        };
        // For its DEL.
        let _best_effort = self.store(container, record, &result);
        Err(Failure::of(record, FailureKind::Result { version, source }))
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
