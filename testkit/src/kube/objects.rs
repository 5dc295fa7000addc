//! The objects that our tests are about.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

use super::client::Client;
use super::wait;

/// The node on which [`Client::create_pod`] puts pods.
pub const NODE: &str = "node";
/// Where NetworkAttachmentDefinitions are.
const DEFINITIONS: &str = "/apis/k8s.cni.cncf.io/v1";

/// An event as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `Normal` or `Warning`.
    pub kind: String,
    /// The short reason.
    pub reason: String,
    /// The text.
    pub message: String,
    /// How often; 0 where the event does not say.
    pub count: u64,
}

/// Annotations as pairs of key and value.
pub type Annotations<'a> = &'a [(&'a str, &'a str)];

impl Client {
    /// Creates any object; the path follows from its kind and namespace.
    pub fn create(&self, object: &Value) -> anyhow::Result<Value> {
        self.post(&collection(object)?, object)
    }

    /// Creates a namespace.
    pub fn create_namespace(&self, name: &str) -> anyhow::Result<()> {
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))?;
        Ok(())
    }

    /// Creates a namespace of its own for one test, and returns its name: the prefix and some letters.
    pub fn new_namespace(&self, prefix: &str) -> anyhow::Result<String> {
        let metadata = json!({"generateName": format!("{prefix}-")});
        let namespace =
            self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))?;
        text(&namespace, "/metadata/name")
    }

    /// Creates a pod that is bound to [`NODE`] and that nobody runs. Returns its uid.
    pub fn create_pod(
        &self,
        namespace: &str,
        name: &str,
        annotations: Annotations<'_>,
    ) -> anyhow::Result<String> {
        let pod = self.create(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata(namespace, name, annotations),
            "spec": {
                "nodeName": NODE,
                "automountServiceAccountToken": false,
                "containers": [{"name": "main", "image": "none.invalid/none"}],
            },
        }))?;
        text(&pod, "/metadata/uid")
    }

    /// Reads a pod.
    pub fn pod(&self, namespace: &str, name: &str) -> anyhow::Result<Value> {
        self.get(&format!("/api/v1/namespaces/{namespace}/pods/{name}"))
    }

    /// Removes a pod at once.
    pub fn delete_pod(&self, namespace: &str, name: &str) -> anyhow::Result<()> {
        self.delete(&format!("/api/v1/namespaces/{namespace}/pods/{name}"))?;
        Ok(())
    }

    /// The value of a pod's annotation; empty where it has none.
    pub fn annotation(&self, namespace: &str, pod: &str, key: &str) -> anyhow::Result<String> {
        let pod = self.pod(namespace, pod)?;
        Ok(pod["metadata"]["annotations"][key]
            .as_str()
            .unwrap_or_default()
            .to_owned())
    }

    /// Creates a NetworkAttachmentDefinition. An empty `config` leaves `spec` without it.
    pub fn create_definition(
        &self,
        namespace: &str,
        name: &str,
        config: &str,
        annotations: Annotations<'_>,
    ) -> anyhow::Result<()> {
        let spec = if config.is_empty() {
            json!({})
        } else {
            json!({"config": config})
        };
        self.create(&json!({
            "apiVersion": "k8s.cni.cncf.io/v1",
            "kind": "NetworkAttachmentDefinition",
            "metadata": metadata(namespace, name, annotations),
            "spec": spec,
        }))?;
        Ok(())
    }

    /// Removes a NetworkAttachmentDefinition.
    pub fn delete_definition(&self, namespace: &str, name: &str) -> anyhow::Result<()> {
        self.delete(&format!(
            "{DEFINITIONS}/namespaces/{namespace}/network-attachment-definitions/{name}"
        ))?;
        Ok(())
    }

    /// Makes NetworkAttachmentDefinition known, and waits until the API serves it. May be called again.
    pub fn apply_definition_crd(&self) -> anyhow::Result<()> {
        let crd: Value = serde_json::from_str(include_str!("definition-crd.json"))?;
        match self.create(&crd) {
            Err(error) if super::status(&error) == Some(409) => {}
            created => drop(created?),
        }
        wait::until(
            "the API to serve network-attachment-definitions",
            Duration::from_secs(60),
            || self.find(&format!("{DEFINITIONS}/network-attachment-definitions")),
        )?;
        Ok(())
    }

    /// The events about a pod, in no particular order.
    pub fn events(&self, namespace: &str, pod: &str) -> anyhow::Result<Vec<Event>> {
        let selector = format!("involvedObject.kind%3DPod%2CinvolvedObject.name%3D{pod}");
        let list = self.get(&format!(
            "/api/v1/namespaces/{namespace}/events?fieldSelector={selector}"
        ))?;
        let items = list["items"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        Ok(items.iter().map(Event::from).collect())
    }

    /// Waits for an event about a pod with this reason.
    pub fn wait_for_event(
        &self,
        namespace: &str,
        pod: &str,
        reason: &str,
        limit: Duration,
    ) -> anyhow::Result<Event> {
        wait::until(
            &format!("an event {reason} about pod {namespace}/{pod}"),
            limit,
            || {
                Ok(self
                    .events(namespace, pod)?
                    .into_iter()
                    .find(|event| event.reason == reason))
            },
        )
    }

    /// Waits until a pod's annotation has a value that `accept` likes, and returns that.
    pub fn wait_for_annotation(
        &self,
        namespace: &str,
        pod: &str,
        key: &str,
        limit: Duration,
        accept: impl Fn(&str) -> bool,
    ) -> anyhow::Result<String> {
        wait::until(
            &format!("the annotation {key} of pod {namespace}/{pod}"),
            limit,
            || Ok(Some(self.annotation(namespace, pod, key)?).filter(|value| accept(value))),
        )
    }
}

