//! Requests for certificates, which somebody has to decide on.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::call::Call;
use crate::collection::Collection;
use crate::error::ClusterError;
use crate::event::{About, Event};
use crate::live::Live;
use crate::object::Object;
use crate::store::Store;
use crate::watches::{Observer, WatchOptions, follow};

/// Bytes of requests that are kept until somebody looks at them; each has some 2 KB.
const MOST: usize = 8 << 20;
/// Of what is longer nothing is kept: the request of a node has 500 bytes.
const LONGEST: usize = 16 << 10;

/// A CertificateSigningRequest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SigningRequest {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Who is to sign it.
    pub signer: String,
    /// Who asks.
    pub username: String,
    /// The groups of whoever asks.
    pub groups: Vec<String>,
    /// What the certificate is to be good for.
    pub usages: Vec<String>,
    /// How long it is to be good.
    pub expiration_seconds: Option<i64>,
    /// The request itself, as PEM; nothing of one that is far too long to be a node's.
    pub pem: Vec<u8>,
    /// Somebody has decided, or it is signed already.
    pub is_decided: bool,
    /// The object, while it has to be decided on.
    document: Value,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Approved, or else denied.
    pub is_approved: bool,
    /// One word for machines.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

impl From<Value> for SigningRequest {
    fn from(document: Value) -> Self {
        let text = |path: &str| {
            let text = document.pointer(path).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let texts = |path: &str| {
            let texts = document.pointer(path).and_then(Value::as_array);
            let texts = texts.into_iter().flatten();
            texts
                .filter_map(|text| text.as_str().map(str::to_owned))
                .collect()
        };
        let conditions = document
            .pointer("/status/conditions")
            .and_then(Value::as_array);
        let is_decision =
            |condition: &Value| matches!(condition["type"].as_str(), Some("Approved" | "Denied"));
        let is_decided = !text("/status/certificate").is_empty()
            || conditions.into_iter().flatten().any(is_decision);
        let mut request = Self {
            name: text("/metadata/name"),
            uid: text("/metadata/uid"),
            signer: text("/spec/signerName"),
            username: text("/spec/username"),
            groups: texts("/spec/groups"),
            usages: texts("/spec/usages"),
            expiration_seconds: document
                .pointer("/spec/expirationSeconds")
                .and_then(Value::as_i64),
            pem: BASE64_STANDARD
                .decode(text("/spec/request"))
                .unwrap_or_default(),
            is_decided,
            document: Value::Null,
        };
        match is_decided || request.pem.len() > LONGEST {
            true => request.pem = Vec::new(),
            false => request.document = document,
        }
        request
    }
}

impl Object for SigningRequest {
    type Document = Value;

    fn weight(&self) -> usize {
        // The document holds the request as text; the rest is small beside it.
        size_of::<Self>() + 4 * self.pem.len() + 1024
    }
}

impl SigningRequest {
    /// The object with the decision in it.
    fn decided(&self, decision: &Decision, now: SystemTime) -> Vec<u8> {
        let now = Timestamp::try_from(now).unwrap_or_default().to_string();
        let mut document = self.document.clone();
        let condition = json!({
            "type": if decision.is_approved { "Approved" } else { "Denied" },
            "status": "True",
            "reason": decision.reason,
            "message": decision.message,
            "lastUpdateTime": now,
            "lastTransitionTime": now,
        });
        let status = document.as_object_mut().map(|object| {
            object
                .entry("status")
                .or_insert_with(|| Value::Object(Map::new()))
        });
        let conditions = status.and_then(Value::as_object_mut).map(|status| {
            status
                .entry("conditions")
                .or_insert_with(|| Value::Array(Vec::new()))
        });
        if let Some(Value::Array(conditions)) = conditions {
            conditions.push(condition);
        }
        document.to_string().into_bytes()
    }
}

impl Live {
    /// Decides on a request, as it was when it was read.
    ///
    /// # Errors
    /// Why the API did not take it until the deadline; also where the request is another one by now.
    pub async fn decide(
        &self,
        request: &SigningRequest,
        decision: &Decision,
        deadline: Instant,
    ) -> Result<(), ClusterError> {
        let object = request.decided(decision, SystemTime::now());
        let call = Call::put_approval(&request.name, object)?;
        self.api.send(&call, deadline).await.map(drop)
    }

