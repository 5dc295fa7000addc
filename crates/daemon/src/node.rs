//! What is done for the pods of the node, whoever asks for it: our own plugin in its words, or somebody in upstream's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cni::{CniError, ContainerId};
use ipc::{Commit, Failed, Run};
use plan::PodRef;
use plugin::{LOG, Runs, messages};

use crate::behind::Behind;
use crate::complaints::Complaints;
use crate::events::Events;
use crate::facts::Sources;
use crate::gate::{Gate, Place};
use crate::metrics::{Metrics, Operation, Phase};
use crate::planner::Decoded;
use crate::readiness::Readiness;
use crate::retries::Retries;
use crate::settings::Settings;

/// How long one who does not say how long may wait for a place.
const QUEUE: Duration = Duration::from_secs(60);

/// The node, as far as it is the daemon's.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) decoded: Decoded,
    pub(crate) sources: Sources,
    pub(crate) readiness: Readiness,
    pub(crate) gate: Gate,
    pub(crate) events: Events,
    pub(crate) behind: Behind,
    pub(crate) retries: Retries,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) complaints: Arc<Complaints>,
}

impl Node {
    /// A place in the queue of all attachments, or why there is none now. Nobody waits in it for what cannot be done yet.
    pub(crate) async fn enter(
        &self,
        is_one_too_many: bool,
        patience: Option<Duration>,
    ) -> Result<Place, String> {
        if let Some(reason) = self.readiness.cannot_attach() {
            return Err(reason);
        }
        if is_one_too_many {
            return Err("too many attachments wait already".to_owned());
        }
        let begin = Instant::now();
        let place = self.gate.enter(patience.unwrap_or(QUEUE)).await;
        self.metrics.took(Phase::Queue, begin);
        place.map_err(|none| none.to_string())
    }

    /// A pod's plan was carried out. Writes the network status, in one patch that only this pod takes, and then tells the pod
    /// what it got. The plugin waits for the first, and undoes everything where it fails; a status that it may owe is
    /// written behind.
    pub(crate) async fn committed(
        &self,
        words: Commit,
        patience: Duration,
    ) -> Result<(), CniError> {
        let id = ContainerId::parse(&words.container_id);
        let pod = PodRef::from(words.pod);
        self.metrics.ran(Operation::Add, &words.runs);
        let is_left = words.is_status_owed && id.is_ok_and(|id| self.behind.take(&id, &pod));
        if !is_left && !words.network_status.is_empty() {
            let failures = (!words.failed.is_empty()).then(|| words.failed.join(" / "));
            let more = [(messages::FAILURES, failures.as_deref())];
            let begin = Instant::now();
            let live = &self.sources.live;
            let written = live
                .write_status(&pod, &words.network_status, &more, begin + patience)
                .await;
            self.metrics.took(Phase::Status, begin);
            written.map_err(|error| {
                CniError::new(messages::api_code(error.may_pass()), error.to_string())
            })?;
        }
        self.metrics.ended(Operation::Add, true);
        for added in &words.added {
            let text = messages::added(&added.ifname, &added.addresses, &added.network);
            LOG.verbose(format_args!("[{}]: {text}", pod.label()));
            self.events.normal(&pod, "AddedInterface", text);
        }
        for failure in words.failed {
            self.events.warning(&pod, messages::FAILED, failure);
        }
        Ok(())
    }

    /// A pod's plan could not be carried out: tells it why.
    pub(crate) fn failed(&self, words: Failed) {
        self.metrics.ran(Operation::Add, &words.runs);
        self.metrics.ended(Operation::Add, false);
        let pod = PodRef::from(words.pod);
        self.events.warning(&pod, messages::FAILED, words.reason);
    }

    /// A container is detached, or has a rest in its ledger, which is tried again.
    pub(crate) fn detached(&self, id: ContainerId, has_rest: bool, runs: &[Run]) {
        self.metrics.ran(Operation::Del, runs);
        self.metrics.ended(Operation::Del, !has_rest);
        match has_rest {
            true => self.retries.has_rest(id),
            false => self.retries.gone(id),
        }
    }
}

/// How long the API may take for a status: as the daemon's configuration says, else as the plugin's does, and less than is
/// left of the ADD, which is undone when nobody answers.
pub(crate) fn patience(words: &Commit, settings: &Settings) -> Duration {
    let own = settings.netconf.timeouts.api;
    let patience = match words.patience {
        Some(plugins) if !settings.sets_api_timeout() => Duration::from_millis(plugins),
        _ => own,
    };
    let left = words.time_left.map_or(Duration::MAX, Duration::from_millis);
    patience.min(left - left / 10)
}

/// What plugins did, and nobody was told yet.
pub(crate) fn runs(runs: &Runs) -> Vec<Run> {
    let words =
        |run: plugin::Run| Run::new(run.verb, run.network, run.plugin, run.time, run.failed);
    runs.take().into_iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_daemons_time_else_the_plugins_and_never_more_than_the_add() {
        let plain = Settings::parse(b"{}").unwrap();
        let own = Settings::parse(br#"{"timeouts": {"api": "7s"}}"#).unwrap();
        let commit = |patience: Option<u64>, time_left: Option<u64>| Commit {
            patience,
            time_left,
            ..serde_json::from_str(r#"{"pod":{},"containerID":"c","networkStatus":""}"#).unwrap()
        };
        for (words, settings, milliseconds) in [
            (commit(None, None), &plain, 20_000),
            (commit(Some(3000), Some(100_000)), &plain, 3000),
            (commit(Some(3000), None), &own, 7000),
            (commit(Some(3000), Some(1000)), &own, 900),
            (commit(None, Some(0)), &own, 0),
        ] {
            let patience = patience(&words, settings);
            assert_eq!(patience, Duration::from_millis(milliseconds), "{words:?}");
        }
    }
}
