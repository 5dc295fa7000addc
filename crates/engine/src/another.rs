//! One more network for a container that is attached already, and one fewer (B6.43). The ledger knows of both (Q64).

use std::time::{Duration, Instant};

use cni::CniResult;
use plan::Attachment;

use crate::attach::Store;
use crate::del::durable;
use crate::{
    Container, Engine, EngineError, Failure, Failures, Ledger, Phase, Remembered, device_info,
};

impl Engine<'_> {
    /// Attaches the container to one more network. A container that nobody knows gets a ledger of its own: whoever calls
    /// may name it as the runtime does not.
    ///
    /// # Errors
    /// What failed, and what could not be undone after it, which stays in the ledger.
    pub fn attach_another(
        &self,
        remembered: &Remembered<'_>,
        record: Attachment,
        deadline: Instant,
        undo: Duration,
    ) -> Result<CniResult, EngineError> {
        let mut ledger = self.attached(remembered)?;
        let container = in_netns(&ledger.container, remembered);
        self.precheck_another(&container, &ledger.records, &record)?;
        ledger.records.push(record.clone());
        let synced = self.write_over(&ledger)?;
        let error = match self.attach_one(&container, &record, deadline, Store::Now, &|| ()) {
            Ok(result) => match durable(synced) {
                Ok(()) => return Ok(result),
                Err(cause) => EngineError::unrecorded(cause, Failures::default()),
            },
            Err(failure) => EngineError::Attachment {
                failure,
                undo: Failures::default(),
            },
        };
        let until = Instant::now() + undo;
        let left = match &error {
            EngineError::Attachment { failure, .. } => {
                self.detach_half_made(record, &container, failure, until)
            }
            _ => self.del_half_made(record, &container, None, until),
        };
        if left.is_none() {
            ledger.records.pop();
            // Where the ledger cannot be rewritten the old one stays, which lists all that is left and more.
            let _ = self.keep_others(&ledger);
        }
        Err(with_rest(error, left.map(|(_, failure)| failure)))
    }

    /// Detaches the container from the network that has this interface, as the ledger says, or as it is asked where the
    /// ledger does not know it.
    ///
    /// # Errors
    /// It could not be undone; what the ledger knew stays there.
    pub fn detach_one(
        &self,
        remembered: &Remembered<'_>,
        asked: Attachment,
        deadline: Instant,
    ) -> Result<(), EngineError> {
        let mut ledger = self.load(remembered)?.and_then(Result::ok);
        let at = ledger.as_ref().and_then(|ledger| place(ledger, &asked));
        let known = ledger.as_mut().zip(at);
        let (container, record) = match &known {
            Some((ledger, at)) => (
                in_netns(&ledger.container, remembered),
                ledger.records.get(*at).cloned().unwrap_or(asked),
            ),
            None => (remembered.container.clone(), asked),
        };
        let files = device_info::files(&container, [&record]);
        // Nobody says whether its ADD came to its end.
        if let Some((_, failure)) = self.del_half_made(record, &container, None, deadline) {
            return Err(EngineError::Del(Failures(vec![failure])));
        }
        self.forget_device_info(files);
        match known {
            Some((ledger, at)) => {
                ledger.records.remove(at);
                self.keep_others(ledger)
            }
            None => Ok(()),
        }
    }

    /// Checks the network that has this interface, as the ledger says, or as it is asked.
    ///
    /// # Errors
    /// It is not as it was made.
    pub fn check_one(
        &self,
        remembered: &Remembered<'_>,
        asked: Attachment,
        deadline: Instant,
    ) -> Result<(), EngineError> {
        let ledger = self.load(remembered)?.and_then(Result::ok);
        let known = ledger.and_then(|ledger| {
            let at = place(&ledger, &asked)?;
            ledger.records.into_iter().nth(at)
        });
        let (container, record) = (remembered.container, known.unwrap_or(asked));
        self.check_record(container, &record, &container.netns, deadline)
    }

    /// The ledger of a container whose ADD has ended well, or a new one.
    fn attached(&self, remembered: &Remembered<'_>) -> Result<Ledger, EngineError> {
        match self.load(remembered)?.transpose()? {
            None => Ok(Ledger {
                container: remembered.container.clone(),
                phase: Phase::Attached,
                records: Vec::new(),
                owed_status: None,
            }),
            Some(ledger) if ledger.phase == Phase::Attached => Ok(ledger),
            Some(_) => Err(EngineError::HalfAttached),
        }
    }

    fn keep_others(&self, ledger: &Ledger) -> Result<(), EngineError> {
        if ledger.records.is_empty() {
            return self.forget(&ledger.container.id);
        }
        durable(self.write_over(ledger)?)
    }
}

fn place(ledger: &Ledger, asked: &Attachment) -> Option<usize> {
    let mut records = ledger.records.iter();
    records.position(|record| record.ifname == asked.ifname)
}

/// Whoever calls knows best where the sandbox is now, if it says so at all.
fn in_netns(known: &Container, remembered: &Remembered<'_>) -> Container {
    let asked = &remembered.container.netns;
    let netns = if asked.is_empty() {
        &known.netns
    } else {
        asked
    };
    Container {
        netns: netns.clone(),
        ..known.clone()
    }
}

fn with_rest(error: EngineError, left: Option<Failure>) -> EngineError {
    let undo = Failures(left.into_iter().collect());
    match error {
        EngineError::Attachment { failure, .. } => EngineError::Attachment { failure, undo },
        EngineError::Unrecorded { cause, .. } => EngineError::Unrecorded { cause, undo },
        other => other,
    }
}

#[cfg(test)]
mod tests;
