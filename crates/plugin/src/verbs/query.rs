//! CHECK, STATUS and GC.

use std::fs::File;
use std::time::{Duration, Instant};

use cni::{CniError, ContainerId, code};
use engine::Claim;
use plan::NetConf;
use serde::Deserialize;
use sys::files::DirCache;
use sys::lock::{ContainerLock, EndHolders, LockError, NodeLock};

use super::{container, ground, ready, remembered, runtime};
use crate::ground::Site;
use crate::journal::{LOG, Plugins};
use crate::{Call, Program, messages};

/// How long GC waits for ADDs and DELs that are under way before it asks to be called again.
const GC_WAIT: Duration = Duration::from_secs(5);

/// Every attachment of the container, from its ledger.
pub(crate) fn check(program: &dyn Program, call: &Call<'_>) -> Result<(), CniError> {
    let container = container(call)?;
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    ground
        .engine(&runtime, call.runs)
        .check(&remembered(&container, call), call.deadline)
        .map_err(|error| messages::carrying_out(&call.args.pod, &error))
}

/// The default network, as far as it can be known without the API.
pub(crate) fn status(program: &dyn Program, call: &Call<'_>) -> Result<(), CniError> {
    let Call { conf, deadline, .. } = *call;
    let unavailable = |error: &dyn std::fmt::Display| messages::plain(code::NOT_AVAILABLE, error);
    ready::wait(conf, deadline).map_err(|error| unavailable(&error))?;
    own_needs(conf).map_err(|error| unavailable(&error))?;
    let Some(network) = program.default_network(call)? else {
        LOG.verbose("Status: the default network is known to the API, which is not asked");
        return Ok(());
    };
    let failed = |code, error: &dyn std::fmt::Display| {
        messages::plain(
            code,
            format_args!("default network \"{}\": {error}", network.name()),
        )
    };
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    // Whatever its version: without its plugins no ADD can be served.
    runtime
        .precheck(&network)
        .map_err(|error| failed(code::NOT_AVAILABLE, &error))?;
    runtime.status(&network, deadline).map_err(|error| {
        let code = match error.code() {
            0 => code::NOT_AVAILABLE,
            code => code,
        };
        failed(code, &error)
    })?;
    let (name, plugins) = (network.name(), Plugins(&network));
    LOG.verbose(format_args!("Status: {name} {plugins}"));
    Ok(())
}

/// What every ADD needs beside its networks: a place for ledgers and the way to the API, which is not asked.
fn own_needs(conf: &NetConf) -> Result<(), String> {
    // That somebody else has the node for himself right now says nothing against it.
    if let Err(error @ LockError::Io { .. }) = NodeLock::shared(&conf.cni_dir, Instant::now()) {
        return Err(error.to_string());
    }
    match &conf.kubeconfig {
        Some(path) => File::open(path)
            .map(drop)
            .map_err(|error| format!("read kubeconfig {}: {error}", path.display())),
        None => Ok(()),
    }
}

/// Detaches what the runtime no longer knows.
pub(crate) fn gc(program: &dyn Program, call: &Call<'_>) -> Result<(), CniError> {
    let Call { request, conf, .. } = *call;
    let Some(valid) = valid_containers(&request.config)? else {
        return Ok(());
    };
    ready::mention(conf);
    let _lock = NodeLock::exclusive(&conf.cni_dir, call.deadline.min(Instant::now() + GC_WAIT))
        .map_err(|error| messages::plain(code::TRY_AGAIN_LATER, error))?;
    tidy(conf);
    let ground = ground(program, call);
    let runtime = runtime(&ground, call);
    let engine = ground.engine(&runtime, call.runs);
    let claim = |id: &ContainerId| -> Result<Claim, String> {
        let (now, never) = (Instant::now(), EndHolders::Never);
        let is_inherited = program.site() == Site::Plugin;
        match ContainerLock::acquire(&conf.cni_dir, id.as_str(), is_inherited, now, never) {
            Ok(lock) => Ok(Box::new(lock)),
            Err(error) => Err(error.to_string()),
        }
    };
    let report = engine
        .gc(request.config_name.as_str(), &valid, call.deadline, &claim)
        .map_err(|error| messages::plain(error.code(), error))?;
    for note in &report.notes {
        LOG.warning(format_args!("GC: {note}"));
    }
    for container in &report.detached {
        LOG.verbose(format_args!(
            "[{}]: GC detached container {}, which the runtime does not know any more",
            container.pod.label(),
            container.id
        ));
        program.detached(call, &engine, container, &container.pod);
    }
    if report.failures.is_empty() {
        Ok(())
    } else {
        Err(messages::plain(report.failures.code(), report.failures))
    }
}

/// Removes what killed processes left half-written, and their locks. Nobody else writes while GC has the node for itself.
fn tidy(conf: &NetConf) {
    if let Err(error) = sys::lock::remove_abandoned(&conf.cni_dir) {
        LOG.warning(format_args!("GC: {}: {error}", conf.cni_dir.display()));
    }
    for directory in [&conf.cni_dir, DirCache::below(&conf.cni_dir).path()] {
        if let Err(error) = sys::files::remove_temporaries(directory) {
            LOG.warning(format_args!("GC: {error}"));
        }
    }
}

/// The container ids of the runtime's list (CNI SPEC 1.1, GC); `None` where it sent none: nothing is removed then.
fn valid_containers(config: &[u8]) -> Result<Option<Vec<String>>, CniError> {
    let document: Listed = gojson::from_slice(config)
        .map_err(|error| messages::plain(code::DECODING_FAILURE, error))?;
    let Some(list) = document.valid.or(document.attachments) else {
        return Ok(None);
    };
    let ids: Vec<String> = list.into_iter().map(|valid| valid.container_id).collect();
    if ids.iter().any(String::is_empty) {
        // A list that names nobody would make every container stale.
        let text = "cni.dev/valid-attachments: an attachment without containerID";
        return Err(messages::plain(code::INVALID_NETWORK_CONFIG, text));
    }
    Ok(Some(ids))
}

/// The runtime's list, under either name (cni.dev keys of CNI 1.1.0).
#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "cni.dev/valid-attachments", default)]
    valid: Option<Vec<Valid>>,
    #[serde(rename = "cni.dev/attachments", default)]
    attachments: Option<Vec<Valid>>,
}

#[derive(Deserialize)]
struct Valid {
    #[serde(rename = "containerID", default)]
    container_id: String,
}
