//! Pods and definitions as a daemon reads them: from what watches told, and else from the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use npwg::Definition;
use plan::{Pod, PodRef};
use tokio::task::{AbortHandle, spawn};

use crate::collection::Collection;
use crate::error::ClusterError;
use crate::follow::Follower;
use crate::live::Live;
use crate::object::Object;
use crate::refusals::Purpose;
use crate::status;
use crate::store::{Lookup, Store};

/// What is watched, and how.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// Whose pods; those of all nodes where it is not known.
    pub node: Option<String>,
    /// How long a watch may be silent. A server tells each minute how far it is.
    pub silence: Duration,
    /// Bytes of definitions that are kept; of those beyond it is only known that they exist.
    pub definitions: usize,
}

impl Default for WatchOptions {
    fn default() -> Self {
        Self {
            node: None,
            silence: Duration::from_secs(150),
            definitions: 2 << 20,
        }
    }
}

/// What became of a first status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstStatus {
    /// It is written.
    Written,
    /// The pod has one, whoever wrote it.
    Known,
    /// There is no such pod, or another one of its name: the watch need not have told of it yet.
    PodUnknown,
}

/// Is told how the watches do.
pub trait Observer: Send + Sync {
    /// All pods or all definitions were read, and the memory that it took is free again.
    fn listed(&self, what: &str, objects: usize);

    /// The API does not give a list so far: the reason, for which it is tried again. Once for each page.
    fn waits(&self, _error: &ClusterError) {}

    /// A list or a watch failed; after this pause it goes on.
    fn failed(&self, error: &ClusterError, pause: Duration);
}

/// The watches of a node, which end when this is dropped.
#[derive(Debug)]
pub struct Watches {
    live: Arc<Live>,
    pods: Arc<Store<Pod>>,
    definitions: Arc<Store<Definition>>,
    tasks: Vec<AbortHandle>,
}

impl Watches {
    /// Starts both watches, each as a task of the runtime that this is called in.
    ///
    /// # Errors
    /// The name of the node is none.
    pub fn start(
        live: &Arc<Live>,
        options: &WatchOptions,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, ClusterError> {
        let pods = Collection::pods(options.node.as_deref())?;
        let mut watches = Self {
            live: Arc::clone(live),
            pods: Arc::new(Store::new(usize::MAX)),
            definitions: Arc::new(Store::new(options.definitions)),
            tasks: Vec::new(),
        };
        let (pod_store, definition_store) = (&watches.pods, &watches.definitions);
        let tasks = [
            follow(live, pods, pod_store, options.silence, observer),
            follow(
                live,
                Collection::definitions(),
                definition_store,
                options.silence,
                observer,
            ),
        ];
        watches.tasks.extend(tasks);
        Ok(watches)
    }

    /// The pods of the node.
    #[must_use]
    pub fn pods(&self) -> &Store<Pod> {
        &self.pods
    }

    /// The definitions of all namespaces.
    #[must_use]
    pub fn definitions(&self) -> &Store<Definition> {
        &self.definitions
    }

    /// A pod with this UID as its watch knows it, or else, in one read, whichever pod has the name now (Q24); `None`
    /// where the API says that there is none. With an empty UID, any pod of the name will do.
    ///
    /// # Errors
    /// The API was asked, and did not tell until the deadline.
    pub async fn pod(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        deadline: Instant,
    ) -> Result<Option<Arc<Pod>>, ClusterError> {
        if let Lookup::Known(pod) = self.pods.get(namespace, name)
            && (uid.is_empty() || uid == pod.reference.uid)
        {
            return Ok(Some(pod));
        }
        self.pods.count_read();
        let read = self.live.pod(namespace, name, deadline).await?;
        Ok(read.map(Arc::new))
    }

    /// Writes the network-status annotation of a pod that has none, as far as the watch knows, or with `reads` the API. One
    /// patch, which the API refuses where the pod is another one by now, or only another version: somebody else may have
    /// written it. An `earlier` status, of a sandbox before, is none as long as it says just that; only a read tells.
    ///
    /// # Errors
    /// As [`Live::write_status`].
    pub async fn write_first_status(
        &self,
        pod: &PodRef,
        network_status: &str,
        earlier: Option<&str>,
        reads: bool,
        deadline: Instant,
    ) -> Result<FirstStatus, ClusterError> {
        let (namespace, name) = (&pod.namespace, &pod.name);
        let told = if reads || earlier.is_some() {
            let read = self.live.pod_at(namespace, name, deadline).await?;
            read.map(|(pod, version, status)| {
                let has_another = status.is_some() && status.as_deref() != earlier;
                (pod.reference.uid, version, has_another)
            })
        } else {
            let known = self.pods.version(namespace, name);
            known.map(|(pod, version)| (pod.reference.uid.clone(), version, pod.has_status))
        };
        let Some((_, version, has_another)) = told.filter(|(uid, ..)| *uid == pod.uid) else {
            return Ok(FirstStatus::PodUnknown);
        };
        if has_another {
            return Ok(FirstStatus::Known);
        }
        let api = &self.live.api;
        let first = status::First {
            text: network_status,
            earlier,
        };
        let written = status::write_first(api, pod, version, first, deadline).await;
        Ok(match self.live.noted(Purpose::Statuses, written)? {
            true => FirstStatus::Written,
            false => FirstStatus::Known,
        })
    }

    /// A definition as its watch knows it, or else in one read (Q31); `None` where the API says that there is none.
    ///
    /// # Errors
    /// The API was asked, and did not tell until the deadline.
    pub async fn definition(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Arc<Definition>>, ClusterError> {
        if let Lookup::Known(definition) = self.definitions.get(namespace, name) {
            return Ok(Some(definition));
        }
        self.definitions.count_read();
        let read = self.live.definition_at(namespace, name, deadline).await?;
        Ok(read.map(|(definition, version)| {
            let definition = Arc::new(definition);
            self.definitions.keep(namespace, name, version, &definition);
            definition
        }))
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Starts the watch of a store.
pub(crate) fn follow<V: Object + Send + Sync + 'static>(
    live: &Arc<Live>,
    collection: Collection,
    store: &Arc<Store<V>>,
    silence: Duration,
    observer: &Arc<dyn Observer>,
) -> AbortHandle {
    let (live, store, observer) = (Arc::clone(live), Arc::clone(store), Arc::clone(observer));
    let task = spawn(async move {
        let follower = Follower {
            api: &live.api,
            collection: &collection,
            store: &store,
            observer: &*observer,
            silence,
            version: None,
            fresh: Instant::now(),
        };
        follower.run().await
    });
    task.abort_handle()
}

#[cfg(test)]
mod tests;
