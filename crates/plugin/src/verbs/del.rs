//! DEL (B4.100–B4.110): from the ledger alone. Neither pod nor definition nor API is asked.

use cni::CniError;
use engine::EngineError;

use super::{Locks, container, ground, ready, remembered, runtime};
use crate::journal::LOG;
use crate::{Call, Program, messages};

pub(crate) fn run(program: &dyn Program, call: &Call<'_>) -> Result<(), CniError> {
    super::check_own_netns(call.request)?;
    let container = container(call)?;
    ready::mention(call.conf);
    let _locks = Locks::for_del(program, call, &container.id)?;
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    let engine = ground.engine(&runtime, call.runs);
    let pod = &call.args.pod;
    let remembered = remembered(&container, call);
    let report = match engine.del(&remembered, call.deadline) {
        Ok(report) => report,
        Err(error) => {
            let told = messages::carrying_out(pod, &error);
            // Only what is in the ledger can be somebody else's care.
            if matches!(&error, EngineError::Del(left) if program.takes_over(call, &container, left))
            {
                LOG.error(format_args!("{}; the daemon tries it again", told.msg));
                return Ok(());
            }
            return Err(told);
        }
    };
    if report.is_unknown
        && let Some(primary) = program.primary(call)
        && let Err(failure) = engine.del_from_primary(&remembered, primary, call.deadline)
    {
        // Most probably it had nothing: a container that nobody knows is detached already.
        LOG.warning(format_args!("[{}]: {failure}", pod.label()));
    }
    if let Some(note) = report.note {
        LOG.warning(format_args!("[{}]: {note}", pod.label()));
    }
    let pod = report.pod.as_ref().unwrap_or(pod);
    program.detached(call, &engine, &container, pod);
    Ok(())
}
