//! What becomes of a pod whose plan was carried out: its network status, and events.

use std::time::{Duration, Instant};

use cluster::Live;
use cni::CniError;
use ipc::{Commit, Failed};
use plan::PodRef;
use plugin::{LOG, messages};

use crate::events::Events;
use crate::metrics::{Metrics, Operation, Phase};

/// Writes the network status, in one patch that only this pod takes, and then tells the pod what it got. The plugin waits
/// for the first, and undoes everything where it fails.
pub(crate) async fn commit(
    live: &Live,
    events: &Events,
    metrics: &Metrics,
    words: Commit,
    patience: Duration,
) -> Result<(), CniError> {
    let pod = PodRef::from(words.pod);
    metrics.ran(Operation::Add, &words.runs);
    if !words.network_status.is_empty() {
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

/// Tells the pod why it was not attached.
pub(crate) fn failed(events: &Events, metrics: &Metrics, words: Failed) {
    let pod = PodRef::from(words.pod);
    metrics.ran(Operation::Add, &words.runs);
    metrics.ended(Operation::Add, false);
    LOG.error(format_args!("[{}]: {}", pod.label(), words.reason));
    events.warning(&pod, messages::FAILED, words.reason);
}
