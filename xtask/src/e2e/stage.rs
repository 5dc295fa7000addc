//! Where scenarios play: a node with Multus, and a namespace for each.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use testkit::kube::{Client, wait};

use super::guard::{Guard, STATUS, Seen};
use super::report::Outcome;
use super::{left, objects};
use crate::site::Site;
use crate::workspace::target_directory;

/// How long a handful of pods may take on a busy machine.
pub(super) const LIMIT: Duration = Duration::from_secs(180);

/// One scenario.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) run: fn(&mut Stage) -> Result<()>,
}

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) site: Site,
    guard: Guard,
    /// The scenario's own namespace, with the networks `macvlan` and `bridge`.
    pub(super) namespace: String,
    /// What the scenario has to say, for the report.
    pub(super) note: String,
    /// Pods that start while Multus is not there: they cannot have what they ask for.
    pub(super) excused: BTreeSet<String>,
    /// What was there before any pod.
    empty: BTreeSet<String>,
}

impl Stage {
    pub(super) fn new(site: Site) -> Result<Self> {
        Ok(Self {
            guard: Guard::start(site.client()),
            empty: left::take(&site)?,
            site,
            namespace: String::new(),
            note: String::new(),
            excused: BTreeSet::new(),
        })
    }

    /// Runs a scenario, clears away what it made, and looks at what is left.
    pub(super) fn play(&mut self, number: usize, scenario: &Scenario) -> Outcome {
        let begun = Instant::now();
        self.namespace = format!("e2e-{number}");
        self.note.clear();
        self.excused.clear();
        let played = self
            .set()
            .and_then(|()| (scenario.run)(self))
            .and_then(|()| self.compare_interfaces());
        let mut failure = played
            .err()
            .map(|error| format!("{error:#}{}", self.describe_waiting()));
        if let Err(error) = self.clear() {
            failure.get_or_insert(format!("{error:#}"));
        }
        let left = self.wait_for_nothing_left();
        // One scenario answers for it; the next one starts from there.
        self.empty.extend(left.iter().cloned());
        let pods = self.guard.all(&self.namespace);
        let lacked: Vec<&str> = pods
            .iter()
            .filter(|pod| pod.lacked && !self.excused.contains(&pod.name))
            .map(|pod| pod.name.as_str())
            .collect();
        if !lacked.is_empty() {
            failure.get_or_insert(format!(
                "ran without a network that they asked for: {lacked:?}"
            ));
        }
        if !left.is_empty() {
            failure.get_or_insert(format!("left on the node: {left:?}"));
        }
        Outcome {
            name: scenario.name,
            pods: pods.len(),
            worst: pods.iter().filter_map(|pod| pod.waited).max(),
            left,
            took: begun.elapsed(),
            note: self.note.clone(),
            failure,
        }
    }

    fn set(&self) -> Result<()> {
        self.set_namespace(&self.namespace)
    }

    fn set_namespace(&self, namespace: &str) -> Result<()> {
        let client = self.client();
        client.create_namespace(namespace)?;
        client.create_definition(namespace, "macvlan", &objects::macvlan().to_string(), &[])?;
        client.create_definition(namespace, "bridge", &objects::bridge().to_string(), &[])?;
        let account = format!("/api/v1/namespaces/{namespace}/serviceaccounts/default");
        wait::until("the namespace's service account", LIMIT, || {
            client.find(&account)
        })?;
        Ok(())
    }

    /// Waits until the runtime calls Multus, or does so no longer: nothing tells which configuration it has read, but a pod that
    /// it starts.
    pub(super) fn wait_for_runtime(&self, calls_multus: bool) -> Result<()> {
        const NAMESPACE: &str = "e2e-probe";
        let client = self.client();
        if client
            .find(&format!("/api/v1/namespaces/{NAMESPACE}"))?
            .is_none()
        {
            self.set_namespace(NAMESPACE)?;
        }
        for probe in 0..20 {
            let name = format!("probe-{probe}");
            client.create(&objects::pod(NAMESPACE, &name, "macvlan"))?;
            wait::until_true("a pod to start", LIMIT, || {
                thread::sleep(Duration::from_millis(100));
                Ok(client.pod(NAMESPACE, &name)?["status"]["phase"] == "Running")
            })?;
            let attached = !client.annotation(NAMESPACE, &name, STATUS)?.is_empty();
            let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{name}");
            client.delete_gracefully(&path)?;
            wait::until_true("a pod to be gone", LIMIT, || {
                thread::sleep(Duration::from_millis(100));
                Ok(client.find(&path)?.is_none())
            })?;
            if attached == calls_multus {
                return Ok(());
            }
        }
        bail!("the runtime has not read what is in force")
    }

    pub(super) fn client(&self) -> &Client {
        self.site.client()
    }

    /// Makes a network known in the scenario's namespace.
    pub(super) fn define(&self, name: &str, config: &Value) -> Result<()> {
        self.client()
            .create_definition(&self.namespace, name, &config.to_string(), &[])
    }

