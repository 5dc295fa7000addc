//! Pods that run without the networks that they ask for: their sandboxes were made while the runtime did not call Multus, before
//! it came to the node or while another program kept its configuration away. Nothing can be added to a sandbox that is made, so
//! each is told once, in an event that the API takes once, and counted as long as it runs.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cluster::{Event, EventType, Kind, Live, Progress, Watches};
use npwg::{SelectionElement, names};
use plan::{Pod, PodRef};
use plugin::LOG;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio::time::sleep;

use crate::behind::Books;

/// Between two looks. A pod whose sandbox is being replaced is without a ledger for a moment: only the second look counts.
const PAUSE: Duration = Duration::from_secs(5);
/// So long the API has to be there without a break before anybody is told: what became of pods while it was away, kubelets try
/// to tell it every 10 s.
const CALM: Duration = Duration::from_secs(15);
/// So many are told after one look: a node full of them is no burden to the API, and none waits long to be looked at again.
const TOLD_AT_ONCE: usize = 50;
/// So many networks of a pod are named: what is to be done stands behind them, and an event is short.
const NAMED: usize = 10;
/// The reason of the event.
const REASON: &str = "NetworksMissing";

/// Looks as long as this lives.
#[derive(Debug)]
pub(crate) struct Lacking {
    count: Arc<AtomicUsize>,
    task: AbortHandle,
}

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Sights {
    pub(crate) watches: Arc<Watches>,
    pub(crate) live: Arc<Live>,
    /// Where the ledgers are.
    pub(crate) cni_dir: PathBuf,
    /// Pods may be attached by a configuration of somebody else's making, whose ledgers need not be here.
    pub(crate) are_ledgers_elsewhere: bool,
    /// Where a default network lies whose annotation names no namespace.
    pub(crate) multus_namespace: String,
    /// How long the API may take for an event.
    pub(crate) patience: Duration,
}

impl Lacking {
    /// Starts to look at the pods that are watched, which have to be the node's own.
    pub(crate) fn start(sights: Sights) -> Self {
        let count = Arc::<AtomicUsize>::default();
        let task = tokio::spawn(look_after(sights, Arc::clone(&count)));
        Self {
            count,
            task: task.abort_handle(),
        }
    }

    /// How many pods run without networks that they ask for.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Lacking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look_after(sights: Sights, count: Arc<AtomicUsize>) {
    let books = Arc::new(Books::new(&sights.cni_dir));
    let mut changes = sights.watches.pods().changes();
    let (mut roll, mut calm) = (Roll::default(), Calm::begin(Instant::now()));
    loop {
        // Everything that is changed until the look is looked at.
        changes.mark_unchanged();
        let is_calm = calm.lasts(&sights.watches.pods().progress(), Instant::now());
        let pods = sights.watches.pods().all();
        let asking: Vec<Arc<Pod>> = pods.into_iter().filter(|pod| asks(pod)).collect();
        let holders = holders(&books, !asking.is_empty()).await;
        let is_told = holders.is_some();
        if let Some(holders) = holders {
            let holders = Holders::new(holders, sights.are_ledgers_elsewhere);
            roll.look(asking.into_iter().filter(|pod| !holders.has(pod)));
            if is_calm {
                count.store(roll.count(), Ordering::Relaxed);
            }
        }
        for pod in roll.to_tell().iter().filter(|_| is_calm) {
            if !tell(&sights, pod).await {
                calm = Calm::begin(Instant::now());
                break;
            }
            roll.told(&pod.reference.uid);
        }
        sleep(PAUSE).await;
        // What was found while the API came and went is neither told nor counted yet.
        let is_done = is_told && is_calm && roll.is_settled();
        if is_done && changes.changed().await.is_err() {
            return;
        }
    }
}

/// How long the API has been there without a break.
#[derive(Debug)]
struct Calm {
    since: Instant,
    /// Lists, and failures of lists and watches, until then.
    seen: (u64, u64),
}

impl Calm {
    fn begin(now: Instant) -> Self {
        Self {
            since: now,
            seen: (0, 0),
        }
    }

    /// Whether that is long enough, as the watch of the pods went until now.
    fn lasts(&mut self, progress: &Progress, now: Instant) -> bool {
        let seen = (progress.lists, progress.failures);
        if progress.failure.is_some() || seen != self.seen {
            *self = Self { since: now, seen };
        }
        now.duration_since(self.since) >= CALM
    }
}

/// Whose sandboxes are attached; `None` where nobody can tell.
async fn holders(books: &Arc<Books>, is_needed: bool) -> Option<Vec<PodRef>> {
    if !is_needed {
        return Some(Vec::new());
    }
    let books = Arc::clone(books);
    spawn_blocking(move || books.holders()).await.ok()?
}

