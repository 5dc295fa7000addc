//! One attachment: its plugins, its routes, its cached result.

use std::cell::OnceCell;
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

/// An attachment whose result is not in the cache yet: that is done while the plugins of the next one run.
pub(crate) struct Unstored<'a, 'm> {
    engine: &'a Engine<'a>,
    container: &'a Container,
    made: &'m (Attachment, CniResult),
    stored: OnceCell<io::Result<()>>,
}

impl<'a, 'm> Unstored<'a, 'm> {
    pub(crate) fn new(
        engine: &'a Engine<'a>,
        container: &'a Container,
        made: &'m (Attachment, CniResult),
    ) -> Self {
        Self {
            engine,
            container,
            made,
            stored: OnceCell::new(),
        }
    }

    /// Stores it, once.
    pub(crate) fn store(&self) {
        let (record, result) = self.made;
        let store = || self.engine.store(self.container, record, result);
        self.stored.get_or_init(store);
    }

    /// What could not be stored, and why. Nobody came to it yet where nothing could be started.
    pub(crate) fn failed(self) -> Option<(&'m (Attachment, CniResult), io::Error)> {
        self.store();
        let error = self.stored.into_inner()?.err()?;
        Some((self.made, error))
    }
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
