//! One attachment: its plugins, its routes, its cached result.

use std::cell::Cell;
use std::io;
use std::time::Instant;

use cni::{CniResult, Verb};
use plan::Attachment;

use crate::{Container, Engine, Failure, FailureKind, Stage};

/// When a result goes to the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    /// Before anything else happens.
    Now,
    /// While the plugins of the next attachment run: nobody waits for it.
    Later,
}

impl Engine<'_> {
    /// Attaches to one network. The result is in the cache then, unless it may be stored later.
    pub(crate) fn attach_one(
        &self,
        container: &Container,
        record: &Attachment,
        deadline: Instant,
        store: Store,
        meanwhile: &dyn Fn(),
    ) -> Result<CniResult, Failure> {
        self.prepare_device_info(container, record);
        let at = container.attachment(record, &container.netns);
        self.tell(Verb::Add, container, record, Stage::Begins);
        let added = self
            .runtime
            .add_unstored(&record.conf, &at, deadline, meanwhile)
            .and_then(|result| {
                if store == Store::Now {
                    self.runtime
                        .store(&record.conf, &at, &result)
                        .map_err(|source| {
                            self.runtime
                                .undo_unstored(&record.conf, &at, &result, source, deadline)
                        })?;
                }
                Ok(result)
            })
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

    /// Attaches to one network, and stores the result of the one before meanwhile. What came of the one and of the other.
    pub(crate) fn attach_after(
        &self,
        before: Option<&(Attachment, CniResult)>,
        container: &Container,
        record: &Attachment,
        deadline: Instant,
        store: Store,
    ) -> (Result<CniResult, Failure>, io::Result<()>) {
        let store_before = || match before {
            Some((record, result)) => self.store(container, record, result),
            None => Ok(()),
        };
        let stored = Cell::new(None);
        let outcome = self.attach_one(container, record, deadline, store, &|| {
            stored.set(Some(store_before()));
        });
        // Nobody came to it where nothing could be started.
        (outcome, stored.take().unwrap_or_else(store_before))
    }

    pub(crate) fn store(
        &self,
        container: &Container,
        record: &Attachment,
        result: &CniResult,
    ) -> io::Result<()> {
        let at = container.attachment(record, &container.netns);
        self.runtime.store(&record.conf, &at, result)
    }

    /// What an ADD has failed over whose result could not be stored: its DEL gets that result.
    pub(crate) fn unstored(
        &self,
        record: &Attachment,
        result: &CniResult,
        source: io::Error,
    ) -> Failure {
        let error = self.runtime.unstored(&record.conf, result, source);
        Failure::of(record, FailureKind::Add(error))
    }
}
