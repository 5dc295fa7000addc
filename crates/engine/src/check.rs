//! CHECK: every attachment of the container, from the ledger (Q13).

use std::time::Instant;

use cni::{Verb, Version};
use plan::Attachment;

use crate::{
    Container, Engine, EngineError, Failure, FailureKind, Failures, Phase, Remembered, Stage,
};

impl Engine<'_> {
    /// Checks every attachment whose configuration can be checked (CNI 0.4.0 and later, B4.128).
    ///
    /// # Errors
    /// The first attachment that is not as it was made, or that the container is not attached.
    pub fn check(&self, remembered: &Remembered<'_>, deadline: Instant) -> Result<(), EngineError> {
        let ledger = self.load(remembered)?.ok_or(EngineError::NotAttached)??;
        if ledger.phase != Phase::Attached {
            return Err(EngineError::HalfAttached);
        }
        for (index, record) in ledger.records.iter().enumerate() {
            if record.conf.version() < Version::V0_4_0 || is_auxiliary(index, record) {
                continue;
            }
            let netns = &remembered.container.netns;
            self.check_record(&ledger.container, record, netns, deadline)?;
        }
        Ok(())
    }

    /// Checks one attachment, in the network namespace that the request names.
    pub(crate) fn check_record(
        &self,
        container: &Container,
        record: &Attachment,
        netns: &str,
        deadline: Instant,
    ) -> Result<(), EngineError> {
        let attachment = container.attachment(record, netns);
        self.tell(Verb::Check, container, record, Stage::Begins);
        if let Err(source) = self.runtime.check(&record.conf, &attachment, deadline) {
            self.tell(Verb::Check, container, record, Stage::Failed);
            let ifname = record.ifname.to_string();
            return Err(EngineError::Attachment {
                failure: Failure::of(record, FailureKind::Check { ifname, source }),
                undo: Failures::default(),
            });
        }
        self.tell(Verb::Check, container, record, Stage::Done(None));
        Ok(())
    }
}

/// A chain behind `passthru` works on what other networks have made. Its plugins would look for an interface of its own
/// name, which nobody has made (Q65; upstream does not check it either).
fn is_auxiliary(index: usize, record: &Attachment) -> bool {
    let head = record.conf.plugins().first();
    index > 0 && head.is_some_and(|plugin| plugin.plugin_type() == "passthru")
}
