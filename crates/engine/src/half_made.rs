//! Detaches what an ADD may or may not have made. Some plugins insist on finding their interface; where it never came into
//! being, they are told that the sandbox is gone, and release the rest.

use std::time::Instant;

use cni::{ChainErrors, Verb};
use plan::Attachment;

use crate::del::fair_share;
use crate::{Container, Engine, Failure, FailureKind, Stage, device_info};

impl Engine<'_> {
    /// Takes down the attachment whose ADD failed. What is left then, and why.
    pub(crate) fn detach_half_made(
        &self,
        record: Attachment,
        container: &Container,
        failure: &Failure,
        deadline: Instant,
    ) -> Option<(Attachment, Failure)> {
        let files = device_info::files(container, [&record]);
        let nothing_ran = matches!(&failure.kind, FailureKind::Add(source) if source.nothing_ran());
        let left = match nothing_ran {
            true => None,
            false => self.del_half_made(record, container, Some(failure), deadline),
        };
        self.forget_device_info(files);
        left
    }

    /// The same for an attachment of which nobody knows how far it came, where there is no `failure`.
    pub(crate) fn del_half_made(
        &self,
        record: Attachment,
        container: &Container,
        failure: Option<&Failure>,
        deadline: Instant,
    ) -> Option<(Attachment, Failure)> {
        let netns = self.living_netns(container);
        let share = fair_share(deadline, 2);
        self.tell(Verb::Del, container, &record, Stage::Begins);
        let Err(source) = self.del_as_far(&record, container, netns, failure, share) else {
            self.tell(Verb::Del, container, &record, Stage::Done(None));
            return None;
        };
        let ifname = record.ifname.as_str();
        let existing = self.netns.existing(netns, &[ifname]);
        if existing.is_ok_and(|found| found.is_empty()) {
            let again = self.del_as_far(&record, container, "", failure, deadline);
            if again.is_ok() {
                self.tell(Verb::Del, container, &record, Stage::Done(None));
                return None;
            }
        }
        self.tell(Verb::Del, container, &record, Stage::Failed);
        let failure = Failure::of_del(&record, source);
        Some((record, failure))
    }

    /// DEL with what the chain had come to. The cache has no result of a chain that failed, but may have an older one
    /// (cni-runtime #82).
    fn del_as_far(
        &self,
        record: &Attachment,
        container: &Container,
        netns: &str,
        failure: Option<&Failure>,
        deadline: Instant,
    ) -> Result<(), ChainErrors> {
        let attachment = container.attachment(record, netns);
        match failure.map(|failure| &failure.kind) {
            Some(FailureKind::Add(source)) => {
                let made = source.partial.as_deref();
                let without = self.runtime.without_missing_ipam(&record.conf, source);
                let conf = without.as_ref().unwrap_or(&record.conf);
                self.runtime
                    .del_with_result(conf, &attachment, made, deadline)
                    .or_else(|errors| errors.only(|error| !error.is_moot_after(source)))
            }
            _ => self.runtime.del(&record.conf, &attachment, deadline),
        }
    }
}
