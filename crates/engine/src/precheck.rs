//! What can be known to be in the way before the first delegate runs.

use std::collections::BTreeMap;

use plan::Attachment;

use crate::{Container, Engine, EngineError, Failure, FailureKind, Failures};

impl Engine<'_> {
    /// Refuses names, arguments, programs and interfaces that an ADD would fail over half-way.
    pub(crate) fn precheck(
        &self,
        container: &Container,
        records: &[Attachment],
    ) -> Result<(), EngineError> {
        self.check_names(container, records)?;
        self.check_programs(records)?;
        self.check_interfaces(container, records)
    }

    /// The same for one that comes to others.
    pub(crate) fn precheck_another(
        &self,
        container: &Container,
        others: &[Attachment],
        record: &Attachment,
    ) -> Result<(), EngineError> {
        if others.iter().any(|other| other.ifname == record.ifname) {
            let ifname = record.ifname.to_string();
            return Err(refused(record, FailureKind::InterfaceExists { ifname }));
        }
        let all: Vec<Attachment> = others.iter().chain([record]).cloned().collect();
        self.check_names(container, &all)?;
        let one = std::slice::from_ref(record);
        self.check_programs(one)?;
        self.check_interfaces(container, one)
    }

    /// Also of optional attachments: with such names there is no DEL either.
    fn check_names(
        &self,
        container: &Container,
        records: &[Attachment],
    ) -> Result<(), EngineError> {
        let mut cached = BTreeMap::new();
        for record in records {
            let attachment = container.attachment(record, &container.netns);
            let name = self
                .runtime
                .cache_name(&record.conf, &attachment)
                .map_err(|source| refused(record, FailureKind::Add(source)))?;
            if let Some(other) = cached.insert(name, record.conf.name()) {
                let other = other.to_owned();
                return Err(refused(record, FailureKind::SharedName { other }));
            }
        }
        Ok(())
    }

    fn check_programs(&self, records: &[Attachment]) -> Result<(), EngineError> {
        for record in records.iter().filter(|record| !record.requests.optional) {
            if let Err(source) = self.runtime.precheck(&record.conf) {
                return Err(refused(record, FailureKind::NoPlugin(source)));
            }
        }
        Ok(())
    }

    fn check_interfaces(
        &self,
        container: &Container,
        records: &[Attachment],
    ) -> Result<(), EngineError> {
        let ifnames: Vec<&str> = records
            .iter()
            .map(|record| record.ifname.as_str())
            .collect();
        let existing = self
            .netns
            .existing(&container.netns, &ifnames)
            .map_err(|source| EngineError::Netns {
                netns: container.netns.clone(),
                source,
            })?;
        let is_taken =
            |record: &&Attachment| existing.iter().any(|name| name == record.ifname.as_str());
        match records.iter().find(is_taken) {
            None => Ok(()),
            Some(record) => {
                let ifname = record.ifname.to_string();
                Err(refused(record, FailureKind::InterfaceExists { ifname }))
            }
        }
    }
}

fn refused(record: &Attachment, kind: FailureKind) -> EngineError {
    EngineError::Attachment {
        failure: Failure::of(record, kind),
        undo: Failures::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bench, plan};

    #[test]
    fn names_that_no_del_could_use_are_refused_before_anything_runs() {
        // cni-runtime #50, #52; also where the attachment is optional
        let bench = Bench::default();
        let mut bad = plan(&["a", &"b".repeat(250)]);
        bad.attachments[1].requests.optional = true;
        assert_eq!(bench.add(&bad).unwrap_err().code(), 7);
        let mut bad = plan(&["a", "b"]);
        bad.attachments[1].args.push(("A\nB".into(), String::new()));
        assert_eq!(bench.add(&bad).unwrap_err().code(), 4);
        assert!(bench.take_runs().is_empty() && bench.is_clean());
    }

    #[test]
    fn attachments_whose_results_would_share_a_file_are_refused_before_anything_runs() {
        // cni-runtime #56: `a`, `c1`, `c1-b` and `a-c1`, `c1`, `b`
        let bench = Bench::default();
        let mut bad = plan(&["a", "a-c1"]);
        bad.attachments[0].ifname = cni::IfName::parse("c1-b").unwrap();
        bad.attachments[1].ifname = cni::IfName::parse("b").unwrap();
        let error = bench.add(&bad).unwrap_err();
        assert_eq!((error.code(), error.network()), (7, Some("a-c1")));
        assert!(bench.take_runs().is_empty() && bench.is_clean());
    }
}
