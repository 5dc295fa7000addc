//! Plans for the plugins of the node, from what the watches know.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Live, Watches};
use cni::{CniError, code};
use devices::{DevicesError, Kubelet};
use futures_util::stream::{self, StreamExt as _};
use ipc::{PlanReply, PlanRequest};
use plan::{
    Asked, Catalog, DriveError, Fact, Facts, Inquiry, Need, NetConf, Outcome, PathFact, Plan,
    PlanError, Planned, PodArgs, PodRef, ROUNDS, Request, Warning,
};
use plugin::LOG;
use plugin::messages::{self, of_pod, plain};
use tokio::task::spawn_blocking;

use crate::behind::Behind;
use crate::events::Events;
use crate::keeper::Status;
use crate::overlay;
use crate::settings::Settings;

/// Everything that plans are made from.
pub(crate) struct Planner {
    pub(crate) live: Arc<Live>,
    pub(crate) watches: Arc<Watches>,
    /// How the node's configuration stands.
    pub(crate) status: Arc<dyn Fn() -> Status + Send + Sync>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) kubelet: Kubelet,
    pub(crate) events: Events,
    pub(crate) behind: Behind,
}

/// So many things are fetched at a time for one plan.
const AT_ONCE: usize = 8;

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").finish_non_exhaustive()
    }
}

