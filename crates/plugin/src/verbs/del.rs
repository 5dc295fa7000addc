//! DEL (B4.100–B4.110): from the ledger alone. Neither pod nor definition nor API is asked.

use cni::CniError;

use super::{Ground, Locks, container, ready, remembered};
use crate::journal::LOG;
use crate::{Call, Program, messages};

pub(crate) fn run(program: &dyn Program, call: &Call<'_>) -> Result<(), CniError> {
    super::check_own_netns(call.request)?;
    let container = container(call)?;
    ready::mention(call.conf);
    let _locks = Locks::for_del(call, &container.id)?;
    let ground = Ground::new(call);
    let runtime = ground.runtime(call);
    let engine = ground.engine(&runtime);
    let report = engine
        .del(&remembered(&container, call), call.deadline)
        .map_err(|error| messages::carrying_out(&call.args.pod, &error))?;
    if let Some(note) = report.note {
        LOG.warning(format_args!("[{}]: {note}", call.args.pod.label()));
    }
    let pod = report.pod.as_ref().unwrap_or(&call.args.pod);
    program.detached(call.conf, &engine, &container, pod);
    Ok(())
}
