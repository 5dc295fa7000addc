//! What a watch has told so far.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use tokio::time::timeout_at;

use crate::error::ClusterError;
use crate::object::{Identity, Object, key};

/// What a store says of an object.
#[derive(Debug, PartialEq, Eq)]
pub enum Lookup<V> {
    /// It is this.
    Known(Arc<V>),
    /// It exists, and its content is not kept: more than fits, or not readable. Only the API tells.
    Unread,
    /// There was none when the API last told. It may be so new that the watch has not told of it yet.
    Absent,
    /// Nobody knows yet: the first list is not read to its end.
    Unsynced,
}

/// How a watch does, for metrics and health.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// A list was read to its end once. Stays, whatever comes later.
    pub synced: bool,
    /// Objects known.
    pub objects: usize,
    /// About how many bytes their contents take.
    pub bytes: usize,
    /// When the API last told something: an object, a bookmark, a list.
    pub heard: Option<Instant>,
    /// Lists read to their end.
    pub lists: u64,
    /// Watches begun.
    pub watches: u64,
    /// Lists and watches that failed.
    pub failures: u64,
    /// Objects that could not be read.
    pub unreadable: u64,
    /// Look-ups that were answered by a read of the API.
    pub reads: u64,
    /// Why the last list or watch failed, or does not come, until one succeeds.
    pub failure: Option<String>,
}

/// The objects of one kind that a watch has told of.
pub struct Store<V> {
    state: Mutex<State<V>>,
    /// Told of each change.
    changed: watch::Sender<()>,
    /// Bytes of content that are kept.
    most: usize,
}

struct State<V> {
    objects: HashMap<Box<str>, Entry<V>>,
    /// Number of the list that is read, or was read last.
    round: u32,
    /// Counts look-ups.
    tick: u64,
    progress: Progress,
}

struct Entry<V> {
    /// Number of the last list before which it was told of.
    round: u32,
    version: u64,
    /// The tick of the last look-up.
    used: u64,
    content: Option<Arc<V>>,
}

impl<V> Store<V> {
    /// An empty store that keeps so many bytes of content.
    pub(crate) fn new(most: usize) -> Self {
        let state = State {
            objects: HashMap::new(),
            round: 0,
            tick: 0,
            progress: Progress::default(),
        };
        Self {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            most,
        }
    }

    /// What is known of an object.
    pub fn get(&self, namespace: &str, name: &str) -> Lookup<V> {
        let mut state = self.lock();
        state.tick += 1;
        let (tick, synced) = (state.tick, state.progress.synced);
        match state.objects.get_mut(&key(namespace, name)) {
            Some(Entry {
                content: Some(content),
                used,
                ..
            }) => {
                *used = tick;
                Lookup::Known(Arc::clone(content))
            }
            Some(_) => Lookup::Unread,
            None if synced => Lookup::Absent,
            None => Lookup::Unsynced,
        }
    }

    /// An object whose content is known, with its version; it does not count as a look-up.
    pub(crate) fn version(&self, namespace: &str, name: &str) -> Option<(Arc<V>, u64)> {
        let state = self.lock();
        let entry = state.objects.get(&key(namespace, name))?;
        let content = entry.content.as_ref()?;
        Some((Arc::clone(content), entry.version))
    }

    /// Everything whose content is known.
    pub fn all(&self) -> Vec<Arc<V>> {
        let state = self.lock();
        let contents = state.objects.values().flat_map(|entry| &entry.content);
        contents.map(Arc::clone).collect()
    }

    /// Everything whose content is known, which is forgotten, and whether there is more: what did not fit.
    pub(crate) fn take(&self) -> (Vec<Arc<V>>, bool) {
        let mut state = self.lock();
        state.progress.bytes = 0;
        let known = state.objects.extract_if(|_, entry| entry.content.is_some());
        let known = known.filter_map(|(_, entry)| entry.content).collect();
        (known, !state.objects.is_empty())
    }

    /// Is told of each change from now on.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Waits until the watch tells of an object that `accept` takes; `None` at the deadline.
    pub async fn wait(
        &self,
        namespace: &str,
        name: &str,
        accept: impl Fn(&V) -> bool,
        deadline: Instant,
    ) -> Option<Arc<V>> {
        self.until(deadline, || match self.get(namespace, name) {
            Lookup::Known(object) if accept(&object) => Some(object),
            _ => None,
        })
        .await
    }

    /// Waits until the first list is read; tells whether it was, at the deadline.
    pub async fn synced(&self, deadline: Instant) -> bool {
        let synced = || self.lock().progress.synced.then_some(());
        self.until(deadline, synced).await.is_some()
    }

