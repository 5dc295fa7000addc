//! Tells the catalog what became of a pod: its network status, and events.

use std::path::Path;
use std::time::Instant;

use cluster::{Event, EventType};
use engine::{Attached, Container, Engine, Unwritten};
use plan::{NetConf, PodRef, Warning};
use plugin::{LOG, messages};
use sys::files::Durability;

use crate::catalog::{Store, Timed};
use crate::local::Manifests;

/// Writes the network status of a pod.
pub(crate) fn write_status(
    catalog: &Timed<'_>,
    pod: &PodRef,
    attached: &Attached,
) -> Result<(), Unwritten> {
    let status = npwg::status::render(&attached.statuses)
        .map_err(|error| Unwritten::new(&error, cni::code::INTERNAL))?;
    match catalog.store {
        Store::None => Ok(()),
        Store::Api(cluster) => {
            let failures = (!attached.failed.is_empty()).then(|| attached.failed.to_string());
            if attached.statuses.is_empty() && failures.is_none() {
                return Ok(());
            }
            let more = [(messages::FAILURES, failures.as_deref())];
            cluster
                .write_status(pod, &status, &more, catalog.request_deadline())
                .map_err(|error| Unwritten::new(&error, messages::api_code(error.may_pass())))
        }
        Store::Local(manifests) => {
            let path = manifests
                .status_path(pod)
                .map_err(|error| Unwritten::new(&error, error.code()))?;
            write_file(&path, &status).map_err(|error| {
                let text = format!("manifestDir: {}: {error}", path.display());
                Unwritten::new(&text, cni::code::IO_FAILURE)
            })
        }
    }
}

fn write_file(path: &Path, status: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    Ok(sys::files::write_atomic(
        path,
        status.as_bytes(),
        0o644,
        Durability::None,
    )?)
}

/// Removes the status file of a pod whose sandbox is gone, unless another sandbox of the pod is attached by now. What
/// goes wrong with it is told and nothing more: the sandbox is detached.
pub(crate) fn remove_status(
    engine: &Engine<'_>,
    manifests: &Manifests,
    container: &Container,
    pod: &PodRef,
) {
    if pod.name.is_empty() || engine.is_attached_elsewhere(pod, container) {
        return;
    }
    // A name that leads elsewhere was refused by ADD: there is no status.
    let Ok(path) = manifests.status_path(pod) else {
        return;
    };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            LOG.warning(format_args!(
                "[{}]: cannot remove {}: {error}",
                pod.label(),
                path.display()
            ));
        }
        _ => {}
    }
}

/// Events of a good ADD: interfaces, warnings, optional attachments that failed.
pub(crate) fn success_events(attached: &Attached, warnings: &[Warning]) -> Vec<Event> {
    let mut events: Vec<Event> = attached
        .interfaces
        .iter()
        .map(|(ifname, addresses, network)| messages::added(ifname, addresses, network))
        .map(|text| normal("AddedInterface", text))
        .collect();
    events.extend(
        warnings
            .iter()
            .filter_map(Warning::event)
            .map(|(reason, text)| warning(reason, text)),
    );
    events.extend(
        attached
            .failed
            .0
            .iter()
            .map(|failure| warning(messages::FAILED, failure.to_string())),
    );
    events
}

/// Posts events; nobody waits for them longer than the configuration says, and nothing fails with them.
pub(crate) fn post(store: &Store, conf: &NetConf, pod: &PodRef, events: &[Event]) {
    if let Store::Api(cluster) = store
        && !events.is_empty()
        && !pod.name.is_empty()
    {
        cluster.post_events(pod, events, Instant::now() + conf.timeouts.events);
    }
}

/// A Warning event.
pub(crate) fn warning(reason: &str, text: String) -> Event {
    Event {
        kind: EventType::Warning,
        reason: reason.to_owned(),
        message: text,
    }
}

fn normal(reason: &str, text: String) -> Event {
    Event {
        kind: EventType::Normal,
        reason: reason.to_owned(),
        message: text,
    }
}
