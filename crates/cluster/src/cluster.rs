//! The blocking client.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Instant;

use npwg::Definition;
use plan::{Claim, Pod, PodRef, PublishedDevice};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::ClusterError;
use crate::event::{Event, Subject};
use crate::live::{Limits, Live};

/// [`Live`] for a program without a runtime. Must not be used inside one: it has its own.
pub struct Cluster {
    live: Live,
    /// Gone only while dropped.
    runtime: Option<Runtime>,
}

impl Cluster {
    /// As [`Live::from_kubeconfig`].
    ///
    /// # Errors
    /// A kubeconfig or credentials that cannot be read or used.
    pub fn from_kubeconfig(path: &Path, limits: Limits) -> Result<Self, ClusterError> {
        Self::new(|runtime| Live::from_kubeconfig(path, limits, runtime))
    }

    /// As [`Live::in_cluster`].
    ///
    /// # Errors
    /// A token or certificates that cannot be read or used.
    pub fn in_cluster(host: &str, port: &str, limits: Limits) -> Result<Self, ClusterError> {
        Self::new(|runtime| Live::in_cluster(host, port, limits, runtime))
    }

    fn new(live: impl FnOnce(&Handle) -> Result<Live, ClusterError>) -> Result<Self, ClusterError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(2)
            .thread_name("cluster")
            .build()
            .map_err(ClusterError::Runtime)?;
        Ok(Self {
            live: live(runtime.handle())?,
            runtime: Some(runtime),
        })
    }

    /// The API server's host and port.
    #[must_use]
    pub fn server(&self) -> String {
        self.live.server()
    }

    /// As [`Live::pod`].
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub fn pod(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Pod>, ClusterError> {
        self.run(self.live.pod(namespace, name, deadline))?
    }

    /// As [`Live::definition`].
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub fn definition(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Definition>, ClusterError> {
        self.run(self.live.definition(namespace, name, deadline))?
    }

    /// As [`Live::resource_claim`].
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused; also where it does not have dynamic resource allocation.
    pub fn resource_claim(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Claim>, ClusterError> {
        self.run(self.live.resource_claim(namespace, name, deadline))?
    }

    /// As [`Live::resource_slices`].
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub fn resource_slices(
        &self,
        driver: &str,
        node: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<PublishedDevice>, ClusterError> {
        self.run(self.live.resource_slices(driver, node, deadline))?
    }

    /// As [`Live::write_status`].
    ///
    /// # Errors
    /// [`ClusterError::PodGone`], [`ClusterError::PodReplaced`] (Q14), or why the API did not do it until the deadline.
    pub fn write_status(
        &self,
        pod: &PodRef,
        network_status: &str,
        more: &[(&str, Option<&str>)],
        deadline: Instant,
    ) -> Result<(), ClusterError> {
        self.run(self.live.write_status(pod, network_status, more, deadline))?
    }

    /// As [`Live::post_events`], about a pod.
    pub fn post_events(&self, pod: &PodRef, events: &[Event], deadline: Instant) -> usize {
        let about = Subject::Pod(pod.clone());
        self.run(self.live.post_events(&about, events, deadline))
            .unwrap_or_default()
    }

    fn run<T>(&self, work: impl Future<Output = T>) -> Result<T, ClusterError> {
        match &self.runtime {
            Some(runtime) => Ok(runtime.block_on(work)),
            None => Err(ClusterError::Runtime(io::Error::other("already stopped"))),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Does not wait for a name look-up or a credential plugin that nobody wants the end of any more.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
