//! A daemon of upstream's: it carries out by itself what it is asked for (B6.20–B6.33).

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cni::{CniError, CniResult, Version, code};
use ipc::Refusal;
use plugin::messages::of_pod;
use plugin::{Call, Planned};

use crate::daemon::Daemon;

/// ADD by the daemon.
pub(crate) fn add(daemon: &Daemon, call: &Call<'_>, until: Instant) -> Result<Planned, CniError> {
    let refused = |refusal: Refusal| of_pod(refusal.code(), &call.args.pod, refusal);
    let endpoint = ipc::upstream::CNI;
    let request = ipc::upstream::Request {
        env: sys::environment::all(),
        config: BASE64.encode(&call.request.config),
        interface_attributes: None,
    };
    let ready: Result<Option<()>, _> =
        daemon.ask_until(ipc::upstream::READYZ, &(), until, call.deadline);
    ready.map_err(refused)?;
    let answer: Option<ipc::upstream::Response> = daemon
        .ask(endpoint, &request, call.deadline)
        .map_err(refused)?;
    let Some(answer) = answer else {
        // Q39
        return Err(refused(Daemon::empty(endpoint)));
    };
    CniResult::from_value(answer.result, Version::V1_1_0)
        .map(Planned::CarriedOut)
        .map_err(|error| of_pod(code::DECODING_FAILURE, &call.args.pod, error))
}
