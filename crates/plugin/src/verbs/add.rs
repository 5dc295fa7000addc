//! ADD (B4.20–B4.31).

use std::time::Instant;

use cni::{CniError, code};
use engine::{Attached, Container, Engine};
use plan::{Outcome, Plan};

use super::{Give, Locks, container, ground, ready, remembered, runtime};
use crate::journal::LOG;
use crate::{Call, Planned, Planner, Program, messages};

pub(crate) fn run(program: &dyn Program, call: &Call<'_>, give: Give<'_>) -> Result<(), CniError> {
    super::check_own_netns(call.request)?;
    let container = container(call)?;
    // Without a lock: a DEL may come meanwhile, and finds nothing.
    ready::wait(call.conf, call.deadline)
        .map_err(|error| messages::of_pod(code::TRY_AGAIN_LATER, &call.args.pod, error))?;
    let _locks = Locks::for_add(program, call, &container.id)?;
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    let engine = ground.engine(&runtime, call.runs);
    engine
        .clear(&remembered(&container, call), call.conf.timeouts.undo)
        .map_err(|error| messages::carrying_out(&call.args.pod, &error))?;
    let planner = program.planner(call)?;
    match planner.plan(call)? {
        Planned::Outcome(Outcome::Attach(plan)) => {
            attach(&engine, &*planner, call, container, &plan, give)
        }
        Planned::CarriedOut(result) => give(&result, call).inspect_err(|_| planner.take_back(call)),
        Planned::Outcome(Outcome::PodUnknown) => {
            LOG.warning(format_args!(
                "[{}]: pod not found during CNI ADD: the API does not know it; nothing is attached",
                call.args.pod.label()
            ));
            let version = call.conf.cni_version;
            let result = plan::empty_result(version, &container.ifname, &container.netns);
            give(&result, call)
        }
    }
}

/// Carries the plan out and tells everyone.
fn attach(
    engine: &Engine<'_>,
    planner: &dyn Planner,
    call: &Call<'_>,
    container: Container,
    plan: &Plan,
    give: Give<'_>,
) -> Result<(), CniError> {
    let pod = plan.pod.as_ref().unwrap_or(&call.args.pod);
    for warning in &plan.warnings {
        LOG.warning(format_args!("[{}]: {warning}", pod.label()));
    }
    let mut commit = |attached: &Attached, meanwhile: &mut dyn FnMut()| match &plan.pod {
        Some(pod) => planner
            .commit(call, pod, attached, meanwhile)
            .inspect(|()| {
                let done = match attached.is_status_owed {
                    true => "left to the daemon",
                    false => "written",
                };
                LOG.verbose(format_args!("[{}]: network status {done}", pod.label()));
            }),
        None => Ok(()),
    };
    let container = Container {
        pod: pod.clone(),
        ..container
    };
    let attached = engine
        .add(
            &container,
            plan,
            call.conf.cni_version,
            call.deadline,
            call.conf.timeouts.undo,
            &mut commit,
        )
        .map_err(|error| {
            planner.failed(call, pod, &error);
            messages::carrying_out(pod, &error)
        })?;
    if let Err(error) = give(&attached.result, call) {
        // The runtime takes this for a failure: nothing may stay.
        let undo = Instant::now() + call.conf.timeouts.undo;
        if let Err(left) = engine.del(&remembered(&container, call), undo) {
            LOG.error(format_args!("[{}]: {left}", pod.label()));
        }
        return Err(error);
    }
    for failure in &attached.failed.0 {
        LOG.warning(format_args!(
            "[{}]: goes on without an optional network: {failure}",
            pod.label()
        ));
    }
    planner.attached(call, pod, plan, &attached);
    Ok(())
}
