//! Writing the network status of a pod.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::api::Api;
use crate::call::Call;
use crate::effort::jittered;
use crate::error::ClusterError;
use crate::failure::{ApiStatus, Failure};
use plan::PodRef;

/// How often a write is tried that others get in the way of (B7.11).
const CONFLICTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Writes annotations; `None` removes one.
///
/// # Errors
/// [`ClusterError::PodGone`], [`ClusterError::PodReplaced`], or why the API did not do it.
pub(crate) async fn write(
    api: &Api,
    pod: &PodRef,
    annotations: &[(&str, Option<&str>)],
    deadline: Instant,
) -> Result<(), ClusterError> {
    check_uid(pod)?;
    let annotations: Map<String, Value> = annotations
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.map_or(Value::Null, Value::from)))
        .collect();
    let patch = json!({"metadata": {"uid": pod.uid, "annotations": annotations}});
    let call = Call::patch_status(pod, patch.to_string().into_bytes())?;
    for _ in 1..CONFLICTS {
        match patch_once(api, pod, &call, deadline).await {
            // Upstream's manifest allows update alone.
            Err(error) if error.code() == Some(StatusCode::FORBIDDEN) => {
                let updated = update(api, pod, &annotations, Existing::Replaced, deadline).await;
                return updated.map(|_| ());
            }
            Err(error) if error.code() == Some(StatusCode::CONFLICT) => pause().await,
            result => return result,
        }
    }
    patch_once(api, pod, &call, deadline).await
}

/// A network status of a pod that has none, or an earlier one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First<'a> {
    pub(crate) text: &'a str,
    pub(crate) earlier: Option<&'a str>,
}

/// Writes the network status of a pod that had no other in this version; one attempt, after which whoever asks for it may
/// want it no more. A conflict is told: only whoever knows the version after this one can tell whether somebody else wrote
/// it. Where the pod has to be read again, and somebody wrote it, nothing is written, which is told as `false`.
///
/// # Errors
/// As [`write`].
pub(crate) async fn write_first(
    api: &Api,
    pod: &PodRef,
    version: u64,
    first: First<'_>,
    deadline: Instant,
) -> Result<bool, ClusterError> {
    check_uid(pod)?;
    let annotation = (npwg::names::NETWORK_STATUS.to_owned(), first.text.into());
    let annotations = Map::from_iter([annotation]);
    let patch = json!({"metadata": {
        "uid": pod.uid, "resourceVersion": version.to_string(), "annotations": annotations}});
    let call = Call::patch_status(pod, patch.to_string().into_bytes())?;
    match told(api.try_send(&call, deadline).await, pod) {
        Err(error) if error.code() == Some(StatusCode::FORBIDDEN) => {
            let but = first.earlier;
            update(api, pod, &annotations, Existing::Kept { but }, deadline).await
        }
        result => result.map(|()| true),
    }
}

/// Without it, the status would land on whichever pod has the name now.
fn check_uid(pod: &PodRef) -> Result<(), ClusterError> {
    if pod.uid.is_empty() {
        return Err(ClusterError::Name {
            what: "uid of pod",
            value: String::new(),
        });
    }
    Ok(())
}

/// What becomes of a network status that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existing<'a> {
    Replaced,
    /// Unless it says this.
    Kept {
        but: Option<&'a str>,
    },
}

async fn patch_once(
    api: &Api,
    pod: &PodRef,
    call: &Call,
    deadline: Instant,
) -> Result<(), ClusterError> {
    told(api.send(call, deadline).await, pod)
}

/// What the answer to a patch says of the pod.
fn told(answer: Result<Vec<u8>, ClusterError>, pod: &PodRef) -> Result<(), ClusterError> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.failure() {
            Some(Failure::Status(status)) if status.is_not_found() => gone(pod),
            Some(Failure::Status(status)) if is_about_uid(status) => replaced(pod),
            _ => error,
        }),
    }
}

/// Reads the pod and writes it back as a whole. Tells whether it did.
async fn update(
    api: &Api,
    pod: &PodRef,
    annotations: &Map<String, Value>,
    existing: Existing<'_>,
    deadline: Instant,
) -> Result<bool, ClusterError> {
    for _ in 1..CONFLICTS {
        match update_once(api, pod, annotations, existing, deadline).await {
            Err(error) if error.code() == Some(StatusCode::CONFLICT) => pause().await,
            result => return result,
        }
    }
    update_once(api, pod, annotations, existing, deadline).await
}

async fn update_once(
    api: &Api,
    pod: &PodRef,
    annotations: &Map<String, Value>,
    existing: Existing<'_>,
    deadline: Instant,
) -> Result<bool, ClusterError> {
    let get = Call::get_pod(&pod.namespace, &pod.name)?;
    let body = match api.send(&get, deadline).await {
        Ok(body) => body,
        Err(error) => {
            return Err(if is_not_found(&error) {
                gone(pod)
            } else {
                error
            });
        }
    };
    let wrong = |reason: String| ClusterError::Answer {
        action: get.action.clone(),
        server: api.server(),
        reason,
    };
    let mut object: Value =
        serde_json::from_slice(&body).map_err(|error| wrong(error.to_string()))?;
    let metadata = object.get_mut("metadata").and_then(Value::as_object_mut);
    let metadata = metadata.ok_or_else(|| wrong("no metadata".to_owned()))?;
    if metadata.get("uid").and_then(Value::as_str) != Some(&pod.uid) {
        return Err(replaced(pod));
    }
    let held = metadata.entry("annotations").or_insert(Value::Null);
    if held.is_null() {
        *held = Value::Object(Map::new());
    }
    let held = held
        .as_object_mut()
        .ok_or_else(|| wrong("annotations are no object".to_owned()))?;
    if let Existing::Kept { but } = existing
        && let Some(text) = held.get(npwg::names::NETWORK_STATUS)
        && but.is_none_or(|but| text != but)
    {
        return Ok(false);
    }
    for (key, value) in annotations {
        match value {
            Value::Null => held.remove(key),
            value => held.insert(key.clone(), value.clone()),
        };
    }
    let put = Call::put_status(pod, object.to_string().into_bytes())?;
    match api.send(&put, deadline).await {
        Ok(_) => Ok(true),
        Err(error) => Err(if is_not_found(&error) {
            gone(pod)
        } else {
            error
        }),
    }
}

async fn pause() {
    sleep(jittered(PAUSE, 100)).await;
}

fn is_not_found(error: &ClusterError) -> bool {
    matches!(error.failure(), Some(Failure::Status(status)) if status.is_not_found())
}

/// The API refuses a patch of another pod's UID: as an immutable field (422), or, in other versions, as a precondition
/// that does not hold (409).
fn is_about_uid(status: &ApiStatus) -> bool {
    match status.code {
        StatusCode::UNPROCESSABLE_ENTITY => {
            status.fields.iter().any(|field| field == "metadata.uid")
        }
        StatusCode::CONFLICT => status.message.contains("UID"),
        _ => false,
    }
}

fn gone(pod: &PodRef) -> ClusterError {
    ClusterError::PodGone {
        pod: format!("{}/{}", pod.namespace, pod.name),
    }
}

fn replaced(pod: &PodRef) -> ClusterError {
    ClusterError::PodReplaced {
        pod: format!("{}/{}", pod.namespace, pod.name),
    }
}