    /// Creates a pod that asks for these networks.
    pub(super) fn pod(&self, name: &str, networks: &str) -> Result<()> {
        self.client()
            .create(&objects::pod(&self.namespace, name, networks))
            .map(drop)
    }

    /// Creates a Deployment or StatefulSet of such pods.
    pub(super) fn set_of(
        &self,
        kind: &str,
        name: &str,
        replicas: usize,
        networks: &str,
    ) -> Result<()> {
        let object = objects::set(kind, &self.namespace, name, replicas, networks);
        self.client().create(&object).map(drop)
    }

    /// Waits until there are so many pods, and all are ready.
    pub(super) fn ready(&self, count: usize) -> Result<()> {
        self.ready_within(count, LIMIT)
    }

    /// The same, for many pods.
    pub(super) fn ready_within(&self, count: usize, limit: Duration) -> Result<()> {
        let what = format!("{count} pods to be ready");
        self.guard.until(&self.namespace, &what, limit, |pods| {
            pods.len() == count && pods.iter().all(|pod| pod.ready)
        })
    }

    /// Pods of the scenario as they were seen.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.guard.all(&self.namespace)
    }

    /// Where a pod of the scenario is.
    pub(super) fn path(&self, pod: &str) -> String {
        format!("/api/v1/namespaces/{}/pods/{pod}", self.namespace)
    }

    /// Deletes a pod as a person does.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        self.client().delete_gracefully(&self.path(name)).map(drop)
    }

    /// For whom the pod waited that waited longest: scheduler, kubelet, or runtime and us.
    pub(super) fn longest_wait(&self) -> Result<String> {
        let pods = self.seen();
        let longest = pods.iter().max_by_key(|pod| pod.waited);
        let longest = longest.context("no pod was seen")?;
        let pod = self.client().get(&self.path(&longest.name))?;
        let conditions = pod["status"]["conditions"].as_array();
        let condition = |kind: &str| {
            let mut conditions = conditions.into_iter().flatten();
            conditions.find(|condition| condition["type"] == kind)
        };
        let since = |kind: &str| condition(kind).map(|found| &found["lastTransitionTime"]);
        let created = second(&pod["metadata"]["creationTimestamp"])?;
        let after = |time: Option<&Value>| -> Result<u32> {
            let time = second(time.unwrap_or(&Value::Null))?;
            Ok((time + DAY - created) % DAY)
        };
        Ok(format!(
            "the longest wait: scheduled after {} s, seen by the kubelet after {} s, network after {} s",
            after(since("PodScheduled"))?,
            after(Some(&pod["status"]["startTime"]))?,
            after(since("PodReadyToStartContainers"))?,
        ))
    }

    /// Waits until there are no pods.
    pub(super) fn gone(&self) -> Result<()> {
        self.guard.until(
            &self.namespace,
            "all pods to be gone",
            LIMIT,
            <[Seen]>::is_empty,
        )
    }

    /// Runs a command in a pod, and returns what it prints.
    pub(super) fn exec(&self, pod: &str, words: &[&str]) -> Result<String> {
        let before = ["-n", &self.namespace, "exec", pod, "--"];
        let words = before.iter().chain(words).copied();
        let done = self.site.node().kubectl(words)?.check()?;
        Ok(done.stdout_text())
    }

    /// What a person reads about a pod.
    pub(super) fn describe(&self, pod: &str) -> Result<String> {
        let words = ["-n", &self.namespace, "describe", "pod", pod];
        Ok(self.site.node().kubectl(words)?.check()?.stdout_text())
    }

    /// A pod's `network-status`.
    pub(super) fn status(&self, pod: &str) -> Result<Vec<Value>> {
        let text = self.client().annotation(&self.namespace, pod, STATUS)?;
        serde_json::from_str(&text).with_context(|| format!("read the status of {pod}: {text:?}"))
    }

    /// Every ready pod has the interfaces and addresses in its network namespace that its status tells of.
    fn compare_interfaces(&self) -> Result<()> {
        let networks = self.addresses_of_all_pods()?;
        let list = self
            .client()
            .get(&format!("/api/v1/namespaces/{}/pods", self.namespace))?;
        for pod in list["items"].as_array().into_iter().flatten() {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let Some(status) = pod["metadata"]["annotations"][STATUS].as_str() else {
                continue;
            };
            if pod["status"]["phase"] != "Running" || pod["spec"]["hostNetwork"] == true {
                continue;
            }
            let status: Vec<Value> = serde_json::from_str(status)
                .with_context(|| format!("read the status of {name}"))?;
            let wanted: BTreeSet<String> = status.iter().flat_map(wanted).collect();
            if !networks.iter().any(|has| wanted.is_subset(has)) {
                bail!("no network namespace has what the status of {name} tells: {wanted:?}");
            }
        }
        Ok(())
    }

    /// For each network namespace of the nodes, its interfaces with their addresses.
    fn addresses_of_all_pods(&self) -> Result<Vec<BTreeSet<String>>> {
        let script = r#"for namespace in /run/netns/*; do test ! -e "$namespace" || nsenter --net="$namespace" ip -j address; done"#;
        let mut printed = String::new();
        for node in self.site.nodes() {
            let done = node.world().command("sh").args(["-c", script]).check()?;
            printed.push_str(&done.stdout_text());
        }
        printed
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let links: Vec<Value> =
                    serde_json::from_str(line).context("read what ip printed")?;
                Ok(links.iter().flat_map(has).collect())
            })
            .collect()
    }

    /// Deletes what makes pods, then the pods, then the rest.
    fn clear(&self) -> Result<()> {
        let namespace = &self.namespace;
        for kind in ["deployments", "statefulsets", "daemonsets"] {
            let path = format!("/apis/apps/v1/namespaces/{namespace}/{kind}");
            self.client().delete_gracefully(&path)?;
        }
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        wait::until_true("the pods to be gone", LIMIT, || {
            self.client().delete_gracefully(&pods)?;
            thread::sleep(Duration::from_millis(500));
            Ok(self.client().get(&pods)?["items"]
                .as_array()
                .is_some_and(Vec::is_empty))
        })?;
        // Its controller goes on behind.
        self.client()
            .delete_gracefully(&format!("/api/v1/namespaces/{namespace}"))
            .map(drop)
    }

    /// The last of it goes some time after the pods.
    fn wait_for_nothing_left(&self) -> Vec<String> {
        let mut left = Vec::new();
        let waited = wait::until_true("nothing to be left", Duration::from_secs(90), || {
            left = left::take(&self.site)?
                .difference(&self.empty)
                .cloned()
                .collect();
            if left.is_empty() {
                return Ok(true);
            }
            thread::sleep(Duration::from_millis(500));
            Ok(false)
        });
        match waited {
            Ok(()) => Vec::new(),
            Err(error) if left.is_empty() => vec![format!("{error:#}")],
            Err(_) => left,
        }
    }

    /// Copies the servers' logs to where they outlive the node.
    pub(super) fn keep_logs(&self) -> Result<()> {
        let folder = target_directory()?.join("e2e");
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        // Those of Multus' pod, as far as it is still there.
        let words = [
            "-n",
            "kube-system",
            "logs",
            "--all-containers",
            "--prefix",
            "-l",
            "name=multus",
            "--tail=-1",
        ];
        let printed = self.site.node().kubectl(words)?.run()?.stdout;
        std::fs::write(folder.join("multus.log"), printed).context("write Multus' log")?;
        for node in self.site.nodes() {
            let folder = folder.join(node.name());
            std::fs::create_dir_all(&folder)
                .with_context(|| format!("create {}", folder.display()))?;
            for entry in std::fs::read_dir(node.logs())? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default();
                if path.extension().is_some_and(|extension| extension == "log") {
                    std::fs::copy(&path, folder.join(name))
                        .with_context(|| format!("copy {}", path.display()))?;
                }
            }
        }
        println!("logs of the nodes are in {}", folder.display());
        Ok(())
    }

    /// What a person would look at first, when a scenario failed.
    fn describe_waiting(&self) -> String {
        let waiting = self
            .seen()
            .into_iter()
            .filter(|pod| pod.present && !pod.ready);
        let mut text = String::new();
        for pod in waiting.take(2) {
            let description = self.describe(&pod.name).unwrap_or_default();
            let events = description.split("Events:").nth(1).unwrap_or(&description);
            text.push_str(&format!("\n{}: {}", pod.name, events.trim()));
        }
        text
    }
}

