//! One verb on one network of a container (B6.43), for those who attach a pod that runs already.

use std::time::Instant;

use cni::{CniError, Verb, code};
use engine::Container;
use plan::{Attachment, NetConf, PodArgs};

use super::{Give, Locks, container, ground, limit, remembered, runtime};
use crate::journal::{self, LOG};
use crate::{Call, Program, Runs, messages};

/// Plans the one attachment. An ADD is refused where its pod is not there.
pub type PlanOne<'a> = &'a dyn Fn(&Call<'_>) -> Result<Attachment, CniError>;

/// Carries out a verb on the network that the request is about; `conf` is Multus' own, and `runs` takes note of what its
/// plugins did. Where the result of an ADD cannot be given, it is undone.
///
/// # Errors
/// What whoever asked is told.
pub fn run_one(
    program: &dyn Program,
    request: &cni::Request,
    conf: &NetConf,
    runs: &Runs,
    plan: PlanOne<'_>,
    give: Give<'_>,
) -> Result<(), CniError> {
    let begin = Instant::now();
    let args =
        PodArgs::parse(&request.args).map_err(|error| messages::plain(error.code(), error))?;
    let call = Call {
        request,
        conf,
        args: &args,
        deadline: begin + limit(&conf.timeouts, request.command),
        runs,
    };
    journal::begins(&call);
    match request.command {
        Verb::Add => add(program, &call, plan, give),
        Verb::Del => del(program, &call, plan),
        Verb::Check => check(program, &call, plan),
        Verb::Status => status(program, &call, plan),
        verb @ (Verb::Gc | Verb::Version) => {
            let text = format_args!("unknown cmd type: {verb}");
            Err(messages::plain(code::INVALID_ENVIRONMENT, text))
        }
    }?;
    journal::ended(&call, begin.elapsed());
    Ok(())
}

/// The container, without the name of Multus' configuration, which nobody tells here.
fn its_container(call: &Call<'_>) -> Result<Container, CniError> {
    Ok(Container {
        configuration: String::new(),
        ..container(call)?
    })
}

fn add(
    program: &dyn Program,
    call: &Call<'_>,
    plan: PlanOne<'_>,
    give: Give<'_>,
) -> Result<(), CniError> {
    super::check_own_netns(call.request)?;
    let (container, pod) = (its_container(call)?, &call.args.pod);
    let _locks = Locks::for_add(program, call, &container.id)?;
    let record = plan(call)?;
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    let (engine, remembered) = (
        ground.engine(&runtime, call.runs),
        remembered(&container, call),
    );
    let undo = call.conf.timeouts.undo;
    let result = engine
        .attach_another(&remembered, record.clone(), call.deadline, undo)
        .map_err(|error| messages::carrying_out(pod, &error))?;
    give(&result, call).inspect_err(|_| {
        if let Err(left) = engine.detach_one(&remembered, record, Instant::now() + undo) {
            LOG.error(format_args!("[{}]: {left}", pod.label()));
        }
    })
}

fn del(program: &dyn Program, call: &Call<'_>, plan: PlanOne<'_>) -> Result<(), CniError> {
    super::check_own_netns(call.request)?;
    let container = its_container(call)?;
    let _locks = Locks::for_del(program, call, &container.id)?;
    let record = plan(call)?;
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    ground
        .engine(&runtime, call.runs)
        .detach_one(&remembered(&container, call), record, call.deadline)
        .map_err(|error| messages::carrying_out(&call.args.pod, &error))
}

fn check(program: &dyn Program, call: &Call<'_>, plan: PlanOne<'_>) -> Result<(), CniError> {
    let (container, record) = (its_container(call)?, plan(call)?);
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    ground
        .engine(&runtime, call.runs)
        .check_one(&remembered(&container, call), record, call.deadline)
        .map_err(|error| messages::carrying_out(&call.args.pod, &error))
}

fn status(program: &dyn Program, call: &Call<'_>, plan: PlanOne<'_>) -> Result<(), CniError> {
    let record = plan(call)?;
    let ground = ground(program, call);
    runtime(&ground, call)
        .status(&record.conf, call.deadline)
        .map_err(|error| {
            let network = record.conf.name();
            let text = format_args!("network \"{network}\": {error}");
            messages::plain(error.code(), text)
        })
}
