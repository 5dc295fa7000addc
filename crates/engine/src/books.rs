//! What the engine does with ledgers: reads them, for a request and without one, writes them, and forgets them.

use std::io::ErrorKind;

use cni::ContainerId;

use crate::{Container, Engine, EngineError, Ledger, LedgerError, Pending, Remembered};

impl Engine<'_> {
    /// The container's ledger, if there is one, or what is wrong with it.
    pub(crate) fn load(
        &self,
        remembered: &Remembered<'_>,
    ) -> Result<Option<Result<Ledger, LedgerError>>, EngineError> {
        self.read(&remembered.container.id, |bytes| {
            Ledger::decode(bytes, remembered)
        })
    }

    /// The container's ledger, where no request says anything about it. One of upstream's names neither pod nor
    /// configuration.
    pub(crate) fn recall(&self, id: &ContainerId) -> Result<Option<Ledger>, EngineError> {
        let netns = || {
            let mut cached = self.runtime.cached_of(id).into_iter();
            cached.find_map(|entry| (!entry.netns.is_empty()).then_some(entry.netns))
        };
        let Some(ledger) = self.read(id, |bytes| Ledger::decode_alone(bytes, id))? else {
            return Ok(None);
        };
        let mut ledger = ledger?;
        if ledger.container.netns.is_empty() {
            ledger.container.netns = netns().unwrap_or_default();
        }
        Ok(Some(ledger))
    }

    fn read(
        &self,
        id: &ContainerId,
        decode: impl FnOnce(&[u8]) -> Result<Ledger, LedgerError>,
    ) -> Result<Option<Result<Ledger, LedgerError>>, EngineError> {
        match self.ledgers.read(id) {
            Ok(None) => Ok(None),
            Ok(Some(bytes)) => Ok(Some(decode(&bytes))),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Ok(Some(Err(LedgerError::Foreign(error))))
            }
            Err(source) => Err(EngineError::Ledger {
                action: "read",
                source,
            }),
        }
    }

    /// Whether another container of the same pod has a ledger: a sandbox may be replaced while the old one is detached.
    pub fn is_attached_elsewhere(&self, pod: &plan::PodRef, container: &Container) -> bool {
        let ids = self.ledgers.list().unwrap_or_default();
        let others = ids.iter().filter(|id| **id != container.id);
        let mut ledgers = others.filter_map(|id| self.recall(id).ok()?);
        ledgers.any(
            |Ledger {
                 container: other, ..
             }| {
                other.configuration == container.configuration
                    && other.pod.namespace == pod.namespace
                    && other.pod.name == pod.name
            },
        )
    }

    pub(crate) fn write(&self, ledger: &Ledger) -> Result<Pending, EngineError> {
        self.put(ledger, &ledger.encode()?)
    }

    /// In the place of one that somebody else may have written: of a later release, say.
    pub(crate) fn write_over(&self, ledger: &Ledger) -> Result<Pending, EngineError> {
        let before = self.ledgers.read(&ledger.container.id).ok().flatten();
        self.put(ledger, &ledger.encode_over(&before.unwrap_or_default())?)
    }

    fn put(&self, ledger: &Ledger, bytes: &[u8]) -> Result<Pending, EngineError> {
        self.ledgers
            .write(&ledger.container.id, bytes)
            .map_err(|source| EngineError::Ledger {
                action: "write",
                source,
            })
    }

    pub(crate) fn rewrite(&self, ledger: &Ledger) -> Result<(), EngineError> {
        let bytes = ledger.encode()?;
        self.ledgers
            .rewrite(&ledger.container.id, &bytes)
            .map_err(|source| EngineError::Ledger {
                action: "write",
                source,
            })
    }

    pub(crate) fn forget(&self, id: &ContainerId) -> Result<(), EngineError> {
        self.ledgers
            .remove(id)
            .map_err(|source| EngineError::Ledger {
                action: "remove",
                source,
            })
    }
}
