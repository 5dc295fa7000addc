//! The audit log: which requests the API server got, from whom, and what it answered.

use std::collections::{HashMap, HashSet};
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
/// With `live`, waits until those that were begun have their result, and leaves out what others have begun meanwhile and is not
/// answered; a watch has a result as soon as it is open.
pub(super) fn read(path: &Path, live: bool) -> anyhow::Result<Vec<AuditEvent>> {
    if !live {
        return Ok(load(path)?.into_iter().map(AuditEvent::from).collect());
    }
    let mut begun = None;
    wait::until(
        &format!("the requests in {} to be answered", path.display()),
        Duration::from_secs(60),
        || Ok(answered(load(path)?, &mut begun)),
    )
}

/// What is answered, once that are all those that were open at the first look.
fn answered(lines: Vec<Line>, begun: &mut Option<HashSet<String>>) -> Option<Vec<AuditEvent>> {
    let is_open = |line: &Line| line.stage == Stage::RequestReceived;
    let (open, answered): (Vec<_>, Vec<_>) = lines.into_iter().partition(is_open);
    let open: HashSet<String> = open.into_iter().map(|line| line.id).collect();
    let begun = begun.get_or_insert_with(|| open.clone());
    let events = answered.into_iter().map(AuditEvent::from);
    begun.is_disjoint(&open).then(|| events.collect())
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

    #[test]
    fn those_that_others_begin_while_one_waits_are_not_waited_for() {
        let code = ",\"responseStatus\":{\"code\":200}";
        let mut begun = None;
        let mut look = |lines: &[String]| {
            let events = answered(parse(&lines.concat()).unwrap(), &mut begun)?;
            Some(events.into_iter().map(|event| event.name).collect())
        };
        let mut log = vec![line("a", "RequestReceived", "")];
        assert_eq!(look(&log), None);
        log.push(line("b", "RequestReceived", ""));
        log.push(line("a", "ResponseComplete", code));
        assert_eq!(look(&log), Some(vec!["a".to_owned()]));
    }
}
