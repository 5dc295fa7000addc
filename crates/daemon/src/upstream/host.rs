//! The daemon in the plugin's place: it plans and tells as it does for its own plugin, without a socket in between.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::Live;
use cni::{CniError, NetworkConf, code};
use engine::{Attached, Committed, Container, Engine, EngineError, Failures};
use ipc::{Commit, Failed, PodWords};
use plan::{Attachment, Catalog, NetConf, Plan, PlanError, PodRef, Request};
use plugin::messages::{self, of_pod, plain};
use plugin::{Call, Give, Planned, Program, Site};
use tokio::runtime::Handle;

use super::request::Wanted;
use crate::behind::Behind;
use crate::commit;
use crate::events::Events;
use crate::metrics::{Metrics, Operation, Phase};
use crate::overlay;
use crate::planner::Planner;
use crate::readiness::Readiness;
use crate::retries::Retries;
use crate::settings::Settings;

/// Everything that a verb needs.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) planner: Arc<Planner>,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) live: Arc<Live>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) events: Events,
    pub(crate) behind: Behind,
    pub(crate) retries: Retries,
    pub(crate) metrics: Arc<Metrics>,
    /// Where the daemon's own work is done.
    pub(crate) runtime: Handle,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

impl Host {
    /// Why no pod can be attached now.
    pub(super) fn cannot_attach(&self) -> Option<String> {
        self.readiness.cannot_attach()
    }

    /// Where plugins are looked for (B1.42).
    pub(super) fn search_path(&self) -> String {
        let own = sys::environment::get("CNI_PATH").filter(|path| !path.is_empty());
        own.unwrap_or_else(|| self.settings.netconf.bin_dir.to_string_lossy().into_owned())
    }

    /// A request of `/cni`, with the daemon's configuration over the client's (B6.40).
    pub(super) fn overlaid(&self, wanted: &Wanted) -> Result<cni::Request, CniError> {
        let config = overlay::request(&wanted.request.config, &self.settings)
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
        plugin::run_one(
            self,
            &wanted.request,
            &self.settings.netconf,
            &plan,
            &mut note,
        )?;
        if let Some((pod, addresses)) = added {
            let ifname = wanted.request.ifname.as_ref();
            let ifname = ifname.map(ToString::to_string).unwrap_or_default();
            let network = wanted.request.config_name.as_str();
            let text = messages::added(&ifname, &addresses, network);
            self.events.normal(&pod, "AddedInterface", text);
        }
        Ok(())
    }

    fn count(&self, call: &Call<'_>, operation: Operation, is_good: bool) {
        self.metrics.ran(operation, &commit::runs(call.runs));
        self.metrics.ended(operation, is_good);
    }

    /// The attachment of `/delegate`. Only to attach it the pod has to be there.
    fn one(&self, call: &Call<'_>, wanted: &Wanted) -> Result<Attachment, CniError> {
        let catalog = match call.request.command {
            cni::Verb::Add => Catalog::Api,
            _ => Catalog::None,
        };
        let request = request(call, catalog, &self.settings);
        let (network, asked) = (&wanted.request.config, &wanted.attributes);
        let planned = self.planner.another(call.conf, &request, network, asked);
        let Plan { attachments, .. } = self.runtime.block_on(planned)?;
        let mut attachments = attachments.into_iter();
        let missing = || of_pod(code::INTERNAL, &call.args.pod, "nothing is planned");
        attachments.next().ok_or_else(missing)
    }
}

