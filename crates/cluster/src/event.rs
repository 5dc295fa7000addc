//! Events on pods (B7.20–B7.23), on nodes, and on what else speaks of what became of it.

use std::time::{SystemTime, UNIX_EPOCH};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use crate::text::cut;
use plan::PodRef;

/// Who speaks.
const COMPONENT: &str = "multus";
/// What the API accepts.
const LONGEST_NAME: usize = 253;
const LONGEST_MESSAGE: usize = 1024;
const LONGEST_REASON: usize = 128;

/// How grave it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// As intended.
    Normal,
    /// Somebody should know.
    Warning,
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A pod.
    Pod(PodRef),
    /// A node, by its name.
    Node(String),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// How grave it is.
    pub kind: EventType,
    /// One word for machines, such as `AddedInterface`.
    pub reason: String,
    /// A sentence for people; what is beyond 1,024 bytes is cut.
    pub message: String,
}

/// What an event is about, and who speaks.
pub(crate) struct About<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// Its reference.
    pub(crate) object: Value,
    pub(crate) component: &'a str,
}

impl Subject {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Pod(pod) => &pod.name,
            Self::Node(name) => name,
        }
    }

    /// Where its events are: those of nodes, which have no namespace, where everybody looks for them.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Pod(pod) => &pod.namespace,
            Self::Node(_) => "default",
        }
    }

    fn about(&self) -> About<'_> {
        About {
            namespace: self.namespace(),
            name: self.name(),
            object: self.reference(),
            component: COMPONENT,
        }
    }

    fn reference(&self) -> Value {
        match self {
            Self::Pod(pod) => json!({
                "apiVersion": "v1",
                "kind": "Pod",
                "namespace": pod.namespace,
                "name": pod.name,
                "uid": pod.uid,
            }),
            // As the kubelet has it: `kubectl describe node` looks for this UID.
            Self::Node(name) => json!({
                "apiVersion": "v1",
                "kind": "Node",
                "name": name,
                "uid": name,
            }),
        }
    }
}

/// The object to post. `number` tells events of the same moment from each other.
pub(crate) fn object(about: &Subject, event: &Event, now: SystemTime, number: usize) -> Value {
    about.about().event(event, now, number)
}

/// The same under a name that a pod's event of this reason has alone: the API takes it once.
pub(crate) fn only_object(pod: &PodRef, event: &Event, now: SystemTime) -> Value {
    let about = Subject::Pod(pod.clone());
    let suffix = format!(".{}.{}", event.reason.to_lowercase(), pod.uid);
    about
        .about()
        .event_named(event, now, &suffixed(&pod.name, &suffix))
}

impl About<'_> {
    /// The object to post.
    pub(crate) fn event(&self, event: &Event, now: SystemTime, number: usize) -> Value {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanoseconds = since.as_nanos() + u128::try_from(number).unwrap_or_default();
        self.event_named(event, now, &name(self.name, nanoseconds))
    }

    fn event_named(&self, event: &Event, now: SystemTime, name: &str) -> Value {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
        let time = Timestamp::from_second(seconds)
            .unwrap_or_default()
            .to_string();
        let mut message = event.message.clone();
        cut(&mut message, LONGEST_MESSAGE);
        let mut reason = event.reason.clone();
        cut(&mut reason, LONGEST_REASON);
        json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": self.namespace, "name": name},
            "involvedObject": self.object,
            "type": match event.kind {
                EventType::Normal => "Normal",
                EventType::Warning => "Warning",
            },
            "reason": reason,
            "message": message,
            "source": {"component": self.component},
            "reportingComponent": self.component,
            // Without an eventTime: that is for events of the newer kind, which have neither count nor source.
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        })
    }
}

/// `<pod>.<hex nanoseconds>` (B7.23); a long pod name is cut so that the name stays one.
fn name(pod: &str, nanoseconds: u128) -> String {
    suffixed(pod, &format!(".{nanoseconds:x}"))
}

fn suffixed(pod: &str, suffix: &str) -> String {
    let most = LONGEST_NAME.saturating_sub(suffix.len());
    let pod = pod.get(..most).unwrap_or(pod).trim_end_matches(['-', '.']);
    format!("{pod}{suffix}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pod(name: &str) -> Subject {
        Subject::Pod(PodRef {
            namespace: "ns".into(),
            name: name.into(),
            uid: "u-1".into(),
        })
    }

    fn at() -> SystemTime {
        UNIX_EPOCH + Duration::new(1_700_000_000, 5)
    }

    #[test]
    fn an_event_is_one_about_the_pod_b7_20_b7_23() {
        // B5.4, B7.20, B7.23, B10.32
        let event = Event {
            kind: EventType::Normal,
            reason: "AddedInterface".into(),
            message: "Add net1 [1.1.1.3/24] from ns/net".into(),
        };
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"namespace": "ns", "name": "web.17979cfe362a0005"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "ns", "name": "web", "uid": "u-1"},
            "type": "Normal",
            "reason": "AddedInterface",
            "message": "Add net1 [1.1.1.3/24] from ns/net",
            "source": {"component": "multus"},
            "reportingComponent": "multus",
            "firstTimestamp": "2023-11-14T22:13:20Z",
            "lastTimestamp": "2023-11-14T22:13:20Z",
            "count": 1,
        });
        assert_eq!(object(&pod("web"), &event, at(), 0), expected);
        let next = object(&pod("web"), &event, at(), 1);
        assert_eq!(next["metadata"]["name"], "web.17979cfe362a0006");
    }

    #[test]
    fn an_event_that_is_posted_once_has_the_same_name_each_time() {
        let event = Event {
            kind: EventType::Warning,
            reason: "NetworksMissing".into(),
            message: "m".into(),
        };
        let Subject::Pod(web) = pod("web") else {
            panic!("a pod is none");
        };
        for at in [at(), at() + Duration::from_secs(1)] {
            let object = only_object(&web, &event, at);
            assert_eq!(object["metadata"]["name"], "web.networksmissing.u-1");
            assert_eq!(object["involvedObject"]["uid"], "u-1");
        }
    }

    #[test]
    fn an_event_of_a_node_is_where_people_look_for_it() {
        let event = Event {
            kind: EventType::Warning,
            reason: "ConfigurationRepaired".into(),
            message: "m".into(),
        };
        let object = object(&Subject::Node("n-1".into()), &event, at(), 0);
        assert_eq!(object["metadata"]["namespace"], "default");
        let node = json!({"apiVersion": "v1", "kind": "Node", "name": "n-1", "uid": "n-1"});
        assert_eq!(object["involvedObject"], node);
    }

    #[test]
    fn a_long_message_is_cut_to_what_the_api_takes() {
        let event = Event {
            kind: EventType::Warning,
            reason: "NoNetworkFound".into(),
            message: "ä".repeat(2000),
        };
        let object = object(&pod("web"), &event, at(), 0);
        assert!(object["message"].as_str().unwrap().len() <= LONGEST_MESSAGE);
        assert_eq!(object["type"], "Warning");
    }

    #[test]
    fn a_long_pod_name_leaves_a_valid_event_name() {
        for name in [
            "a".repeat(253),
            format!("{}-{}", "a".repeat(235), "b".repeat(17)),
        ] {
            let name = super::name(&name, 1_700_000_000_000_000_005);
            assert!(name.len() <= LONGEST_NAME, "{name}");
            assert!(!name.contains("-."), "{name}");
        }
    }
}
