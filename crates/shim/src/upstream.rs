//! A daemon of upstream's: it carries out by itself what it is asked for (B6.20–B6.33).

use std::time::Instant;

use cni::{CniError, CniResult, Version, code};
use ipc::Refusal;
use ipc::upstream::{CNI, READYZ, Request, Response};
use plugin::messages::of_pod;
use plugin::{Call, LOG, Planned};

use crate::daemon::Daemon;

/// ADD by the daemon.
pub(crate) fn add(daemon: &Daemon, call: &Call<'_>, until: Instant) -> Result<Planned, CniError> {
    let refused = |refusal: Refusal| of_pod(refusal.code(), &call.args.pod, refusal);
    let ready: Result<Option<()>, _> = daemon.ask_until(READYZ, || (), until, until, &mut || ());
    ready.map_err(refused)?;
    let answer: Option<Response> = daemon
        .ask(CNI, &as_it_came(call), call.deadline)
        .map_err(refused)?;
    let Some(answer) = answer else {
        // Q39
        return Err(refused(Daemon::empty(CNI)));
    };
    CniResult::from_value(answer.result, Version::V1_1_0)
        .map(Planned::CarriedOut)
        .map_err(|error| {
            take_back(daemon, call);
            of_pod(code::DECODING_FAILURE, &call.args.pod, error)
        })
}

/// DEL by the daemon of what its ADD made: nobody can be told its result.
pub(crate) fn take_back(daemon: &Daemon, call: &Call<'_>) {
    let mut request = as_it_came(call);
    request.env.insert("CNI_COMMAND".into(), "DEL".into());
    let deadline = Instant::now() + call.conf.timeouts.undo;
    let done: Result<Option<()>, _> = daemon.ask(CNI, &request, deadline);
    if let Err(refusal) = done {
        let pod = call.args.pod.label();
        LOG.error(format_args!("[{pod}]: not undone: {refusal}"));
    }
}

/// STATUS of the daemon and of its default network.
pub(crate) fn status(daemon: &Daemon, call: &Call<'_>) -> Result<(), Refusal> {
    let done: Result<Option<()>, _> = daemon.ask(READYZ, &(), call.deadline);
    done?;
    let done: Result<Option<()>, _> = daemon.ask(CNI, &as_it_came(call), call.deadline);
    done.map(drop)
}

/// With all that the runtime said: a daemon of upstream's wants it (Q58).
fn as_it_came(call: &Call<'_>) -> Request {
    Request::new(sys::environment::all(), &call.request.config)
}
