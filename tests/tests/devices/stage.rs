//! Pods on a node with a cluster, and networks that take devices.

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, Pod};
use suites::node::NETWORKS;
use testkit::kubelet::{Answer, PodResources};
use testkit::scripted::{Call, Recorder};

/// Names the resource behind a definition.
pub(crate) const RESOURCE_NAME: &str = "k8s.v1.cni.cncf.io/resourceName";

pub(crate) const NIC: &str = "example.com/nic";
pub(crate) const OTHER: &str = "example.com/other";

/// What a network of this name gives to a pod: every capability that has to do with devices, one plugin, no address.
pub(crate) fn sriov(node: &ClusterNode, name: &str) -> Value {
    let mut network = node.scripted(name, "10.5.0.2/24");
    network["capabilities"] = json!({"deviceID": true, "CNIDeviceInfoFile": true});
    network
}

/// Creates a definition in the test's namespace whose network takes devices of a resource.
#[track_caller]
pub(crate) fn define(node: &ClusterNode, name: &str, resource: &str, config: &Value) {
    let annotations = [(RESOURCE_NAME, resource)];
    node.api
        .client()
        .create_definition(&node.namespace, name, &config.to_string(), &annotations)
        .expect("definitions can be created");
}

/// The kubelet's answer: these devices of [`NIC`] to the pod `web`, and more to others.
pub(crate) fn given(node: &ClusterNode, ids: &[&str]) -> Answer {
    Answer::Pods(vec![
        PodResources::with("elsewhere", "web", NIC, &["0000:99:00.0"]),
        PodResources::with(&node.namespace, "web", NIC, ids),
        PodResources::with(&node.namespace, "db", NIC, &["0000:99:00.1"]),
    ])
}

/// Calls of plugins with this verb, without those of the cluster's own network.
#[track_caller]
pub(crate) fn calls(node: &ClusterNode, verb: &str) -> Vec<Call> {
    let calls = Recorder::new(node.record()).calls_of(verb);
    let mut calls = calls.expect("the record can be read");
    calls.retain(|call| call.network() != "cluster");
    calls
}

/// `deviceID`, `pciBusID` and `runtimeConfig.deviceID` as a plugin was given them; empty where they were missing.
pub(crate) fn seen(call: &Call) -> [String; 3] {
    ["/deviceID", "/pciBusID", "/runtimeConfig/deviceID"]
        .map(|pointer| call.at(pointer).as_str().unwrap_or_default().to_owned())
}

/// The device in all three places.
pub(crate) fn everywhere(id: &str) -> [String; 3] {
    [id, id, id].map(str::to_owned)
}

/// A pod `web` that asks for these networks.
#[track_caller]
pub(crate) fn web(node: &ClusterNode, networks: &str) -> Pod {
    node.annotated_pod("web", &[(NETWORKS, networks)])
}
