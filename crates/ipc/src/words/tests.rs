//! Plugin and daemon of neighbouring releases understand each other (user-pain row 15): the words as they stand now are golden.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;

/// The words `all` read back as they are written; those of `needed` alone are enough; others may be missing, and more may
/// be there, in the document and in each of the objects at `inside`.
#[track_caller]
fn both_ways<T>(all: &Value, needed: &[&str], inside: &[&str])
where
    T: Serialize + DeserializeOwned + PartialEq + Debug,
{
    let read = |value: &Value| gojson::from_slice::<T>(value.to_string().as_bytes());
    let words = read(all).unwrap();
    assert_eq!(serde_json::to_value(&words).unwrap(), *all);
    for key in all.as_object().unwrap().keys() {
        let mut earlier = all.clone();
        earlier.as_object_mut().unwrap().remove(key);
        assert_eq!(
            read(&earlier).is_err(),
            needed.contains(&key.as_str()),
            "{key}"
        );
    }
    let mut least = all.clone();
    let keys = least.as_object_mut().unwrap();
    keys.retain(|key, _| needed.contains(&key.as_str()));
    read(&least).unwrap();
    for place in [""].iter().chain(inside) {
        let mut later = all.clone();
        later.pointer_mut(place).unwrap()["cameLater"] = json!({"a": [1]});
        assert_eq!(read(&later).unwrap(), words, "{place}");
    }
}

fn pod() -> Value {
    json!({"namespace": "shop", "name": "web", "uid": "u"})
}

fn runs() -> Value {
    json!([{"verb": "ADD", "network": "shop/lan", "plugin": "macvlan", "micros": 7, "failed": true}])
}

#[test]
fn a_request_for_a_plan_is_understood_by_neighbouring_releases() {
    let all = json!({
        "containerID": "c", "ifname": "eth0", "netns": "/n", "args": "A=b", "config": "{}",
        "patience": 59_000,
    });
    let needed = ["containerID", "ifname", "netns", "args", "config"];
    both_ways::<PlanRequest>(&all, &needed, &[]);
}

#[test]
fn a_plan_is_understood_by_neighbouring_releases() {
    let attachment = json!({
        "name": "shop/lan",
        "config": "{}",
        "ifname": "net1",
        "args": [["A", "b"]],
        "capabilityArgs": {"ips": []},
        "requests": {
            "interface": "net1", "mac": "m", "infinibandGuid": "g", "ips": ["10.0.0.9/24"],
            "portMappings": [], "defaultRoute": ["10.0.0.1"],
            "deviceId": "d", "resourceName": "r", "optional": true,
        },
        "routes": {"removeV4": true, "removeV6": false, "add": ["10.0.0.1"]},
    });
    let all = json!({
        "podUnknown": true, "pod": pod(), "attachments": [attachment], "warnings": ["odd"],
        "owesStatus": true,
    });
    let inside = [
        "/pod",
        "/attachments/0",
        "/attachments/0/requests",
        "/attachments/0/routes",
    ];
    both_ways::<PlanReply>(&all, &[], &inside);
    both_ways::<AttachmentWords>(&attachment, &["name", "config", "ifname"], &[]);
}

#[test]
fn what_became_of_a_plan_is_understood_by_neighbouring_releases() {
    let commit = json!({
        "pod": pod(), "containerID": "c", "networkStatus": "[]",
        "added": [{"ifname": "net1", "addresses": ["10.0.0.9/24"], "network": "shop/lan"}],
        "failed": ["why"], "isStatusOwed": true, "patience": 7, "left": 8, "runs": runs(),
    });
    let needed = ["pod", "containerID", "networkStatus"];
    both_ways::<Commit>(&commit, &needed, &["/pod", "/added/0", "/runs/0"]);
    let failed = json!({"pod": pod(), "containerID": "c", "reason": "why", "runs": runs()});
    both_ways::<Failed>(&failed, &["pod", "containerID", "reason"], &["/pod"]);
    let detached = json!({"containerID": "c", "left": ["why"], "runs": runs()});
    both_ways::<Detached>(&detached, &["containerID"], &["/runs/0"]);
}

#[test]
fn a_question_for_the_status_is_understood_by_neighbouring_releases() {
    both_ways::<StatusRequest>(&json!({"config": "{}"}), &["config"], &[]);
    both_ways::<StatusReply>(&json!({"defaultNetwork": "{}"}), &[], &[]);
}
