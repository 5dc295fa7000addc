//! The daemon in the plugin's place: it plans and tells as it does for its own plugin, without a socket in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cni::{CniError, NetworkConf, code};
use engine::{Attached, Container, Engine, EngineError, Failures, Unwritten};
use ipc::{Commit, Failed, PodWords};
use plan::{Attachment, Catalog, NetConf, Plan, PlanError, PodRef, Request};
use plugin::messages::{self, of_pod, plain};
use plugin::{Call, Give, Planned, Program, Runs, Site};
use tokio::runtime::Handle;

use super::request::Wanted;
use super::{Reply, not_ready};
use crate::metrics::Operation;
use crate::node::{self, Node};
use crate::overlay;

/// Everything that a verb needs.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) node: Arc<Node>,
    /// Where the daemon's own work is done.
    pub(crate) runtime: Handle,
}

impl Host {
    /// Where plugins are looked for (B1.42).
    pub(super) fn search_path(&self) -> String {
        let own = sys::environment::get("CNI_PATH").filter(|path| !path.is_empty());
        own.unwrap_or_else(|| {
            let bin_dir = &self.node.settings.netconf.bin_dir;
            bin_dir.to_string_lossy().into_owned()
        })
    }

    /// A request of `/cni`, with the daemon's configuration over the client's (B6.40).
    pub(super) fn overlaid(&self, wanted: &Wanted) -> Result<cni::Request, CniError> {
        let config = overlay::request(&wanted.request.config, &self.node.settings)
            .map_err(PlanError::NetConf)
            .map_err(|error| plain(error.code(), error))?;
        Ok(cni::Request {
            config,
            ..wanted.request.clone()
        })
    }

    /// A request of `/delegate`.
    pub(super) fn run_one(&self, wanted: &Wanted, give: Give<'_>) -> Result<(), CniError> {
        let mut added = None;
        let plan = |call: &Call<'_>| self.one(call, wanted);
        let mut note = |result: &cni::CniResult, call: &Call<'_>| {
            give(result, call)?;
            let addresses = result.ips.iter().map(|ip| ip.address.to_string());
            added = Some((call.args.pod.clone(), addresses.collect::<Vec<_>>()));
            Ok(())
        };
        let (request, conf) = (&wanted.request, &self.node.settings.netconf);
        let runs = Runs::default();
        let done = plugin::run_one(self, request, conf, &runs, &plan, &mut note);
        if let Some(operation) = Operation::of(request.command.as_str()) {
            let metrics = &self.node.metrics;
            metrics.ran(operation, &node::runs(&runs));
            metrics.ended(operation, done.is_ok());
        }
        done?;
        if let Some((pod, addresses)) = added {
            let ifname = request.ifname.as_ref();
            let ifname = ifname.map(ToString::to_string).unwrap_or_default();
            let network = request.config_name.as_str();
            let text = messages::added(&ifname, &addresses, network);
            self.node.events.normal(&pod, "AddedInterface", text);
        }
        Ok(())
    }

    /// What is refused is told, and written down: whoever asked may not say it to anybody (B6.31), or be gone.
    pub(super) fn refused(&self, error: CniError) -> Reply {
        self.node.complaints.error(&error.msg);
        Reply::Refused(error)
    }

    fn to_plan(&self, call: &Call<'_>, catalog: Catalog) -> Request {
        let settings = &self.node.settings;
        call.to_plan(catalog, settings.keeps_ledgers_in(&call.conf.cni_dir))
    }

    /// The attachment of `/delegate`. Only to attach it the pod has to be there.
    fn one(&self, call: &Call<'_>, wanted: &Wanted) -> Result<Attachment, CniError> {
        let catalog = match call.request.command {
            cni::Verb::Add => Catalog::Api,
            _ => Catalog::None,
        };
        let request = self.to_plan(call, catalog);
        let (network, asked) = (&wanted.request.config, &wanted.attributes);
        let planned = self
            .node
            .another(call.conf, &request, network, asked, call.deadline);
        let Plan { attachments, .. } = self.runtime.block_on(planned)?;
        let mut attachments = attachments.into_iter();
        let missing = || of_pod(code::INTERNAL, &call.args.pod, "nothing is planned");
        attachments.next().ok_or_else(missing)
    }
}

/// How long the API may take for the status: never longer than the ADD.
fn patience(call: &Call<'_>) -> Duration {
    let left = call.deadline.saturating_duration_since(Instant::now());
    call.conf.timeouts.api.min(left)
}

