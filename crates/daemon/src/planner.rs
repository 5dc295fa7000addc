//! Plans for the plugins of the node.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use cni::{CniError, code};
use ipc::{PlanReply, PlanRequest};
use plan::{
    Asked, Catalog, DriveError, Facts, Need, NetConf, Outcome, Plan, PlanError, Planned, PodArgs,
    PodRef, Request, Warning,
};
use plugin::LOG;
use plugin::messages::{self, of_pod, plain};

use crate::facts::{FactError, Patience};
use crate::metrics::{Operation, Phase};
use crate::node::Node;
use crate::overlay;

impl Node {
    /// How the container is to be attached. What is refused, and what the pod's owner should know, is told to the pod too.
    pub(crate) async fn plan(
        &self,
        words: &PlanRequest,
        until: Option<Instant>,
    ) -> Result<PlanReply, CniError> {
        let planning = async {
            let (conf, request) = self.request(words)?;
            self.resolve(&conf, &request, until).await
        };
        Ok(PlanReply::from(&self.counted(planning).await?))
    }

    /// The same for a request that is decoded already.
    pub(crate) async fn outcome(
        &self,
        conf: &NetConf,
        request: &Request,
        until: Instant,
    ) -> Result<Outcome, CniError> {
        self.counted(self.resolve(conf, request, Some(until))).await
    }

    async fn counted(
        &self,
        planning: impl Future<Output = Result<Outcome, CniError>>,
    ) -> Result<Outcome, CniError> {
        let begin = Instant::now();
        let planned = planning.await;
        self.metrics.took(Phase::Plan, begin);
        planned.inspect_err(|_| self.metrics.ended(Operation::Add, false))
    }

    async fn resolve(
        &self,
        conf: &NetConf,
        request: &Request,
        until: Option<Instant>,
    ) -> Result<Outcome, CniError> {
        let pod = &request.args.pod;
        let ask = |facts: &Facts| plan::plan(conf, request, facts);
        let each = conf.timeouts.api;
        let patience = Patience { each, until };
        let planned = self.sources.drive(pod, patience, ask).await;
        self.told(planned, pod)
    }

    /// One more network for a pod that is attached already.
    pub(crate) async fn another(
        &self,
        conf: &NetConf,
        request: &Request,
        network: &[u8],
        asked: &Asked,
        until: Instant,
    ) -> Result<Plan, CniError> {
        let pod = &request.args.pod;
        let ask = |facts: &Facts| plan::another(conf, request, facts, network, asked);
        let patience = Patience {
            each: conf.timeouts.api,
            until: Some(until),
        };
        let planned = self.sources.drive(pod, patience, ask).await;
        match self.told(planned.map(Outcome::Attach), pod)? {
            Outcome::Attach(plan) => Ok(plan),
            Outcome::PodUnknown => Err(of_pod(code::INTERNAL, pod, "nothing is planned")),
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
                Err(of_pod(code, pod, text))
            }
        }
    }

    /// The default network of a plugin's configuration, as far as it is known without the API.
    pub(crate) async fn default_network(&self, config: &str) -> Result<Option<String>, CniError> {
        let unavailable = |error: &dyn fmt::Display| plain(code::NOT_AVAILABLE, error);
        let conf = self.conf(config).map_err(|error| unavailable(&error))?;
        let is_path = |need: &Need| matches!(need, Need::Path(_));
        let ask = |facts: &Facts| {
            Ok(match plan::default_network(&conf, Catalog::Api, facts)? {
                Planned::Needs(needs) if !needs.iter().all(is_path) => Planned::Ready(None),
                Planned::Needs(needs) => Planned::Needs(needs),
                Planned::Ready(network) => Planned::Ready(Some(network)),
            })
        };
        let patience = Patience {
            each: conf.timeouts.api,
            until: None,
        };
        let nobody = PodRef::default();
        let network = self.sources.drive(&nobody, patience, ask).await;
        let network = network.map_err(|error| unavailable(&error))?;
        Ok(network.map(|network| String::from_utf8_lossy(network.bytes()).into_owned()))
    }

    fn conf(&self, config: &str) -> Result<Arc<NetConf>, PlanError> {
        let conf = self.decoded.of(config, || {
            let merged = overlay::plan(config.as_bytes(), &self.settings);
            NetConf::parse(&merged.map_err(PlanError::NetConf)?)
        })?;
        Ok(self.with_successor(conf))
    }

    /// The configuration with what became of the primary that it names: the runtime read it before another file became the
    /// primary's, and while its pod waited for that; what it names is not there any more.
    pub(crate) fn with_successor(&self, mut conf: Arc<NetConf>) -> Arc<NetConf> {
        if let Some(successor) = self.successor(&conf) {
            Arc::make_mut(&mut conf).cluster_network = Some(successor);
        }
        conf
    }

    fn successor(&self, conf: &NetConf) -> Option<String> {
        let named = Path::new(conf.cluster_network.as_deref()?);
        let status = (self.sources.status)();
        let successor = status.successor_of(named)?;
        (!sys::wait::is_there(named)).then(|| successor.to_string_lossy().into_owned())
    }

    /// The plugin's configuration with the daemon's over it (B6.40), decoded and worded as a plugin that plans by itself
    /// would.
    fn request(&self, words: &PlanRequest) -> Result<(Arc<NetConf>, Request), CniError> {
        let refused = |error: &PlanError| plain(error.code(), error);
        let conf = self.conf(&words.config).map_err(|error| refused(&error))?;
        let args = PodArgs::parse(&words.args).map_err(|error| refused(&error))?;
        let request = Request {
            container_id: words.container_id.clone(),
            ifname: words.ifname.clone(),
            args,
            catalog: Catalog::Api,
            may_owe_status: self.settings.keeps_ledgers_in(&conf.cni_dir),
        };
        Ok((conf, request))
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

/// The configuration that a plugin came with last, and what it is decoded. A runtime gives the same to each pod of a node, as
/// long as pods do not ask for something that it adds. With `plainPodsWithoutDaemon` it adds each pod's annotations, and
/// nothing is found here.
#[derive(Debug, Default)]
pub(crate) struct Decoded(Mutex<Option<(String, Arc<NetConf>)>>);

impl Decoded {
    fn of(
        &self,
        config: &str,
        decode: impl FnOnce() -> Result<NetConf, PlanError>,
    ) -> Result<Arc<NetConf>, PlanError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, conf)) = last.as_ref().filter(|(text, _)| text == config) {
            return Ok(Arc::clone(conf));
        }
        let conf = Arc::new(decode()?);
        *last = Some((config.to_owned(), Arc::clone(&conf)));
        Ok(conf)
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
    use cluster::ClusterError;
    use devices::DevicesError;

    use super::*;

    #[test]
    fn a_configuration_is_decoded_once_and_one_that_is_wrong_each_time() {
        let decoded = Decoded::default();
        let text = |name: &str| {
            format!(r#"{{"cniVersion":"1.0.0","name":"{name}","delegates":[{{"type":"p"}}]}}"#)
        };
        let decode = |config: &str| decoded.of(config, || NetConf::parse(config.as_bytes()));
        let (first, again) = (decode(&text("a")).unwrap(), decode(&text("a")).unwrap());
        assert!(Arc::ptr_eq(&first, &again));
        assert!(decode("{").is_err() && decode("{").is_err());
        assert_eq!(decode(&text("b")).unwrap().name, "b");
        assert_eq!(decode(&text("a")).unwrap().name, "a");
    }

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
