//! `multus-shim`: the CNI plugin of a node with a daemon. The daemon plans, this process carries the plan out, with the same
//! engine as `multus`; CHECK, GC and DEL need no daemon.

mod alone;
mod daemon;
mod upstream;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cni::{CniError, NetworkConf, code};
use daemon::Daemon;
use engine::{Container, Engine, Failures};
use ipc::{Detached, Refusal, StatusReply, StatusRequest, path};
use plan::{NetConf, PlanError, PodRef};
use plugin::messages::plain;
use plugin::{Call, LOG, Planner, Program};
use sys::heap::Heap;

/// How long a daemon is given to take note of a DEL, which does not depend on it.
const NOTE: Duration = Duration::from_secs(1);

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    plugin::main(&Shim)
}

struct Shim;

impl Program for Shim {
    fn name(&self) -> &'static str {
        "multus-shim"
    }

    fn conf(&self, config: &[u8]) -> Result<NetConf, PlanError> {
        NetConf::parse_for_shim(config)
    }

    fn planner(&self, call: &Call<'_>) -> Result<Box<dyn Planner>, CniError> {
        Ok(Box::new(Daemon::of(call)?))
    }

    fn default_network(&self, call: &Call<'_>) -> Result<Option<NetworkConf>, CniError> {
        let unavailable = |error: &dyn std::fmt::Display| plain(code::NOT_AVAILABLE, error);
        let words = StatusRequest {
            config: String::from_utf8_lossy(&call.request.config).into_owned(),
        };
        let daemon = Daemon::of(call)?;
        let reply: Result<Option<StatusReply>, _> = daemon.ask(path::STATUS, &words, call.deadline);
        let reply = match reply {
            Err(Refusal::Unknown) => upstream::status(&daemon, call).map(|()| None),
            reply => reply,
        };
        let text = reply
            .map_err(|refusal| match refusal {
                // The daemon words it as the thin plugin would.
                Refusal::Error(error) => error,
                refusal => unavailable(&refusal),
            })?
            .and_then(|reply| reply.default_network);
        text.map(|text| NetworkConf::parse(text.as_bytes()))
            .transpose()
            .map_err(|error| unavailable(&error))
    }

    fn primary(&self, call: &Call<'_>) -> Option<NetworkConf> {
        let record = alone::record(call).ok()??;
        NetworkConf::parse(record.configuration.as_bytes()).ok()
    }

    fn detached(&self, call: &Call<'_>, _: &Engine<'_>, container: &Container, _: &PodRef) {
        note(call, container, Vec::new());
    }

    fn takes_over(&self, call: &Call<'_>, container: &Container, left: &Failures) -> bool {
        let rest = left.0.iter().map(ToString::to_string).collect();
        // A daemon that is not there looks into the ledgers when it starts. One of upstream's never does, nor does one whose
        // ledgers lie elsewhere.
        let is_ours = !matches!(note(call, container, rest), Some(Refusal::Unknown));
        is_ours && !call.conf.retry_delete_on_error
    }
}

/// Tells the daemon of a DEL; what it said where it did not take note.
fn note(call: &Call<'_>, container: &Container, rest: Vec<String>) -> Option<Refusal> {
    let words = Detached {
        container_id: container.id.to_string(),
        rest,
        runs: daemon::runs(call),
    };
    // GC tells of many containers, and holds the node's lock meanwhile.
    let deadline = call.deadline.min(Instant::now() + NOTE);
    let told: Result<Option<()>, _> = Daemon::of(call)
        .map_err(Refusal::Error)
        .and_then(|daemon| daemon.ask(path::DETACHED, &words, deadline));
    let refusal = told.err();
    if let Some(refusal) = &refusal {
        LOG.verbose(format_args!(
            "the daemon does not know of this DEL: {refusal}"
        ));
    }
    refusal
}