/// Why a fact is not to be had.
#[derive(Debug, thiserror::Error)]
enum FactError {
    #[error(transparent)]
    Api(#[from] ClusterError),
    #[error(transparent)]
    Devices(#[from] DevicesError),
    #[error("the daemon stops")]
    Stopped,
}

impl Planner {
    /// How the container is to be attached. What is refused, and what the pod's owner should know, is told to the pod too.
    pub(crate) async fn plan(&self, words: &PlanRequest) -> Result<PlanReply, CniError> {
        let (conf, request) = self.request(words)?;
        let outcome = self.outcome(&conf, &request).await?;
        Ok(PlanReply::from(&outcome))
    }

    /// The same for a request that is decoded already.
    pub(crate) async fn outcome(
        &self,
        conf: &NetConf,
        request: &Request,
    ) -> Result<Outcome, CniError> {
        let planned = self.drive(conf, request).await;
        self.told(planned, &request.args.pod)
    }

    /// One more network for a pod that is attached already.
    pub(crate) async fn another(
        &self,
        conf: &NetConf,
        request: &Request,
        network: &[u8],
        asked: &Asked,
    ) -> Result<Plan, CniError> {
        let planned = self.drive_another(conf, request, network, asked).await;
        let pod = &request.args.pod;
        match self.told(planned.map(Outcome::Attach), pod)? {
            Outcome::Attach(plan) => Ok(plan),
            Outcome::PodUnknown => Err(of_pod(code::INTERNAL, pod, "nothing is planned")),
        }
    }

    async fn drive_another(
        &self,
        conf: &NetConf,
        request: &Request,
        network: &[u8],
        asked: &Asked,
    ) -> Result<Plan, DriveError<FactError>> {
        let mut facts = Facts::default();
        loop {
            let planned = plan::another(conf, request, &facts, network, asked);
            match planned.map_err(DriveError::Plan)? {
                Planned::Ready(plan) => return Ok(plan),
                // The pod, and nothing else.
                Planned::Needs(needs) => {
                    for need in needs {
                        let fact = self.fetch(&need, request, conf.timeouts.api).await;
                        facts.insert(need, fact.map_err(DriveError::Source)?);
                    }
                }
            }
        }
    }

    /// What was planned, told to log and pod.
    fn told(
        &self,
        planned: Result<Outcome, DriveError<FactError>>,
        pod: &PodRef,
    ) -> Result<Outcome, CniError> {
        match planned {
            Ok(mut outcome) => {
                self.tell(&outcome, pod);
                if let Outcome::Attach(plan) = &mut outcome
                    && let Some(pod) = &plan.pod
                {
                    plan.owes_status &= !self.behind.knows(&pod.uid);
                }
                Ok(outcome)
            }
            Err(error) => {
                let (code, reason, text) = refusal(&error);
                self.events.warning(pod, reason, text.clone());
                LOG.error(format_args!("[{}]: {text}", pod.label()));
                Err(of_pod(code, pod, text))
            }
        }
    }

    /// The default network of a plugin's configuration, as far as it is known without the API.
    pub(crate) async fn default_network(&self, config: &str) -> Result<Option<String>, CniError> {
        let unavailable = |error: &dyn fmt::Display| plain(code::NOT_AVAILABLE, error);
        let conf = self.conf(config).map_err(|error| unavailable(&error))?;
        let mut facts = Facts::default();
        for _ in 0..ROUNDS {
            let planned = plan::default_network(&conf, Catalog::Api, &facts)
                .map_err(|error| unavailable(&error))?;
            let needs = match planned {
                Planned::Ready(network) => {
                    return Ok(Some(String::from_utf8_lossy(network.bytes()).into_owned()));
                }
                Planned::Needs(needs) => needs,
            };
            for need in needs {
                let Need::Path(path) = &need else {
                    return Ok(None);
                };
                let looked = self.look(path.clone()).await;
                let fact = Fact::Path(looked.map_err(|error| unavailable(&error))?);
                facts.insert(need, fact);
            }
        }
        Err(unavailable(&PlanError::NoEnd))
    }

    fn conf(&self, config: &str) -> Result<NetConf, PlanError> {
        let merged = overlay::plan(config.as_bytes(), &self.settings);
        NetConf::parse(&merged.map_err(PlanError::NetConf)?)
    }

    /// The plugin's configuration with the daemon's over it (B6.40), decoded and worded as a plugin that plans by itself
    /// would.
    fn request(&self, words: &PlanRequest) -> Result<(NetConf, Request), CniError> {
        let refused = |error: &PlanError| plain(error.code(), error);
        let conf = self.conf(&words.config).map_err(|error| refused(&error))?;
        let args = PodArgs::parse(&words.args).map_err(|error| refused(&error))?;
        let request = Request {
            container_id: words.container_id.clone(),
            ifname: words.ifname.clone(),
            args,
            catalog: Catalog::Api,
            // Elsewhere nobody would find what is owed.
            may_owe_status: conf.cni_dir == self.settings.netconf.cni_dir,
        };
        Ok((conf, request))
    }

    async fn drive(
        &self,
        conf: &NetConf,
        request: &Request,
    ) -> Result<Outcome, DriveError<FactError>> {
        let mut inquiry = Inquiry::default();
        loop {
            match inquiry.ask(conf, request).map_err(DriveError::Plan)? {
                Planned::Ready(outcome) => return Ok(outcome),
                Planned::Needs(needs) => {
                    let fetching = needs.into_iter().map(async |need| {
                        let fact = self.fetch(&need, request, conf.timeouts.api).await;
                        fact.map(|fact| (need, fact))
                    });
                    let mut fetched = stream::iter(fetching).buffered(AT_ONCE);
                    while let Some(fact) = fetched.next().await {
                        let (need, fact) = fact.map_err(DriveError::Source)?;
                        inquiry.tell(need, fact).map_err(DriveError::Plan)?;
                    }
                }
            }
        }
    }

    /// Each thing has the time that the configuration gives to one object of the API.
    async fn fetch(
        &self,
        need: &Need,
        request: &Request,
        patience: Duration,
    ) -> Result<Fact, FactError> {
        let deadline = Instant::now() + patience;
        Ok(match need {
            Need::Pod { namespace, name } => {
                let uid = &request.args.pod.uid;
                let pod = self.watches.pod(namespace, name, uid, deadline).await?;
                Fact::Pod(pod.map(Arc::unwrap_or_clone))
            }
            Need::Definition { namespace, name } => {
                let found = self.watches.definition(namespace, name, deadline).await?;
                Fact::Definition(found.map(Arc::unwrap_or_clone))
            }
            Need::Path(path) => Fact::Path(self.look(path.clone()).await?),
            Need::Devices(pod) => {
                let (kubelet, pod) = (self.kubelet.clone(), pod.clone());
                let asked = spawn_blocking(move || kubelet.devices(&pod, deadline)).await;
                Fact::Devices(asked.map_err(|_| FactError::Stopped)??)
            }
            Need::Claim { namespace, name } => {
                Fact::Claim(self.live.resource_claim(namespace, name, deadline).await?)
            }
            Need::Slices { driver, node } => {
                let slices = self.live.resource_slices(driver, node.as_deref(), deadline);
                Fact::Slices(slices.await?)
            }
        })
    }

    /// What lies at a path of the host; of the primary's file, what it last was when it was whole.
    async fn look(&self, path: std::path::PathBuf) -> Result<PathFact, FactError> {
        if let Some(content) = (self.status)().content_at(&path) {
            return Ok(PathFact::File(content.to_vec()));
        }
        let looked = spawn_blocking(move || {
            sys::files::look(&path, &|error| {
                LOG.warning(format_args!("configuration file passed over: {error}"));
            })
        });
        looked.await.map_err(|_| FactError::Stopped)
    }

    fn tell(&self, outcome: &Outcome, asked: &PodRef) {
        let Outcome::Attach(plan) = outcome else {
            let label = asked.label();
            LOG.verbose(format_args!("[{label}]: the API does not know it"));
            return;
        };
        let pod = plan.pod.as_ref().unwrap_or(asked);
        let events = plan.warnings.iter().filter_map(Warning::event);
        events.for_each(|(reason, text)| self.events.warning(pod, reason, text));
        let networks: Vec<&str> = plan
            .attachments
            .iter()
            .map(|attachment| attachment.name.as_str())
            .collect();
        let label = pod.label();
        LOG.verbose(format_args!("[{label}]: planned: {}", networks.join(", ")));
    }
}

/// CNI code, reason of the event, and text, which has no pod in it.
fn refusal(error: &DriveError<FactError>) -> (u32, &'static str, String) {
    match error {
        DriveError::Plan(error) => (error.code(), messages::reason(error), error.to_string()),
        DriveError::Source(FactError::Api(error)) => (
            messages::api_code(error.may_pass()),
            messages::FAILED,
            messages::api(error),
        ),
        DriveError::Source(FactError::Devices(error)) => (
            messages::kubelet_code(error.may_pass()),
            messages::FAILED,
            messages::kubelet(error),
        ),
        DriveError::Source(error @ FactError::Stopped) => {
            (code::TRY_AGAIN_LATER, messages::FAILED, error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_worded_as_a_plugin_that_plans_by_itself_words_them() {
        // B4.2, B7.21
        let missing = PlanError::NoDefinition {
            namespace: "ns".to_owned(),
            name: "n".to_owned(),
        };
        let (code, reason, text) = refusal(&DriveError::Plan(missing));
        assert_eq!((code, reason), (7, "NoNetworkFound"));
        assert!(
            text.starts_with("cannot find a network-attachment-definition (n)"),
            "{text}"
        );

        let api = ClusterError::PodGone {
            pod: "ns/web".to_owned(),
        };
        let (code, reason, text) = refusal(&DriveError::Source(api.into()));
        assert_eq!((code, reason), (11, "FailedAttachment"));
        assert!(text.starts_with("error getting k8s objects: "), "{text}");

        let (code, _, text) = refusal(&DriveError::Source(DevicesError::NoName.into()));
        assert_ne!(code, 0);
        assert!(text.starts_with("failed to "), "{text}");
    }
}
