//! Network statuses written behind: of pods that have the cluster network alone, for whose status nobody waits.
//!
//! What is owed stands in the ledger before the plugin commits, and as long as it is not written. So neither a daemon that is
//! killed nor an API that is away loses any: the ledgers are looked through at the start and now and then. Nothing is
//! written over what somebody else wrote (an earlier sandbox's status, where the ledger has its text, is nobody else's), nor
//! for a sandbox that has a newer one beside it.

mod books;

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cluster::{ClusterError, FirstStatus, Kind, Watches};
use cni::ContainerId;
use engine::OwedStatus;
use plan::PodRef;
use plugin::LOG;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{interval, sleep, timeout};

pub(crate) use books::Books;

/// So many are written at a time: while the API is away, the others wait.
const AT_ONCE: usize = 4;
/// So many wait in memory; the status of one beyond is written while its plugin waits, which it does not for long.
const MOST: usize = 1024;
/// Between two attempts; each pause is twice as long as the one before.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After so many the next look through the ledgers begins anew.
const ATTEMPTS: u32 = 10;
/// After so many the pod is read: the watch may be behind, or the pod deleted.
const PATIENT: u32 = 4;
/// How often the ledgers are looked through.
const LOOK_EVERY: Duration = Duration::from_secs(300);

/// Where they are left.
#[derive(Debug, Clone)]
pub(crate) struct Behind {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Owed>,
}

/// Who writes them.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    queue: mpsc::Receiver<Owed>,
}

struct Shared {
    watches: Arc<Watches>,
    books: Books,
    /// How long the API may take for one.
    patience: Duration,
    pods: Mutex<Pods>,
    settled: Notify,
}

/// The pods whose first status is owed, or was written while their sandboxes are attached.
#[derive(Debug, Default)]
struct Pods {
    by_uid: HashMap<String, Entry>,
    /// How often the ledgers were looked through.
    looks: u64,
}

#[derive(Debug)]
struct Entry {
    container: ContainerId,
    /// Else it is written, or about to be by its ADD.
    is_owed: bool,
    /// How many looks through the ledgers had begun when it came.
    looks: u64,
}

impl Pods {
    fn put(&mut self, uid: &str, container: &ContainerId, is_owed: bool) {
        let entry = Entry {
            container: container.clone(),
            is_owed,
            looks: self.looks,
        };
        self.by_uid.insert(uid.to_owned(), entry);
    }

    /// Forgets those whose containers have no ledger any more. Of one that came since the look began, that cannot tell.
    fn forget(&mut self, ledgers: &HashSet<&ContainerId>) {
        let looks = self.looks;
        self.by_uid.retain(|_, entry| {
            entry.is_owed || entry.looks >= looks || ledgers.contains(&entry.container)
        });
    }
}

/// One that is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owed {
    container: ContainerId,
    pod: PodRef,
}

impl Behind {
    /// For the ledgers of this CNI directory.
    pub(crate) fn new(watches: Arc<Watches>, cni_dir: &Path, patience: Duration) -> (Self, Writer) {
        let (sender, queue) = mpsc::channel(MOST);
        let shared = Arc::new(Shared {
            watches,
            books: Books::new(cni_dir),
            patience,
            pods: Mutex::default(),
            settled: Notify::new(),
        });
        let behind = Self {
            shared: Arc::clone(&shared),
            queue: sender,
        };
        (behind, Writer { shared, queue })
    }

    /// Whether a status of this pod is owed or was written by us: the watch need not have told of it yet, so that whoever
    /// has a newer one must not owe it.
    pub(crate) fn knows(&self, uid: &str) -> bool {
        self.shared.pods().by_uid.contains_key(uid)
    }

    /// Takes over what stands in the ledger of a container. Where this says no, it has to be written now.
    pub(crate) fn take(&self, container: &ContainerId, pod: &PodRef) -> bool {
        let mut pods = self.shared.pods();
        let owed = Owed {
            container: container.clone(),
            pod: pod.clone(),
        };
        // One that is owed for an earlier sandbox is owed no more.
        let is_taken = !pods.by_uid.contains_key(&pod.uid) && self.queue.try_send(owed).is_ok();
        pods.put(&pod.uid, container, is_taken);
        is_taken
    }

    /// How many are owed, as far as anybody has looked.
    pub(crate) fn owed(&self) -> usize {
        self.shared.owed()
    }

    /// Waits until none is owed, so long at most. What is left stays in the ledgers.
    pub(crate) async fn flush(&self, patience: Duration) {
        let all = async {
            loop {
                let settled = self.shared.settled.notified();
                if self.owed() == 0 {
                    return;
                }
                settled.await;
            }
        };
        if timeout(patience, all).await.is_err() {
            LOG.verbose(format_args!(
                "{} statuses are left to the next daemon",
                self.owed()
            ));
        }
    }
}

impl Writer {
    /// Writes until dropped. Begins with what the ledgers say, which must not be read before the socket is ours: whoever
    /// cannot tell us from then on has written its ledger before.
    pub(crate) async fn run(mut self) {
        let (mut looks, mut found, mut writing) =
            (interval(LOOK_EVERY), VecDeque::new(), JoinSet::new());
        loop {
            let has_room = writing.len() < AT_ONCE;
            tokio::select! {
                _ = looks.tick() => found.extend(self.shared.look().await),
                Some(_) = writing.join_next() => {}
                Some(owed) = self.queue.recv(), if has_room && found.is_empty() => found.push_back(owed),
            }
            while writing.len() < AT_ONCE
                && let Some(owed) = found.pop_front()
            {
                writing.spawn(Arc::clone(&self.shared).settle(owed));
            }
        }
    }
}

