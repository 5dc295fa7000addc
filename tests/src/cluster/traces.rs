//! What a call left behind: on the pod, in the API's audit log, on the node.

use std::path::{Path, PathBuf};

use serde_json::Value;
use testkit::apiserver::AuditEvent;
use testkit::kube::Event;
use testkit::leaks::Snapshot;
use testkit::scripted::Recorder;

use super::{ClusterNode, NETWORK_STATUS, Pod};
use crate::errors::PAGE;

impl ClusterNode {
    /// Where scripted networks record their calls.
    pub fn record(&self) -> PathBuf {
        self.node.world.directory().join("record")
    }

    /// What scripted networks were asked, as `ADD net-a eth0`.
    #[track_caller]
    pub fn calls(&self) -> Vec<String> {
        let recorder = Recorder::new(self.record());
        recorder.summary().expect("the record can be read")
    }

    /// The network status of a pod, as it stands there; empty without one.
    #[track_caller]
    pub fn status_of(&self, pod: &Pod) -> String {
        self.settle();
        let client = self.api.client();
        client
            .annotation(&pod.namespace, &pod.name, NETWORK_STATUS)
            .expect("the pod can be read")
    }

    /// Name and interface of each entry of the network status.
    #[track_caller]
    pub fn attachments_of(&self, pod: &Pod) -> Vec<(String, String)> {
        let status: Value =
            serde_json::from_str(&self.status_of(pod)).expect("the network status is JSON");
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = status.as_array().expect("the network status is a list");
        entries
            .iter()
            .map(|entry| (text(entry, "name"), text(entry, "interface")))
            .collect()
    }

    /// The events about a pod (this one, not another of its name), as `Normal AddedInterface text`, sorted.
    #[track_caller]
    pub fn events_of(&self, pod: &Pod) -> Vec<String> {
        self.settle();
        let Pod { namespace, uid, .. } = pod;
        let selector = format!("involvedObject.kind%3DPod%2CinvolvedObject.uid%3D{uid}");
        let path = format!("/api/v1/namespaces/{namespace}/events?fieldSelector={selector}");
        let list = self.api.client().get(&path).expect("events can be read");
        let events = list["items"].as_array().expect("a list has items");
        let events = events.iter().map(Event::from);
        let line = |event: Event| format!("{} {} {}", event.kind, event.reason, event.message);
        let mut lines: Vec<String> = events.map(line).collect();
        lines.sort();
        lines.iter().for_each(|line| PAGE.expect_event(line));
        lines
    }

    /// What `multus` asked the API and what that answered, in order, as `get pods web 200`; without what the daemon asks for
    /// its watches.
    #[track_caller]
    pub fn requests(&self) -> Vec<String> {
        self.settle();
        let (user, audit) = (
            self.user(),
            self.api.audit().expect("the audit log can be read"),
        );
        let own = audit.iter().filter(|event| event.user == user);
        let is_watch = |event: &&AuditEvent| {
            let lists = event.verb == "watch" || event.verb == "list";
            self.daemon.is_some() && lists && event.resource != "resourceslices"
        };
        let own = own.filter(|event| !is_watch(event));
        own.skip(self.asked).map(request).collect()
    }

    /// The ADD failed and undid everything: nothing is left, and the pod has no network status.
    #[track_caller]
    pub fn nothing_done(&self, before: &Snapshot, pod: &Pod) {
        self.node.nothing_left(before, &[]);
        assert_eq!(self.status_of(pod), "");
    }
}

/// A request in one line. An event's name says nothing, and neither does the group of a resource.
fn request(event: &AuditEvent) -> String {
    let AuditEvent {
        verb,
        resource,
        subresource,
        name,
        code,
        ..
    } = event;
    let name = if resource == "events" { "" } else { name };
    let words = [
        verb.as_str(),
        &Path::new(resource).join(subresource).to_string_lossy(),
        name,
        &code.to_string(),
    ]
    .map(str::to_owned);
    words
        .into_iter()
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_end_matches('/').to_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
