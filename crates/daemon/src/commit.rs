//! What becomes of a pod whose plan was carried out: its network status, and events.

use std::time::{Duration, Instant};

use cluster::Live;
use cni::{CniError, ContainerId};
use ipc::{Commit, Failed, Run};
use plan::PodRef;
use plugin::{LOG, Runs, messages};

use crate::behind::Behind;
use crate::events::Events;
use crate::metrics::{Metrics, Operation, Phase};
use crate::settings::Settings;

/// Writes the network status, in one patch that only this pod takes, and then tells the pod what it got. The plugin waits
/// for the first, and undoes everything where it fails; a status that it may owe is written behind.
pub(crate) async fn commit(
    live: &Live,
    events: &Events,
    behind: &Behind,
    metrics: &Metrics,
    words: Commit,
    patience: Duration,
) -> Result<(), CniError> {
    let id = ContainerId::parse(&words.container_id);
    let pod = PodRef::from(words.pod);
    metrics.ran(Operation::Add, &words.runs);
    let is_left = words.is_status_owed && id.is_ok_and(|id| behind.take(&id, &pod));
    if !is_left && !words.network_status.is_empty() {
        let failures = (!words.failed.is_empty()).then(|| words.failed.join(" / "));
        let more = [(messages::FAILURES, failures.as_deref())];
        let begin = Instant::now();
        let written = live
            .write_status(&pod, &words.network_status, &more, begin + patience)
            .await;
        metrics.took(Phase::Status, begin);
        written.map_err(|error| {
            CniError::new(messages::api_code(error.may_pass()), error.to_string())
        })?;
    }
    metrics.ended(Operation::Add, true);
    for added in &words.added {
        let text = messages::added(&added.ifname, &added.addresses, &added.network);
        LOG.verbose(format_args!("[{}]: {text}", pod.label()));
        events.normal(&pod, "AddedInterface", text);
    }
    for failure in words.failed {
        events.warning(&pod, messages::FAILED, failure);
    }
    Ok(())
}

/// How long the API may take for a status: as the daemon's configuration says, else as the plugin's does, and less than is
/// left of the ADD, which is undone when nobody answers.
pub(crate) fn patience(words: &Commit, settings: &Settings) -> Duration {
    let own = settings.netconf.timeouts.api;
    let patience = match words.patience {
        Some(plugins) if !settings.sets_api_timeout() => Duration::from_millis(plugins),
        _ => own,
    };
    let left = words.left.map_or(Duration::MAX, Duration::from_millis);
    patience.min(left - left / 10)
}

/// What plugins did, and nobody was told yet.
pub(crate) fn runs(runs: &Runs) -> Vec<Run> {
    let words =
        |run: plugin::Run| Run::new(run.verb, run.network, run.plugin, run.time, run.failed);
    runs.take().into_iter().map(words).collect()
}

/// Tells the pod why it was not attached.
pub(crate) fn failed(events: &Events, metrics: &Metrics, words: Failed) {
    let pod = PodRef::from(words.pod);
    metrics.ran(Operation::Add, &words.runs);
    metrics.ended(Operation::Add, false);
    LOG.error(format_args!("[{}]: {}", pod.label(), words.reason));
    events.warning(&pod, messages::FAILED, words.reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_the_daemons_time_else_the_plugins_and_never_more_than_the_add() {
        let plain = Settings::parse(b"{}").unwrap();
        let own = Settings::parse(br#"{"timeouts": {"api": "7s"}}"#).unwrap();
        let commit = |patience: Option<u64>, left: Option<u64>| Commit {
            patience,
            left,
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
