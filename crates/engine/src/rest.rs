//! What a DEL, or the undo of an ADD, had to leave: tried again later, by somebody whom the runtime does not wait for.

use std::time::Instant;

use cni::ContainerId;

use crate::del::undone;
use crate::{Container, Engine, EngineError, Ledger, Phase};

impl Engine<'_> {
    /// The containers of which something is left to undo, as their ledgers say. A ledger that cannot be read says nothing.
    ///
    /// # Errors
    /// The ledgers cannot be listed.
    pub fn with_rest(&self) -> Result<Vec<ContainerId>, EngineError> {
        let mut ids = self.ledgers.list().map_err(|source| EngineError::Ledger {
            action: "list",
            source,
        })?;
        ids.retain(|id| {
            let ledger = self.recall(id).ok().flatten();
            ledger.is_some_and(|ledger| ledger.phase == Phase::Detaching)
        });
        Ok(ids)
    }

    /// Tries again to undo what is left of a container, for whoever has locked it. The container, or `None` where nothing
    /// was left: somebody else was faster, or attaches it anew.
    ///
    /// # Errors
    /// What could not be undone; the ledger keeps it.
    pub fn del_rest(
        &self,
        id: &ContainerId,
        deadline: Instant,
    ) -> Result<Option<Container>, EngineError> {
        self.del_where(id, deadline, |ledger| ledger.phase == Phase::Detaching)
    }

    /// The same of a container whose sandbox is gone, as `is_gone` says of its network namespace: whoever should have called DEL
    /// has not, and will not.
    ///
    /// # Errors
    /// As [`Engine::del_rest`].
    pub fn del_gone(
        &self,
        id: &ContainerId,
        is_gone: impl Fn(&str) -> bool,
        deadline: Instant,
    ) -> Result<Option<Container>, EngineError> {
        self.del_where(id, deadline, |ledger| {
            ledger.phase == Phase::Detaching || is_gone(&ledger.container.netns)
        })
    }

    fn del_where(
        &self,
        id: &ContainerId,
        deadline: Instant,
        is_due: impl Fn(&Ledger) -> bool,
    ) -> Result<Option<Container>, EngineError> {
        let Some(ledger) = self.recall(id)?.filter(is_due) else {
            return Ok(None);
        };
        let container = ledger.container.clone();
        let (left, kept) = self.settle(ledger, deadline);
        undone(left, kept).map(|()| Some(container))
    }
}

#[cfg(test)]
mod tests {
    use cni::ContainerId;

    use crate::testing::{Bench, container, plan, soon};
    use crate::{EngineError, Ledger, Phase};

    fn with_rest(bench: &Bench) -> Vec<ContainerId> {
        bench.with(|engine| engine.with_rest()).unwrap()
    }

    #[test]
    fn what_a_del_had_to_leave_is_found_and_undone_later() {
        // Q16
        let bench = Bench::default();
        bench.add(&plan(&["a", "b"])).unwrap();
        let id = container("c1").id;
        let again = || bench.with(|engine| engine.del_rest(&id, soon()));
        assert_eq!(with_rest(&bench), []);
        assert!(matches!(again(), Ok(None)));
        bench.fail("DEL b net1", 11);
        assert!(matches!(bench.del("c1"), Err(EngineError::Del(_))));
        bench.take_runs();

        assert_eq!(with_rest(&bench), std::slice::from_ref(&id));
        assert!(matches!(again(), Err(EngineError::Del(_))));
        bench.failing.borrow_mut().clear();
        assert_eq!(again().unwrap().unwrap().pod.name, "pod");

        assert_eq!(bench.take_runs(), ["DEL b net1", "DEL b net1"]);
        assert!(bench.is_clean() && with_rest(&bench).is_empty());
    }

    #[test]
    fn a_container_whose_sandbox_is_gone_is_detached_without_its_runtime() {
        // row 4
        let bench = Bench::default();
        bench.add(&plan(&["a", "b"])).unwrap();
        bench.take_runs();
        let container = container("c1");
        let gone = |is_gone: bool| {
            let is_gone = |netns: &str| netns == container.netns && is_gone;
            bench.with(|engine| engine.del_gone(&container.id, is_gone, soon()))
        };
        assert!(matches!(gone(false), Ok(None)));
        bench.fail("DEL b net1", 11);
        assert!(matches!(gone(true), Err(EngineError::Del(_))));
        bench.failing.borrow_mut().clear();
        // What is left of it is due wherever its sandbox is.
        assert!(matches!(gone(false), Ok(Some(_))));
        assert!(matches!(gone(true), Ok(None)));
        assert!(bench.is_clean());
    }

    #[test]
    fn what_the_result_cache_knows_and_cannot_be_undone_has_a_ledger_from_then_on() {
        let bench = Bench::default();
        bench.add(&plan(&["a", "b"])).unwrap();
        bench.ledgers.borrow_mut().clear();
        bench.fail("DEL a eth0", 11);
        assert!(matches!(bench.del("c1"), Err(EngineError::Del(_))));
        assert_eq!(with_rest(&bench), [container("c1").id]);
        bench.failing.borrow_mut().clear();
        bench.del("c1").unwrap();
        assert!(bench.is_clean());
    }

    #[test]
    fn a_del_whose_rest_is_not_on_disk_says_so() {
        for broken in [false, true] {
            let mut bench = Bench::default();
            bench.add(&plan(&["a", "b"])).unwrap();
            bench.fail("DEL b net1", 11);
            (bench.disk_full, bench.disk_broken) = (!broken, broken);
            let error = bench.del("c1").unwrap_err();
            assert!(
                matches!(error, EngineError::DelUnrecorded { .. }),
                "{error}"
            );
        }
    }

    #[test]
    fn an_add_that_did_not_end_is_not_for_those_who_try_again() {
        let bench = Bench::default();
        let ledger = Ledger {
            container: container("c1"),
            phase: Phase::Attaching,
            records: plan(&["a"]).attachments,
            owed_status: None,
        };
        let id = ledger.container.id.clone();
        bench.with(|engine| engine.write(&ledger).unwrap()().unwrap());
        assert_eq!(with_rest(&bench), []);
        let again = bench.with(|engine| engine.del_rest(&id, soon()));
        assert!(matches!(again, Ok(None)));
        assert!(bench.take_runs().is_empty() && !bench.is_clean());
    }
}