fn request(call: &Call<'_>, catalog: Catalog, settings: &Settings) -> Request {
    let text = |part: Option<String>| part.unwrap_or_default();
    Request {
        container_id: text(call.request.container_id.as_ref().map(ToString::to_string)),
        ifname: text(call.request.ifname.as_ref().map(ToString::to_string)),
        args: call.args.clone(),
        catalog,
        // Elsewhere nobody would find what is owed.
        may_owe_status: call.conf.cni_dir == settings.netconf.cni_dir,
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
        NetConf::parse(config)
    }

    fn planner(&self, _: &Call<'_>) -> Result<Box<dyn plugin::Planner>, CniError> {
        Ok(Box::new(self.clone()))
    }

    fn default_network(&self, call: &Call<'_>) -> Result<Option<NetworkConf>, CniError> {
        if let Some(reason) = self.cannot_attach() {
            let text = format_args!("the daemon is not ready: {reason}");
            return Err(plain(code::NOT_AVAILABLE, text));
        }
        let config = String::from_utf8_lossy(&call.request.config);
        let text = self
            .runtime
            .block_on(self.planner.default_network(&config))?;
        text.map(|text| NetworkConf::parse(text.as_bytes()))
            .transpose()
            .map_err(|error| plain(code::NOT_AVAILABLE, error))
    }

    fn detached(&self, call: &Call<'_>, _: &Engine<'_>, container: &Container, _: &PodRef) {
        self.count(call, Operation::Del, true);
        self.retries.gone(container.id.clone());
    }

    /// Upstream's plugin says that all is well in any case (B6.31), and what is told here stands in its log.
    fn takes_over(&self, call: &Call<'_>, container: &Container, _: &Failures) -> bool {
        self.count(call, Operation::Del, false);
        self.retries.left(container.id.clone());
        false
    }

    fn site(&self) -> Site {
        self.settings.site()
    }
}

impl plugin::Planner for Host {
    fn plan(&self, call: &Call<'_>) -> Result<Planned, CniError> {
        let (begin, request) = (Instant::now(), request(call, Catalog::Api, &self.settings));
        let planned = self.planner.outcome(call.conf, &request);
        let planned = self.runtime.block_on(planned);
        self.metrics.took(Phase::Plan, begin);
        planned
            .map(Planned::Outcome)
            .inspect_err(|_| self.metrics.ended(Operation::Add, false))
    }

    fn commit(&self, call: &Call<'_>, pod: &PodRef, attached: &Attached) -> Committed {
        let request = request(call, Catalog::Api, &self.settings);
        let failed = attached.failed.0.iter().map(ToString::to_string).collect();
        let (statuses, interfaces) = (&attached.statuses, &attached.interfaces);
        let words = Commit::of(pod, request.container_id, statuses, interfaces, failed)
            .map_err(|error| (error.to_string(), code::INTERNAL))?;
        let words = Commit {
            is_status_owed: attached.is_status_owed,
            runs: commit::runs(call.runs),
            ..words
        };
        let patience = patience(call);
        let Self {
            live,
            events,
            behind,
            metrics,
            ..
        } = self;
        let committed = commit::commit(live, events, behind, metrics, words, patience);
        self.runtime
            .block_on(committed)
            .map_err(|error| (error.msg, error.code))
    }

    fn failed(&self, call: &Call<'_>, pod: &PodRef, error: &EngineError) {
        let words = Failed {
            pod: PodWords::from(pod),
            container_id: request(call, Catalog::Api, &self.settings).container_id,
            reason: error.to_string(),
            runs: commit::runs(call.runs),
        };
        commit::failed(&self.events, &self.metrics, words);
    }

    /// What was committed was told then.
    fn attached(&self, _: &Call<'_>, _: &PodRef, _: &Plan, _: &Attached) {}
}

#[cfg(test)]
mod tests {
    use cni::{NetworkName, Verb, Version};
    use plan::PodArgs;
    use plugin::Runs;

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
    fn a_status_is_owed_only_where_the_daemon_looks_for_ledgers() {
        let settings = Settings::parse(br#"{"cniDir": "/here"}"#).unwrap();
        for (config, may_owe) in [
            (r#"{"cniDir": "/here"}"#, true),
            (r#"{"cniDir": "/there"}"#, false),
        ] {
            let request = of_call(config, Duration::ZERO, |call| {
                request(call, Catalog::Api, &settings)
            });
            assert_eq!(request.may_owe_status, may_owe, "{config}");
        }
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