/// Whether a pod runs, and its annotations ask for a network. `[]` asks for none.
fn asks(pod: &Pod) -> bool {
    pod.is_running && !asked(pod, "").is_empty()
}

/// The pods that have a ledger.
struct Holders {
    uids: HashSet<String>,
    names: HashSet<(String, String)>,
    /// There are ledgers that do not say whose they are. Then a status is enough.
    are_some_unknown: bool,
}

impl Holders {
    fn new(holders: Vec<PodRef>, are_some_elsewhere: bool) -> Self {
        let are_some_unknown = are_some_elsewhere || holders.iter().any(|pod| pod.uid.is_empty());
        let names = holders.iter();
        Self {
            names: names
                .map(|pod| (pod.namespace.clone(), pod.name.clone()))
                .collect(),
            uids: holders.into_iter().map(|pod| pod.uid).collect(),
            are_some_unknown,
        }
    }

    fn has(&self, pod: &Pod) -> bool {
        let PodRef {
            namespace,
            name,
            uid,
        } = &pod.reference;
        // A static pod's UID in the API is another one each time that it is told there.
        let by_name = || pod.is_static() && self.names.contains(&(namespace.clone(), name.clone()));
        self.uids.contains(uid) || by_name() || (self.are_some_unknown && pod.has_status)
    }
}

/// The pods without a ledger, by UID, as the looks found them.
#[derive(Debug, Default)]
struct Roll(BTreeMap<String, Found>);

#[derive(Debug)]
struct Found {
    pod: Arc<Pod>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// By one look.
    Suspected,
    /// By two in a row.
    Certain,
    /// The pod has its event.
    Told,
}

impl Roll {
    fn look(&mut self, found: impl Iterator<Item = Arc<Pod>>) {
        let before = std::mem::take(&mut self.0);
        self.0 = found
            .map(|pod| {
                let uid = pod.reference.uid.clone();
                let stage = match before.get(&uid).map(|found| found.stage) {
                    None => Stage::Suspected,
                    Some(Stage::Suspected) => Stage::Certain,
                    Some(stage) => stage,
                };
                (uid, Found { pod, stage })
            })
            .collect();
    }

    fn count(&self) -> usize {
        let found = self.0.values();
        found
            .filter(|found| found.stage != Stage::Suspected)
            .count()
    }

    /// Those whose turn it is.
    fn to_tell(&self) -> Vec<Arc<Pod>> {
        let found = self.0.values();
        let certain = found.filter(|found| found.stage == Stage::Certain);
        let certain = certain.map(|found| Arc::clone(&found.pod));
        certain.take(TOLD_AT_ONCE).collect()
    }

    fn told(&mut self, uid: &str) {
        if let Some(found) = self.0.get_mut(uid) {
            found.stage = Stage::Told;
        }
    }

    /// Another look at the same pods would find nothing new.
    fn is_settled(&self) -> bool {
        self.0.values().all(|found| found.stage == Stage::Told)
    }
}

/// Tells a pod; whether that is done with.
async fn tell(sights: &Sights, pod: &Pod) -> bool {
    let event = Event {
        kind: EventType::Warning,
        reason: REASON.to_owned(),
        message: format!(
            "runs without {}: its sandbox was made while the runtime did not call Multus; delete the pod, so that it is made anew",
            named(&asked(pod, &sights.multus_namespace))
        ),
    };
    let label = pod.reference.label();
    let deadline = Instant::now() + sights.patience;
    match sights
        .live
        .post_once(&pod.reference, &event, deadline)
        .await
    {
        Err(error) if error.kind() == Kind::Unavailable => return false,
        Err(error) => LOG.warning(format_args!(
            "[{label}]: {}; no event: {error}",
            event.message
        )),
        Ok(()) => LOG.warning(format_args!("[{label}]: {}", event.message)),
    }
    true
}

fn named(networks: &[String]) -> String {
    let (first, rest) = networks.split_at(networks.len().min(NAMED));
    match rest.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// What the pod's annotations ask for.
fn asked(pod: &Pod, multus_namespace: &str) -> Vec<String> {
    let (default, own) = (multus_namespace, pod.reference.namespace.as_str());
    let annotations = [
        (names::DEFAULT_NETWORK, &pod.default_network, default),
        (names::NETWORKS, &pod.networks, own),
    ];
    let mut asked = Vec::new();
    for (key, text, namespace) in annotations {
        let Some(text) = text.as_ref().filter(|text| !text.trim().is_empty()) else {
            continue;
        };
        match npwg::selection::parse(text, namespace) {
            Ok(elements) => asked.extend(elements.iter().map(SelectionElement::reference)),
            // Nothing would have made of it a pod that runs.
            Err(error) => asked.push(format!("what {key} asks for ({error})")),
        }
    }
    asked
}

#[cfg(test)]
mod tests;