    /// How the watch does.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let state = self.lock();
        Progress {
            objects: state.objects.len(),
            ..state.progress.clone()
        }
    }

    async fn until<T>(&self, deadline: Instant, look: impl Fn() -> Option<T>) -> Option<T> {
        // Before the first look, so that no change is missed.
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(found) = look() {
                return Some(found);
            }
            timeout_at(deadline.into(), changes.changed())
                .await
                .ok()?
                .ok()?;
        }
    }

    /// A list begins.
    pub(crate) fn begin_list(&self) {
        let mut state = self.lock();
        state.round = state.round.wrapping_add(1);
    }

    /// A watch has begun.
    pub(crate) fn begin_watch(&self) {
        let mut state = self.lock();
        state.progress.watches += 1;
        state.progress.failure = None;
    }

    /// The API told that there is nothing new.
    pub(crate) fn hear(&self) {
        self.lock().progress.heard = Some(Instant::now());
    }

    /// A list or a watch failed.
    pub(crate) fn fail(&self, error: &ClusterError) {
        let mut state = self.lock();
        state.progress.failures += 1;
        state.progress.failure = Some(error.to_string());
    }

    /// A list is tried, and has not come so far.
    pub(crate) fn wait_for(&self, error: &ClusterError) {
        self.lock().progress.failure = Some(error.to_string());
    }

    /// A look-up is answered by a read of the API.
    pub(crate) fn count_read(&self) {
        self.lock().progress.reads += 1;
    }

    /// An object is there, or another one now. One whose content cannot be read must not keep the others from being
    /// known; whoever asks for it gets the reason from the API.
    pub(crate) fn put(&self, identity: &Identity<'_>, content: Option<V>)
    where
        V: Object,
    {
        let mut state = self.lock();
        state.progress.heard = Some(Instant::now());
        state.progress.unreadable += u64::from(content.is_none());
        if let Some(key) = identity.key() {
            state.put(key, identity.number(), content.map(Arc::new), self.most);
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// An object is gone.
    pub(crate) fn remove(&self, identity: &Identity<'_>)
    where
        V: Object,
    {
        let mut state = self.lock();
        state.progress.heard = Some(Instant::now());
        if let Some(key) = identity.key() {
            state.remove(&key);
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// The list that was begun last is at its end: what it did not hold is gone.
    pub(crate) fn finish_list(&self) -> usize
    where
        V: Object,
    {
        let mut state = self.lock();
        let round = state.round;
        state.objects.retain(|_, entry| entry.round == round);
        state.objects.shrink_to_fit();
        let contents = state.objects.values().flat_map(|entry| &entry.content);
        state.progress.bytes = contents.map(|content| content.weight()).sum();
        state.progress.heard = Some(Instant::now());
        state.progress.synced = true;
        state.progress.lists += 1;
        state.progress.failure = None;
        let objects = state.objects.len();
        drop(state);
        self.changed.send_replace(());
        objects
    }

    /// Keeps content that was read from the API, where it is that of the object as the watch knows it, in the place of
    /// what was not asked for in the longest time.
    pub(crate) fn keep(&self, namespace: &str, name: &str, version: u64, content: &Arc<V>)
    where
        V: Object,
    {
        let weight = content.weight();
        let key = key(namespace, name);
        let mut state = self.lock();
        let fits = weight <= self.most && version != 0;
        let same = state.objects.get(&key);
        if !fits || !same.is_some_and(|of| of.version == version && of.content.is_none()) {
            return;
        }
        while state.progress.bytes + weight > self.most {
            state.drop_oldest();
        }
        state.put(key, version, Some(Arc::clone(content)), self.most);
    }

    fn lock(&self) -> MutexGuard<'_, State<V>> {
        // Nothing in here can panic half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Object> State<V> {
    fn put(&mut self, key: Box<str>, version: u64, content: Option<Arc<V>>, most: usize) {
        self.remove(&key);
        let content = content.filter(|of| self.progress.bytes + of.weight() <= most);
        self.progress.bytes += content.as_ref().map_or(0, |of| of.weight());
        let entry = Entry {
            round: self.round,
            version,
            used: self.tick,
            content,
        };
        self.objects.insert(key, entry);
    }

    fn remove(&mut self, key: &str) {
        let gone = self.objects.remove(key).and_then(|entry| entry.content);
        self.lighten(gone.as_deref());
    }

    fn drop_oldest(&mut self) {
        let kept = self.objects.values_mut();
        let kept = kept.filter(|entry| entry.content.is_some());
        let oldest = kept.min_by_key(|entry| entry.used);
        match oldest.and_then(|entry| entry.content.take()) {
            Some(gone) => self.lighten(Some(&gone)),
            None => self.progress.bytes = 0,
        }
    }

    fn lighten(&mut self, gone: Option<&V>) {
        let weight = gone.map_or(0, Object::weight);
        self.progress.bytes = self.progress.bytes.saturating_sub(weight);
    }
}

impl<V> fmt::Debug for Store<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
