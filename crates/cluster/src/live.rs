//! Reads and writes over the API, each asked for when it is needed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use npwg::Definition;
use plan::{Claim, Pod, PodRef, PublishedDevice};
use tokio::runtime::Handle;

use crate::api::Api;
use crate::call::Call;
use crate::collection::Collection;
use crate::credentials::Source;
use crate::error::ClusterError;
use crate::event::{self, Event, Subject};
use crate::failure::{ApiStatus, Failure};
use crate::object::Identity;
use crate::refusals::{Purpose, Refusals, Refused};
use crate::{claim, definition, pod, status};

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

/// A client of the Kubernetes API. Every call is a request; none is answered from memory.
pub struct Live {
    pub(crate) api: Api,
    refusals: Refusals,
}

impl Live {
    /// A client as the kubeconfig's current context says: certificates, token, tokenFile, exec (B5.1). Nothing is
    /// connected before the first request; a credential plugin runs here.
    ///
    /// # Errors
    /// A kubeconfig or credentials that cannot be read or used.
    pub fn from_kubeconfig(
        path: &Path,
        limits: Limits,
        runtime: &Handle,
    ) -> Result<Self, ClusterError> {
        let source = Source::Kubeconfig(path.to_owned());
        Self::new(source, limits, runtime)
    }

    /// A client with the service account of the pod that this program runs in (B5.1); `host` and `port` are
    /// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    ///
    /// # Errors
    /// A token or certificates that cannot be read or used.
    pub fn in_cluster(
        host: &str,
        port: &str,
        limits: Limits,
        runtime: &Handle,
    ) -> Result<Self, ClusterError> {
        let source = Source::InCluster {
            host: host.to_owned(),
            port: port.to_owned(),
            directory: PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount"),
        };
        Self::new(source, limits, runtime)
    }

    /// A client with a certificate and its key in one file, at the server of a kubeconfig, whose own credentials are not used
    /// (B6.86).
    pub(crate) fn with_certificate(
        bootstrap: &Path,
        file: &Path,
        limits: Limits,
        runtime: &Handle,
    ) -> Result<Self, ClusterError> {
        let source = Source::Certificate {
            bootstrap: bootstrap.to_owned(),
            file: file.to_owned(),
        };
        Self::new(source, limits, runtime)
    }

    fn new(source: Source, limits: Limits, runtime: &Handle) -> Result<Self, ClusterError> {
        Ok(Self {
            api: Api::new(source, limits, runtime)?,
            refusals: Refusals::default(),
        })
    }

    /// The API server's host and port.
    #[must_use]
    pub fn server(&self) -> String {
        self.api.server()
    }

    /// Takes credentials that were replaced, before the server refuses the old ones; to be called every minute or so.
    /// Requests that are on their way, and watches until the server ends them, go on with those that they began with.
    /// Tells whether there were others, which it does the first time too.
    ///
    /// # Errors
    /// Credentials that cannot be read or used; the old ones stay.
    pub async fn refresh(&self) -> Result<bool, ClusterError> {
        self.api.refresh().await
    }

    /// What the API refused of what was asked for by itself: lists and watches are told by [`crate::Progress`].
    #[must_use]
    pub fn refused(&self, purpose: Purpose) -> Refused {
        self.refusals.of(purpose)
    }

    /// Keeps in mind what became of a request.
    pub(crate) fn noted<T>(
        &self,
        purpose: Purpose,
        done: Result<T, ClusterError>,
    ) -> Result<T, ClusterError> {
        self.refusals.note(purpose, &done);
        done
    }