impl Shared {
    fn pods(&self) -> MutexGuard<'_, Pods> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owed(&self) -> usize {
        let pods = self.pods();
        pods.by_uid.values().filter(|entry| entry.is_owed).count()
    }

    /// What the ledgers say is owed, but for what is known already.
    async fn look(self: &Arc<Self>) -> Vec<Owed> {
        self.pods().looks += 1;
        let shared = Arc::clone(self);
        let all = spawn_blocking(move || shared.books.all()).await;
        let all = all.unwrap_or_default();
        let ledgers: HashSet<&ContainerId> = all.iter().map(|of| &of.container).collect();
        let mut pods = self.pods();
        pods.forget(&ledgers);
        let mut found = Vec::new();
        for of in books::newest(all) {
            let known = pods.by_uid.get(&of.pod.uid);
            // One that is written and still owed is so by its ledger alone.
            let is_ours =
                known.is_none_or(|entry| !entry.is_owed && entry.container == of.container);
            if !of.owes || !is_ours {
                continue;
            }
            let (container, pod) = (of.container, of.pod);
            if known.is_none() {
                pods.put(&pod.uid, &container, true);
            }
            found.push(Owed { container, pod });
        }
        if !found.is_empty() {
            LOG.verbose(format_args!("statuses that are owed: {}", found.len()));
        }
        found
    }

    async fn settle(self: Arc<Self>, owed: Owed) {
        let is_written = self.write(&owed).await;
        if let Some(entry) = self.pods().by_uid.get_mut(&owed.pod.uid)
            && entry.container == owed.container
        {
            entry.is_owed &= !is_written;
        }
        if is_written {
            let (shared, container) = (Arc::clone(&self), owed.container);
            let _done = spawn_blocking(move || shared.books.settle(&container)).await;
        } else {
            // Gone, or left to the next look.
            let is_it = |uid: &str, entry: &Entry| {
                uid == owed.pod.uid && entry.container == owed.container && entry.is_owed
            };
            self.pods().by_uid.retain(|uid, entry| !is_it(uid, entry));
        }
        self.settled.notify_waiters();
    }

    /// Tries until the pod has a status, or nobody owes it one any more. Tells whether it has one.
    async fn write(self: &Arc<Self>, owed: &Owed) -> bool {
        let label = owed.pod.label();
        let (mut pause, mut is_told) = (SHORTEST_PAUSE, false);
        for attempt in 0..ATTEMPTS {
            let reads = attempt >= PATIENT;
            let Some(status) = self.status(owed).await else {
                return false;
            };
            let deadline = Instant::now() + self.patience;
            let OwedStatus { text, earlier } = &status;
            let written = self.watches.write_first_status(
                &owed.pod,
                text,
                earlier.as_deref(),
                reads,
                deadline,
            );
            match written.await {
                Ok(FirstStatus::Written) => {
                    LOG.verbose(format_args!("[{label}]: network status written behind"));
                    return true;
                }
                Ok(FirstStatus::Known) => return true,
                Ok(FirstStatus::PodUnknown) if reads => return false,
                Ok(FirstStatus::PodUnknown) => {}
                Err(error) if is_gone(&error) => return false,
                Err(error) if !is_told => {
                    is_told = true;
                    LOG.warning(format_args!("[{label}]: failed to {error}; tried again"));
                }
                Err(_) => {}
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        false
    }

    /// What the container's ledger owes; nothing where another sandbox of the pod is newer.
    async fn status(self: &Arc<Self>, owed: &Owed) -> Option<OwedStatus> {
        let is_newest = self
            .pods()
            .by_uid
            .get(&owed.pod.uid)
            .is_some_and(|entry| entry.container == owed.container);
        if !is_newest {
            return None;
        }
        let (shared, container) = (Arc::clone(self), owed.container.clone());
        let status = spawn_blocking(move || shared.books.status(&container)).await;
        status.ok().flatten()
    }
}

fn is_gone(error: &ClusterError) -> bool {
    matches!(error.kind(), Kind::Replaced | Kind::NotFound)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("pods", &self.pods())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_comes_while_ledgers_are_looked_through_is_not_forgotten() {
        let id = |id: &str| ContainerId::parse(id).unwrap();
        let mut pods = Pods::default();
        pods.put("before", &id("a"), false);
        pods.put("owed", &id("b"), true);
        pods.put("attached", &id("c"), false);
        pods.looks += 1;
        let (listed, none) = (id("c"), HashSet::new());
        pods.put("meanwhile", &id("d"), false);
        pods.forget(&HashSet::from([&listed]));
        let mut left: Vec<_> = pods.by_uid.keys().map(String::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["attached", "meanwhile", "owed"]);
        pods.looks += 1;
        pods.forget(&none);
        assert_eq!(pods.by_uid.into_keys().collect::<Vec<_>>(), ["owed"]);
    }
}
