//! ADD (B4.20–B4.31).

use std::time::Instant;

use cni::{CniError, CniResult, code};
use engine::{Container, Engine};
use plan::{NetConf, Outcome, Plan, PodArgs, Request};

use super::{Ground, Locks, Print, container, ready, remembered};
use crate::catalog::{Store, Timed};
use crate::journal::LOG;
use crate::{messages, report};

pub(crate) fn run(
    request: &cni::Request,
    conf: &NetConf,
    args: &PodArgs,
    print: Print<'_>,
) -> Result<(), CniError> {
    let deadline = Instant::now() + conf.timeouts.add;
    super::check_own_netns(request)?;
    let container = container(request, args)?;
    // Without a lock: a DEL may come meanwhile, and finds nothing.
    ready::wait(conf, deadline)
        .map_err(|error| messages::of_pod(code::TRY_AGAIN_LATER, &args.pod, error))?;
    let _locks = Locks::for_add(conf, &container.id, args, deadline)?;
    let ground = Ground::new(conf);
    let runtime = ground.runtime(request, conf);
    let engine = ground.engine(&runtime);
    engine
        .clear(&remembered(&container, args, conf), conf.timeouts.undo)
        .map_err(|error| messages::carrying_out(&args.pod, &error))?;
    let store = Store::open(conf).map_err(|error| {
        messages::of_pod(
            error.code(),
            &args.pod,
            format_args!("error getting k8s client: {error}"),
        )
    })?;
    let catalog = Timed {
        store: &store,
        conf,
        deadline,
    };
    match outcome(&catalog, request, args)? {
        Outcome::Attach(plan) => attach(&engine, &catalog, &container, args, &plan, print),
        Outcome::PodUnknown => {
            LOG.warning(format_args!(
                "[{}]: pod not found during CNI ADD: the API does not know it; nothing is attached",
                args.pod.label()
            ));
            let result = plan::empty_result(conf.cni_version, &container.ifname, &container.netns);
            print(&text(&result, conf, args)?).map_err(|error| messages::unprinted(&error))
        }
    }
}

/// Plans; a refusal becomes an event on the pod too.
fn outcome(
    catalog: &Timed<'_>,
    request: &cni::Request,
    args: &PodArgs,
) -> Result<Outcome, CniError> {
    let ifname = request
        .ifname
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let container_id = request.container_id.as_ref().map(ToString::to_string);
    let wanted = Request {
        container_id: container_id.unwrap_or_default(),
        ifname,
        args: args.clone(),
        catalog: catalog.store.kind(),
    };
    plan::drive(catalog.conf, &wanted, catalog).map_err(|error| {
        let (reason, text) = messages::refusal(&error);
        report::post(
            catalog.store,
            catalog.conf,
            &args.pod,
            &[report::warning(reason, text)],
        );
        messages::planning(&args.pod, &error)
    })
}

/// Carries the plan out and tells everyone.
fn attach(
    engine: &Engine<'_>,
    catalog: &Timed<'_>,
    container: &Container,
    args: &PodArgs,
    plan: &Plan,
    print: Print<'_>,
) -> Result<(), CniError> {
    let conf = catalog.conf;
    for warning in &plan.warnings {
        LOG.warning(format_args!(
            "[{}]: {}",
            args.pod.label(),
            messages::warning_line(warning)
        ));
    }
    let mut commit = |attached: &engine::Attached| match &plan.pod {
        Some(pod) => report::write_status(catalog, pod, attached).inspect(|()| {
            LOG.verbose(format_args!("[{}]: network status written", pod.label()));
        }),
        None => Ok(()),
    };
    let pod = plan.pod.as_ref().unwrap_or(&args.pod);
    let container = &Container {
        pod: pod.clone(),
        ..container.clone()
    };
    let attached = engine
        .add(
            container,
            plan,
            conf.cni_version,
            catalog.deadline,
            conf.timeouts.undo,
            &mut commit,
        )
        .map_err(|error| {
            let event = report::warning(messages::FAILED, error.to_string());
            report::post(catalog.store, conf, pod, &[event]);
            messages::carrying_out(pod, &error)
        })?;
    let printed = text(&attached.result, conf, args)
        .and_then(|text| print(&text).map_err(|error| messages::unprinted(&error)));
    if let Err(error) = printed {
        // The runtime takes this for a failure: nothing may stay.
        let undo = Instant::now() + conf.timeouts.undo;
        if let Err(left) = engine.del(&remembered(container, args, conf), undo) {
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
    report::post(
        catalog.store,
        conf,
        pod,
        &report::success_events(&attached, &plan.warnings),
    );
    Ok(())
}

/// The result in the version that the configuration asks for.
fn text(result: &CniResult, conf: &NetConf, args: &PodArgs) -> Result<String, CniError> {
    result
        .to_json(conf.cni_version)
        .map_err(|error| messages::of_pod(code::INCOMPATIBLE_VERSION, &args.pod, error))
}