impl From<&Value> for Event {
    fn from(event: &Value) -> Self {
        let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
        let series = event["series"]["count"].as_u64();
        Self {
            kind: field("type"),
            reason: field("reason"),
            message: field("message"),
            count: event["count"].as_u64().or(series).unwrap_or_default(),
        }
    }
}

fn metadata(namespace: &str, name: &str, annotations: Annotations<'_>) -> Value {
    let annotations: serde_json::Map<String, Value> = annotations
        .iter()
        .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
        .collect();
    json!({"namespace": namespace, "name": name, "annotations": annotations})
}

/// The path of the list to which an object belongs.
fn collection(object: &Value) -> anyhow::Result<String> {
    let (version, kind) = (text(object, "/apiVersion")?, text(object, "/kind")?);
    let root = if version.contains('/') { "apis" } else { "api" };
    let namespace = match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/namespaces/{namespace}"),
        None => String::new(),
    };
    Ok(format!("/{root}/{version}{namespace}/{}", plural(&kind)))
}

fn plural(kind: &str) -> String {
    if kind == "NetworkAttachmentDefinition" {
        return "network-attachment-definitions".to_owned();
    }
    let kind = kind.to_lowercase();
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') => format!("{kind}es"),
        None => format!("{kind}s"),
    }
}

fn text(object: &Value, pointer: &str) -> anyhow::Result<String> {
    let value = object.pointer(pointer).and_then(Value::as_str);
    Ok(value
        .with_context(|| format!("an object has no {pointer}: {object}"))?
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_follows_from_kind_and_namespace() {
        let cases = [
            ("v1", "Pod", Some("a"), "/api/v1/namespaces/a/pods"),
            ("v1", "Namespace", None, "/api/v1/namespaces"),
            (
                "networking.k8s.io/v1",
                "NetworkPolicy",
                Some("a"),
                "/apis/networking.k8s.io/v1/namespaces/a/networkpolicies",
            ),
            (
                "storage.k8s.io/v1",
                "StorageClass",
                None,
                "/apis/storage.k8s.io/v1/storageclasses",
            ),
            (
                "k8s.cni.cncf.io/v1",
                "NetworkAttachmentDefinition",
                Some("a"),
                "/apis/k8s.cni.cncf.io/v1/namespaces/a/network-attachment-definitions",
            ),
        ];
        for (version, kind, namespace, path) in cases {
            let object =
                json!({"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace}});
            assert_eq!(collection(&object).unwrap(), path, "{kind}");
        }
    }
}