    /// Reads a pod; `None` where the API says that there is none (B4.10–B4.15).
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub async fn pod(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Pod>, ClusterError> {
        let call = Call::get_pod(namespace, name)?;
        let read = self.get(&call, deadline, pod::parse, ApiStatus::is_not_found);
        self.noted(Purpose::Pods, read.await)
    }

    /// As [`Live::pod`], with the version that was read, and its network status.
    pub(crate) async fn pod_at(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<(Pod, u64, Option<String>)>, ClusterError> {
        let call = Call::get_pod(namespace, name)?;
        let parse = |body: &[u8]| {
            let version = Identity::parse(body)?.number();
            Ok((pod::parse(body)?, version, pod::network_status(body)?))
        };
        let read = self.get(&call, deadline, parse, ApiStatus::is_not_found);
        self.noted(Purpose::Pods, read.await)
    }

    /// Reads a definition; `None` where the API says that there is none, or that it does not know definitions at all:
    /// its answer is then a bare 404 (a cluster without the CRD).
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub async fn definition(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Definition>, ClusterError> {
        let read = self.definition_at(namespace, name, deadline).await?;
        Ok(read.map(|(definition, _)| definition))
    }

    /// As [`Live::definition`], with the version that was read.
    pub(crate) async fn definition_at(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<(Definition, u64)>, ClusterError> {
        let call = Call::get_definition(namespace, name)?;
        let parse = |body: &[u8]| Ok((definition::parse(body)?, Identity::parse(body)?.number()));
        let read = self.get(&call, deadline, parse, |status| {
            status.code == StatusCode::NOT_FOUND
        });
        self.noted(Purpose::Definitions, read.await)
    }

    /// Reads a ResourceClaim; `None` where the API says that there is none.
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused; also where it does not have dynamic resource allocation.
    pub async fn resource_claim(
        &self,
        namespace: &str,
        name: &str,
        deadline: Instant,
    ) -> Result<Option<Claim>, ClusterError> {
        let call = Call::get_claim(namespace, name)?;
        let read = self.get(&call, deadline, claim::parse, ApiStatus::is_not_found);
        self.noted(Purpose::Claims, read.await)
    }

    /// The devices in a driver's ResourceSlices that have an id for CNI plugins; of one node, or of all (B5.82).
    ///
    /// # Errors
    /// The API did not tell until the deadline, or refused.
    pub async fn resource_slices(
        &self,
        driver: &str,
        node: Option<&str>,
        deadline: Instant,
    ) -> Result<Vec<PublishedDevice>, ClusterError> {
        let slices = Collection::slices(driver, node)?;
        let mut devices = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let call = Call::list(&slices, claim::PAGE, next.as_deref());
            let sent = self.api.send(&call, deadline).await;
            let body = self.noted(Purpose::Claims, sent)?;
            let (published, more) =
                claim::parse_slices(&body).map_err(|error| self.api.unreadable(&call, &error))?;
            devices.extend(published);
            match more {
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
    pub async fn write_status(
        &self,
        pod: &PodRef,
        network_status: &str,
        more: &[(&str, Option<&str>)],
        deadline: Instant,
    ) -> Result<(), ClusterError> {
        let mut annotations = vec![(npwg::names::NETWORK_STATUS, Some(network_status))];
        annotations.extend_from_slice(more);
        let written = status::write(&self.api, pod, &annotations, deadline).await;
        self.noted(Purpose::Statuses, written)
    }

    /// Posts events, each once, one after the other, while there is time. Tells how many were accepted.
    pub async fn post_events(&self, about: &Subject, events: &[Event], deadline: Instant) -> usize {
        let now = SystemTime::now();
        let mut accepted = 0;
        for (number, event) in events.iter().enumerate() {
            let object = event::object(about, event, now, number).to_string();
            let Ok(call) = Call::post_event(about.namespace(), object.into_bytes()) else {
                return 0;
            };
            let sent = self.api.send_once(&call, deadline).await;
            accepted += usize::from(self.noted(Purpose::Events, sent).is_ok());
        }
        accepted
    }

    /// Posts an event of which a pod has one at most, as long as the API keeps it.
    ///
    /// # Errors
    /// The API did not take it until the deadline.
    pub async fn post_once(
        &self,
        pod: &PodRef,
        event: &Event,
        deadline: Instant,
    ) -> Result<(), ClusterError> {
        let object = event::only_object(pod, event, SystemTime::now()).to_string();
        let call = Call::post_event(&pod.namespace, object.into_bytes())?;
        let sent = self.api.send_once(&call, deadline).await;
        match self.noted(Purpose::Events, sent) {
            Err(error) if error.code() != Some(StatusCode::CONFLICT) => Err(error),
            _ => Ok(()),
        }
    }

    async fn get<T>(
        &self,
        call: &Call,
        deadline: Instant,
        parse: impl Fn(&[u8]) -> Result<T, serde_json::Error>,
        is_none: impl Fn(&ApiStatus) -> bool,
    ) -> Result<Option<T>, ClusterError> {
        match self.api.send(call, deadline).await {
            Ok(body) => parse(&body)
                .map(Some)
                .map_err(|error| self.api.unreadable(call, &error)),
            Err(error) => match error.failure() {
                Some(Failure::Status(status)) if is_none(status) => Ok(None),
                _ => Err(error),
            },
        }
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("server", &self.server())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
