//! The audit log: which requests the API server got, from whom, and what it answered.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use serde::Deserialize;

use crate::kube::wait;

/// Requests of every user but the server itself, with all their stages.
///
/// `RequestReceived` is written before the handler runs, so a request whose answer somebody has seen is surely in the log, even if the
/// line with its result is not written yet: [`read`] waits for that.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  users: [\"system:apiserver\"]
- level: None
  nonResourceURLs: [\"/readyz*\", \"/healthz*\", \"/livez*\"]
- level: Metadata
";

/// One request. Fields that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// As RBAC has it: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ….
    pub verb: String,
    /// The plural name: `pods`, `network-attachment-definitions`, ….
    pub resource: String,
    /// `status`, `token`, ….
    pub subresource: String,
    /// The namespace of the object.
    pub namespace: String,
    /// The name of the object.
    pub name: String,
    /// Who asked, as `admin` or `system:serviceaccount:<namespace>:<name>`.
    pub user: String,
    /// The HTTP status; 0 while there is none.
    pub code: u16,
    /// What the client called itself.
    pub user_agent: String,
    /// Path and query.
    pub uri: String,
    /// From its arrival until the server had answered it.
    pub took: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    id: String,
    stage: Stage,
    verb: String,
    #[serde(rename = "requestURI")]
    uri: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: ResponseStatus,
    request_received_timestamp: Timestamp,
    stage_timestamp: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Stage {
    RequestReceived,
    ResponseStarted,
    ResponseComplete,
    Panic,
}

#[derive(Debug, Default, Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Debug, Default, Deserialize)]
struct ObjectRef {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

/// The requests in a log, in the order in which they arrived, each once.
///
/// With `live`, waits until those that were begun have their result; a watch has one as soon as it is open.
pub(super) fn read(path: &Path, live: bool) -> anyhow::Result<Vec<AuditEvent>> {
    if !live {
        return Ok(load(path)?.into_iter().map(AuditEvent::from).collect());
    }
    wait::until(
        &format!("the requests in {} to be answered", path.display()),
        Duration::from_secs(10),
        || {
            let lines = load(path)?;
            let settled = lines
                .iter()
                .all(|line| line.stage != Stage::RequestReceived);
            Ok(settled.then(|| lines.into_iter().map(AuditEvent::from).collect()))
        },
    )
}

/// The last line that the log has about each request.
fn load(path: &Path) -> anyhow::Result<Vec<Line>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.with_context(|| format!("failed to read the audit log {}", path.display()))?,
    };
    parse(&text).with_context(|| format!("failed to parse the audit log {}", path.display()))
}

fn parse(text: &str) -> anyhow::Result<Vec<Line>> {
    // What follows the last line feed is being written.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut lines: Vec<Line> = Vec::new();
    let mut index = HashMap::new();
    for line in complete.lines() {
        let line: Line = serde_json::from_str(line)?;
        match index.get(&line.id) {
            None => {
                index.insert(line.id.clone(), lines.len());
                lines.push(line);
            }
            Some(known) => lines[*known] = line,
        }
    }
    Ok(lines)
}

impl From<Line> for AuditEvent {
    fn from(line: Line) -> Self {
        let took = line
            .stage_timestamp
            .duration_since(line.request_received_timestamp);
        Self {
            verb: line.verb,
            resource: line.object_ref.resource,
            subresource: line.object_ref.subresource,
            namespace: line.object_ref.namespace,
            name: line.object_ref.name,
            user: line.user.username,
            code: line.response_status.code,
            user_agent: line.user_agent,
            uri: line.uri,
            took: took.unsigned_abs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: &str, stage: &str, code: &str) -> String {
        format!(
            "{{\"auditID\":\"{id}\",\"stage\":\"{stage}\",\"verb\":\"get\",\"requestURI\":\"/{id}\",\
             \"user\":{{\"username\":\"admin\"}},\"requestReceivedTimestamp\":\"2026-01-01T00:00:00.000250Z\",\
             \"stageTimestamp\":\"2026-01-01T00:00:00.003750Z\",\"objectRef\":{{\"resource\":\"pods\",\"name\":\"{id}\"}}{code}}}\n"
        )
    }

    #[test]
    fn stages_of_one_request_are_one_event() {
        let code = ",\"responseStatus\":{\"code\":200}";
        let text = [
            line("a", "RequestReceived", ""),
            line("b", "RequestReceived", ""),
            line("b", "ResponseComplete", code),
            line("a", "ResponseStarted", code),
            "{\"auditID\":\"c".to_owned(),
        ];
        let events: Vec<AuditEvent> = parse(&text.concat())
            .unwrap()
            .into_iter()
            .map(AuditEvent::from)
            .collect();

        let seen: Vec<_> = events
            .iter()
            .map(|event| (event.name.as_str(), event.code))
            .collect();
        assert_eq!(seen, [("a", 200), ("b", 200)]);
        assert_eq!(events[0].user, "admin");
        assert_eq!(events[0].took, Duration::from_micros(3500));
    }
}