    /// Posts an event about a request, once.
    ///
    /// # Errors
    /// Why the API did not take it.
    pub async fn post_event_of_request(
        &self,
        request: &SigningRequest,
        event: &Event,
        component: &str,
        deadline: Instant,
    ) -> Result<(), ClusterError> {
        let about = About {
            // Where events are that are about no namespace.
            namespace: "default",
            name: &request.name,
            object: json!({
                "apiVersion": "certificates.k8s.io/v1",
                "kind": "CertificateSigningRequest",
                "name": request.name,
                "uid": request.uid,
            }),
            component,
        };
        let event = about.event(event, SystemTime::now(), 0).to_string();
        let call = Call::post_event(about.namespace, event.into_bytes())?;
        self.api.send_once(&call, deadline).await.map(drop)
    }
}

/// The requests for certificates of one signer, as a watch tells of them; each is handed out once, and again where it has
/// changed. The watch ends when this is dropped.
#[derive(Debug)]
pub struct SigningRequests {
    store: Arc<Store<SigningRequest>>,
    changes: watch::Receiver<()>,
    task: AbortHandle,
}

impl SigningRequests {
    /// Starts the watch as a task of the runtime that this is called in.
    ///
    /// # Errors
    /// The signer's name is none.
    pub fn start(
        live: &Arc<Live>,
        signer: &str,
        observer: &Arc<dyn Observer>,
    ) -> Result<Self, ClusterError> {
        let collection = Collection::signing_requests(signer)?;
        let store = Arc::new(Store::new(MOST));
        let silence = WatchOptions::default().silence;
        Ok(Self {
            changes: store.changes(),
            task: follow(live, collection, &store, silence, observer),
            store,
        })
    }

    /// Waits until something changes.
    pub async fn changed(&mut self) {
        // The store, and so the sender, lives as long as this.
        let _always = self.changes.changed().await;
    }

    /// What came since the last look, and whether more came than is kept: a new watch tells of the rest.
    #[must_use]
    pub fn take(&self) -> (Vec<Arc<SigningRequest>>, bool) {
        self.store.take()
    }
}

impl Drop for SigningRequests {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_is_kept_without_its_content() {
        // B1.112
        for status in [
            json!({"conditions": [{"type": "Approved"}]}),
            json!({"conditions": [{"type": "Failed"}, {"type": "Denied"}]}),
            json!({"certificate": "Zm9v"}),
        ] {
            let document =
                json!({"metadata": {"name": "a"}, "spec": {"request": "Zm9v"}, "status": status});
            let request = SigningRequest::from(document);
            assert!(request.is_decided && request.pem.is_empty());
            assert_eq!(request.document, Value::Null);
        }
    }

    #[test]
    fn of_a_request_that_is_far_too_long_nothing_is_kept() {
        let request = |length| {
            let text = BASE64_STANDARD.encode(vec![b'x'; length]);
            SigningRequest::from(json!({"metadata": {"name": "a"}, "spec": {"request": text}}))
        };
        assert_eq!(request(LONGEST).pem.len(), LONGEST);
        let long = request(LONGEST + 1);
        assert!(long.pem.is_empty() && !long.is_decided && long.document.is_null());
    }

    #[test]
    fn a_decision_is_one_condition_more() {
        let document = json!({
            "metadata": {"name": "a", "resourceVersion": "7"},
            "spec": {"request": "Zm9v", "groups": ["g"], "extra": {"kept": ["x"]}},
            "status": {"conditions": [{"type": "Failed"}]},
        });
        let request = SigningRequest::from(document);
        assert_eq!(
            (request.pem.as_slice(), request.is_decided),
            (&b"foo"[..], false)
        );
        let decision = Decision {
            is_approved: false,
            reason: "CSRDenied".into(),
            message: "no".into(),
        };
        let text = request.decided(&decision, SystemTime::UNIX_EPOCH);
        let object: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(object["metadata"]["resourceVersion"], "7");
        assert_eq!(object["spec"]["extra"]["kept"][0], "x");
        let conditions = object["status"]["conditions"].as_array().unwrap();
        assert_eq!(conditions.len(), 2);
        assert_eq!(conditions[1]["type"], "Denied");
        assert_eq!(conditions[1]["lastUpdateTime"], "1970-01-01T00:00:00Z");
        let bare = SigningRequest::from(json!({"metadata": {"name": "a"}}));
        let text = bare.decided(&decision, SystemTime::UNIX_EPOCH);
        let object: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(object["status"]["conditions"][0]["reason"], "CSRDenied");
    }
}
