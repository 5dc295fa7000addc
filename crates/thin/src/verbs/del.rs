//! DEL (B4.100–B4.110): from the ledger alone. Neither pod nor definition nor API is asked.

use std::time::Instant;

use cni::CniError;
use plan::{NetConf, PodArgs};

use super::{Ground, Locks, container, ready, remembered};
use crate::journal::LOG;
use crate::local::Manifests;
use crate::{messages, report};

pub(crate) fn run(request: &cni::Request, conf: &NetConf, args: &PodArgs) -> Result<(), CniError> {
    let deadline = Instant::now() + conf.timeouts.del;
    super::check_own_netns(request)?;
    let container = container(request, args)?;
    ready::mention(conf);
    let _locks = Locks::for_del(conf, &container.id, args)?;
    let ground = Ground::new(conf);
    let runtime = ground.runtime(request, conf);
    let engine = ground.engine(&runtime);
    let report = engine
        .del(&remembered(&container, args, conf), deadline)
        .map_err(|error| messages::carrying_out(&args.pod, &error))?;
    if let Some(note) = report.note {
        LOG.warning(format_args!("[{}]: {note}", args.pod.label()));
    }
    if let Some(directory) = &conf.manifest_dir {
        let pod = report.pod.as_ref().unwrap_or(&args.pod);
        report::remove_status(&engine, &Manifests::new(directory), &container, pod);
    }
    Ok(())
}