const DAY: u32 = 24 * 3600;

/// The second of its day of a time as the API writes it: `2026-01-01T12:34:56Z`.
fn second(time: &Value) -> Result<u32> {
    let text = time.as_str().unwrap_or_default();
    let clock = text.split('T').nth(1).unwrap_or_default();
    let parts = clock.trim_end_matches('Z').split(':');
    let numbers: Result<Vec<u32>, _> = parts.map(str::parse).collect();
    match numbers.as_deref() {
        Ok([hours, minutes, seconds]) => Ok(hours * 3600 + minutes * 60 + seconds),
        _ => bail!("{time} is no time"),
    }
}

/// The interfaces and addresses that an element of a status tells of.
fn wanted(element: &Value) -> Vec<String> {
    let interface = element["interface"].as_str().unwrap_or_default();
    let addresses = element["ips"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    addresses
        .map(|address| format!("{interface} {address}"))
        .chain([interface.to_owned()])
        .collect()
}

/// An interface as `ip` prints it, in the same form.
fn has(link: &Value) -> Vec<String> {
    let interface = link["ifname"].as_str().unwrap_or_default();
    let addresses = link["addr_info"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|address| address["local"].as_str());
    addresses
        .map(|address| format!("{interface} {address}"))
        .chain([interface.to_owned()])
        .collect()
}
