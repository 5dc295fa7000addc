//! The blocking client.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use npwg::Definition;
use plan::{Claim, Pod, PodRef, PublishedDevice};
use tokio::runtime::{Builder, Runtime};

use crate::api::Api;
use crate::call::Call;
use crate::credentials::Source;
use crate::error::ClusterError;
use crate::event::{self, Event};
use crate::failure::{ApiStatus, Failure};
use crate::pod;
use crate::text::one_line;
use crate::{claim, definition, status};

/// Bounds for each request, whatever the caller's deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one attempt may take, connecting included, and a credential plugin.
    pub request: Duration,
    /// How many bytes an answer may have.
    pub answer: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // The API stores no object of more than 1.5 MB.
        Self {
            request: Duration::from_secs(10),
            answer: 4 << 20,
        }
    }
}

/// A blocking client of the Kubernetes API. Must not be used inside an async runtime: it has its own.
pub struct Cluster {
    api: Api,
    /// Gone only while dropped.
    runtime: Option<Runtime>,
}

impl Cluster {
    /// A client as the kubeconfig's current context says: certificates, token, tokenFile, exec (B5.1). Nothing is
    /// connected before the first request.
    ///
    /// # Errors
    /// A kubeconfig or credentials that cannot be read or used.
    pub fn from_kubeconfig(path: &Path, limits: Limits) -> Result<Self, ClusterError> {
        Self::new(Source::Kubeconfig(path.to_owned()), limits)
    }

    /// A client with the service account of the pod that this program runs in (B5.1); `host` and `port` are
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    ///
    /// # Errors
    /// A token or certificates that cannot be read or used.
    pub fn in_cluster(host: &str, port: &str, limits: Limits) -> Result<Self, ClusterError> {
        let directory = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
        let (host, port) = (host.to_owned(), port.to_owned());
        Self::new(
            Source::InCluster {
                host,
                port,
                directory,
            },
            limits,
        )
    }

    fn new(source: Source, limits: Limits) -> Result<Self, ClusterError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .max_blocking_threads(2)
            .thread_name("cluster")
            .build()
            .map_err(ClusterError::Runtime)?;
        let api = Api::new(source, limits, runtime.handle())?;
        Ok(Self {
            api,
            runtime: Some(runtime),
        })
    }

    /// The API server's host and port.
    #[must_use]
    pub fn server(&self) -> String {
        self.api.server()
    }

    /// Reads a pod; `None` where the API says that there is none (B4.10–B4.15).
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub fn pod(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Pod>, ClusterError> {
        self.get(
            &Call::get_pod(namespace, name)?,
            deadline,
            pod::parse,
            |status| status.is_not_found(),
        )
    }

    /// Reads a definition; `None` where the API says that there is none, or that it does not know definitions at all:
    /// its answer is then a bare 404 (a cluster without the CRD).
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub fn definition(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Definition>, ClusterError> {
        self.get(
            &Call::get_definition(namespace, name)?,
            deadline,
            definition::parse,
            |status| status.code == StatusCode::NOT_FOUND,
        )
    }

    /// Reads a ResourceClaim; `None` where the API says that there is none.
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused; also where it does not have dynamic resource allocation.
    pub fn resource_claim(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Claim>, ClusterError> {
        self.get(
            &Call::get_claim(namespace, name)?,
            deadline,
            claim::parse,
            ApiStatus::is_not_found,
        )
    }

    /// The devices in a driver's ResourceSlices that have an id for CNI plugins; of one node, or of all (B5.82).
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub fn resource_slices(
        &self,
        driver: &str,
        node: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<PublishedDevice>, ClusterError> {
        let mut devices = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = Call::list_slices(driver, node, next.as_deref())?;
            let body = self.run(self.api.send(&call, deadline))?;
            let page =
                claim::parse_slices(&body).map_err(|error| self.unreadable(&call, &error))?;
            devices.extend(page.devices);
            match page.next {
                Some(more) => next = Some(more),
                None => return Ok(devices),
            }
        }
    }

    /// Writes the network-status annotation, and `more` annotations, of which those without a value are removed. One
    /// patch that the API refuses where the pod is another one of the same name (Q60); where patching is forbidden, a
    /// read and an update.
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
        let mut annotations = vec![(npwg::names::NETWORK_STATUS, Some(network_status))];
        annotations.extend_from_slice(more);
        self.run(status::write(&self.api, pod, &annotations, deadline))
    }

    /// Posts events about a pod, each once, one after the other, while there is time. Tells how many were accepted.
    pub fn post_events(&self, pod: &PodRef, events: &[Event], deadline: Instant) -> usize {
        let now = SystemTime::now();
        let mut accepted = 0;
        for (number, event) in events.iter().enumerate() {
            let object = event::object(pod, event, now, number).to_string();
            let Ok(call) = Call::post_event(&pod.namespace, object.into_bytes()) else {
                return 0;
            };
            accepted += usize::from(self.run(self.api.send_once(&call, deadline)).is_ok());
        }
        accepted
    }

    fn get<T>(
        &self,
        call: &Call,
        deadline: Instant,
        parse: fn(&[u8]) -> Result<T, serde_json::Error>,
        is_none: fn(&ApiStatus) -> bool,
    ) -> Result<Option<T>, ClusterError> {
        match self.run(self.api.send(call, deadline)) {
            Ok(body) => parse(&body)
                .map(Some)
                .map_err(|error| self.unreadable(call, &error)),
            Err(error) => match error.failure() {
                Some(Failure::Status(status)) if is_none(status) => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn unreadable(&self, call: &Call, error: &serde_json::Error) -> ClusterError {
        ClusterError::Answer {
            action: call.action.clone(),
            server: self.api.server(),
            reason: one_line(&error.to_string(), 200),
        }
    }

    fn run<T>(
        &self,
        work: impl Future<Output = Result<T, ClusterError>>,
    ) -> Result<T, ClusterError> {
        match &self.runtime {
            Some(runtime) => runtime.block_on(work),
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