impl Program for Host {
    fn name(&self) -> &'static str {
        "multus-daemon"
    }

    fn conf(&self, config: &[u8]) -> Result<NetConf, PlanError> {
        let conf = Arc::new(NetConf::parse(config)?);
        Ok(Arc::unwrap_or_clone(self.node.with_successor(conf)))
    }

    fn planner(&self, _: &Call<'_>) -> Result<Box<dyn plugin::Planner>, CniError> {
        Ok(Box::new(self.clone()))
    }

    fn default_network(&self, call: &Call<'_>) -> Result<Option<NetworkConf>, CniError> {
        if let Some(reason) = self.node.readiness.cannot_attach() {
            return Err(not_ready(code::NOT_AVAILABLE, &reason));
        }
        let config = String::from_utf8_lossy(&call.request.config);
        let text = self.runtime.block_on(self.node.default_network(&config))?;
        text.map(|text| NetworkConf::parse(text.as_bytes()))
            .transpose()
            .map_err(|error| plain(code::NOT_AVAILABLE, error))
    }

    fn detached(&self, call: &Call<'_>, _: &Engine<'_>, container: &Container, _: &PodRef) {
        let (id, runs) = (container.id.clone(), node::runs(call.runs));
        self.node.detached(id, false, &runs);
    }

    /// Upstream's plugin says that all is well in any case (B6.31), and what is told here stands in its log.
    fn takes_over(&self, call: &Call<'_>, container: &Container, _: &Failures) -> bool {
        let (id, runs) = (container.id.clone(), node::runs(call.runs));
        self.node.detached(id, true, &runs);
        false
    }

    fn site(&self) -> Site {
        self.node.settings.site()
    }
}

impl plugin::Planner for Host {
    fn plan(&self, call: &Call<'_>) -> Result<Planned, CniError> {
        let request = self.to_plan(call, Catalog::Api);
        let planned = self.node.outcome(call.conf, &request, call.deadline);
        self.runtime.block_on(planned).map(Planned::Outcome)
    }

    fn commit(
        &self,
        call: &Call<'_>,
        pod: &PodRef,
        attached: &Attached,
        _: &mut dyn FnMut(),
    ) -> Result<(), Unwritten> {
        let failed = attached.failed.0.iter().map(ToString::to_string).collect();
        let (statuses, interfaces) = (&attached.statuses, &attached.interfaces);
        let words = Commit::of(pod, call.container_id(), statuses, interfaces, failed)
            .map_err(|error| Unwritten::new(&error, code::INTERNAL))?;
        let words = Commit {
            is_status_owed: attached.is_status_owed,
            runs: node::runs(call.runs),
            ..words
        };
        let committed = self.node.committed(words, patience(call));
        self.runtime
            .block_on(committed)
            .map_err(|error| Unwritten::new(&error.msg, error.code))
    }

    fn failed(&self, call: &Call<'_>, pod: &PodRef, error: &EngineError) {
        let words = Failed {
            pod: PodWords::from(pod),
            container_id: call.container_id(),
            reason: error.to_string(),
            runs: node::runs(call.runs),
        };
        self.node.failed(words);
    }

    /// What was committed was told then.
    fn attached(&self, _: &Call<'_>, _: &PodRef, _: &Plan, _: &Attached) {}
}

#[cfg(test)]
mod tests {
    use cni::{NetworkName, Verb, Version};
    use plan::PodArgs;

    use super::*;

    /// What `look` sees of a call with this configuration, whose ADD has so long.
    fn of_call<T>(config: &str, left: Duration, look: impl Fn(&Call<'_>) -> T) -> T {
        let request = cni::Request {
            command: Verb::Add,
            container_id: None,
            netns: String::new(),
            ifname: None,
            args: String::new(),
            path: Vec::new(),
            netns_override: false,
            config: config.into(),
            config_name: NetworkName::parse("n").unwrap(),
            config_version: Version::V1_0_0,
        };
        look(&Call {
            request: &request,
            conf: &NetConf::parse_for_shim(config.as_bytes()).unwrap(),
            args: &PodArgs::default(),
            deadline: Instant::now() + left,
            runs: &Runs::default(),
        })
    }

    #[test]
    fn a_status_has_no_more_time_than_is_left_of_the_add() {
        let config = r#"{"timeouts": {"api": "3s"}}"#;
        for (left, longest) in [(0, 0), (1, 1), (60, 3)] {
            let patience = of_call(config, Duration::from_secs(left), patience);
            assert!(patience <= Duration::from_secs(longest), "{left} s");
        }
    }
}
