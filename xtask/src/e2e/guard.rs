//! Watches every pod of the cluster all the time: how long each waited, and whether one ever ran without a network that it asked for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;
use testkit::kube::Client;

/// What a pod asks for.
pub(super) const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";
/// What it has.
pub(super) const STATUS: &str = "k8s.v1.cni.cncf.io/network-status";
/// How often all pods are looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// What is known of a pod, by its uid.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) namespace: String,
    pub(super) name: String,
    /// Whether it is still there.
    pub(super) present: bool,
    pub(super) ready: bool,
    first: Instant,
    /// How long it took until it was ready, from when it was seen first.
    pub(super) waited: Option<Duration>,
    /// It ran, and had not what it asked for.
    pub(super) lacked: bool,
}

type Pods = BTreeMap<String, Seen>;

/// The watcher. Ends when dropped.
#[derive(Debug)]
pub(super) struct Guard {
    pods: Arc<Mutex<Pods>>,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Guard {
    pub(super) fn start(client: &Client) -> Self {
        let pods = Arc::new(Mutex::new(Pods::new()));
        let end = Arc::new(AtomicBool::new(false));
        let (client, seen, ended) = (client.clone(), pods.clone(), end.clone());
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                // Without an answer there is nothing to be learned; scenarios take the API away.
                if let Ok(list) = client.get("/api/v1/pods?resourceVersion=0") {
                    look(&list, &mut lock(&seen));
                }
                thread::sleep(PAUSE);
            }
        });
        Self {
            pods,
            end,
            thread: Some(thread),
        }
    }

    /// The pods of a namespace, those that are gone too.
    pub(super) fn all(&self, namespace: &str) -> Vec<Seen> {
        let of = |seen: &&Seen| seen.namespace == namespace;
        lock(&self.pods).values().filter(of).cloned().collect()
    }

    /// Waits until the pods of a namespace that are there are as they should be.
    pub(super) fn until(
        &self,
        namespace: &str,
        what: &str,
        limit: Duration,
        good: impl Fn(&[Seen]) -> bool,
    ) -> Result<()> {
        let begun = Instant::now();
        loop {
            let pods: Vec<Seen> = self
                .all(namespace)
                .into_iter()
                .filter(|seen| seen.present)
                .collect();
            if good(&pods) {
                return Ok(());
            }
            if begun.elapsed() > limit {
                let waiting: Vec<&str> = pods
                    .iter()
                    .filter(|seen| !seen.ready)
                    .map(|seen| seen.name.as_str())
                    .collect();
                bail!(
                    "gave up after {} s of waiting for {what}: {} pods, not ready: {waiting:?}",
                    limit.as_secs(),
                    pods.len()
                );
            }
            thread::sleep(PAUSE / 2);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn lock(pods: &Mutex<Pods>) -> MutexGuard<'_, Pods> {
    pods.lock().unwrap_or_else(PoisonError::into_inner)
}

fn look(list: &Value, pods: &mut Pods) {
    let items = list["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    for seen in pods.values_mut() {
        seen.present = false;
    }
    for pod in items {
        let text = |pointer: &str| {
            pod.pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let seen = pods.entry(text("/metadata/uid")).or_insert_with(|| Seen {
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name"),
            present: true,
            ready: false,
            first: Instant::now(),
            waited: None,
            lacked: false,
        });
        seen.present = true;
        seen.ready = is_ready(pod);
        if seen.ready && seen.waited.is_none() {
            seen.waited = Some(seen.first.elapsed());
        }
        seen.lacked |= lacks(pod);
    }
}

fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.iter().any(ready)
}

/// Whether a pod runs and has fewer networks than it asked for.
fn lacks(pod: &Value) -> bool {
    let annotation = |key: &str| {
        pod["metadata"]["annotations"][key]
            .as_str()
            .unwrap_or_default()
    };
    let asked = asked(annotation(NETWORKS));
    if asked == 0 || pod["status"]["phase"] != "Running" || pod["spec"]["hostNetwork"] == true {
        return false;
    }
    let status: Value = serde_json::from_str(annotation(STATUS)).unwrap_or_default();
    let attached = status.as_array().map_or(0, Vec::len);
    // The first one is the cluster network.
    attached < asked + 1
}

/// How many networks an annotation names.
fn asked(annotation: &str) -> usize {
    match serde_json::from_str::<Vec<Value>>(annotation) {
        Ok(elements) => elements.len(),
        Err(_) => annotation
            .split(',')
            .filter(|word| !word.trim().is_empty())
            .count(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_lacks_a_network_only_when_it_runs_without_it() {
        let pod = |phase: &str, networks: &str, attached: &str| {
            let annotations = json!({NETWORKS: networks, STATUS: attached});
            json!({"metadata": {"annotations": annotations}, "status": {"phase": phase}})
        };
        for (name, expected, pod) in [
            ("waits", false, pod("Pending", "a", "")),
            ("has all", false, pod("Running", "a, b@c", "[{},{},{}]")),
            (
                "has one too few",
                true,
                pod("Running", r#"[{"name":"a"},{"name":"b"}]"#, "[{},{}]"),
            ),
            ("has no status", true, pod("Running", "a", "")),
            ("asks for none", false, pod("Running", "", "")),
        ] {
            assert_eq!(lacks(&pod), expected, "{name}");
        }
    }
}
