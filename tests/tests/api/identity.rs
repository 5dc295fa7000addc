//! Which pod a sandbox belongs to, and what happens when it is another one by now.

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, NETWORK_STATUS};
use testkit::kube::UPSTREAMS_MANIFEST;
use testkit::proxy::Fault;

const SOME_UID: &str = "00000000-1111-2222-3333-444444444444";

/// The result for a pod that the API does not know, in each version.
fn empty_result(version: &str, netns: &str) -> Value {
    let interface = json!([{"name": "eth0", "sandbox": netns}]);
    match version {
        "0.1.0" | "0.2.0" => json!({
            "cniVersion": version,
            "ip4": {"ip": "0.0.0.0/0", "gateway": "0.0.0.0"},
            "dns": {},
        }),
        "0.3.0" | "0.3.1" | "0.4.0" => json!({
            "cniVersion": version,
            "interfaces": interface,
            "ips": [{"version": "4", "address": "0.0.0.0/0", "gateway": "0.0.0.0"}],
            "dns": {},
        }),
        _ => json!({
            "cniVersion": version,
            "interfaces": interface,
            "ips": [{"address": "0.0.0.0/0", "gateway": "0.0.0.0"}],
        }),
    }
}

#[test]
fn a_pod_that_the_api_does_not_know_gets_the_empty_result_in_the_version_asked_for() {
    // B4.12, B4.15, B4.24, B4.53, Q2, T3.19
    let node = ClusterNode::new("unknown");
    let pod = node.sandbox_of(&node.namespace, "ghost", SOME_UID);
    let before = node.snapshot();

    for version in [
        "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
    ] {
        let mut conf = node.scripted_conf();
        conf["cniVersion"] = json!(version);
        let result = node.add(&pod, &conf).result();
        assert_eq!(result, empty_result(version, &pod.container.netns));
    }

    assert_eq!(node.calls(), Vec::<String>::new());
    // It may be one of before Multus: what its DEL asks is in `requests`.
    node.del(&pod, &node.scripted_conf());
    node.nothing_left(&before, &[]);
    assert_eq!(node.requests(), ["get pods ghost 404"].repeat(7));
}

#[test]
fn a_sandbox_of_an_earlier_pod_of_the_same_name_is_refused() {
    // B4.14, Q24, T2.20, T3.17
    let node = ClusterNode::new("earlier");
    let pod = node.annotated_pod("web", &[]);
    let earlier = node.sandbox_of(&node.namespace, "earlier", SOME_UID);
    let args = earlier.container.args.replace("_NAME=earlier", "_NAME=web");
    let container = earlier.container.clone().with_args(&args);
    let before = node.snapshot();

    let answer = node.call("ADD", &container, &node.scripted_conf());

    let label = format!("Multus: [{}/web/{SOME_UID}]: ", node.namespace);
    let text = format!(
        "expected pod UID \"{SOME_UID}\" but got \"{}\" from Kube API",
        pod.uid
    );
    answer.refused(11, &[&label, &text]);
    assert_eq!(node.calls(), Vec::<String>::new());
    node.nothing_done(&before, &pod);
}

#[test]
fn a_static_pod_has_another_uid_in_the_api_than_in_its_sandbox() {
    // T7.3, B3.5, B4.14
    let node = ClusterNode::new("static");
    let source = ("kubernetes.io/config.source", "file");
    let pod = node.annotated_pod("web", &[source]);
    let args = pod.container.args.replace(&pod.uid, SOME_UID);
    let container = pod.container.clone().with_args(&args);

    node.call("ADD", &container, &node.scripted_conf()).good();

    assert_eq!(
        node.attachments_of(&pod),
        [("cluster".to_owned(), "eth0".to_owned())]
    );
    assert_eq!(node.events_of(&pod).len(), 1);
}

#[test]
fn a_pod_whose_source_is_the_api_is_no_static_pod() {
    // B3.5
    let node = ClusterNode::new("not-static");
    let source = ("kubernetes.io/config.source", "api");
    let pod = node.annotated_pod("web", &[source]);
    let args = pod.container.args.replace(&pod.uid, SOME_UID);
    let container = pod.container.clone().with_args(&args);

    let answer = node.call("ADD", &container, &node.scripted_conf());

    answer.refused(11, &["expected pod UID"]);
}

#[test]
fn a_runtime_that_tells_no_uid_means_whichever_pod_has_the_name() {
    // T2.20, B4.14
    let node = ClusterNode::new("no-uid");
    let pod = node.annotated_pod("web", &[]);
    let args = pod.container.args.replace(&pod.uid, "");
    let container = pod.container.clone().with_args(&args);

    node.call("ADD", &container, &node.scripted_conf()).good();

    assert_eq!(
        node.attachments_of(&pod),
        [("cluster".to_owned(), "eth0".to_owned())]
    );
}

/// Replaces the pod while its networks are being attached; the API itself has to notice.
#[track_caller]
fn replaced(node: &ClusterNode, method: &'static str) {
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();
    let (client, namespace) = (node.api.client().clone(), node.namespace.clone());
    let replace = Fault::after(move || {
        client.delete_pod(&namespace, "web").unwrap();
        client.create_pod(&namespace, "web", &[]).unwrap();
    });
    node.proxy().next(method, "/pods/web", [replace]);

    let answer = node.add(&pod, &node.scripted_conf());

    let text = "error setting the networks status: write status of pod";
    let label = format!("Multus: [{}/web/{}]: ", node.namespace, pod.uid);
    let reason = "it was replaced by another pod of this name";
    answer.refused(11, &[&label, text, reason]);
    node.nothing_left(&before, &[]);
    let status = node
        .api
        .client()
        .annotation(&node.namespace, "web", NETWORK_STATUS);
    assert_eq!(status.unwrap(), "");
}

#[test]
fn the_status_never_lands_on_a_pod_that_replaced_the_one_that_was_attached() {
    // B7.12, Q14, Q60
    replaced(&ClusterNode::behind_proxy("replaced"), "PATCH");
}

#[test]
fn the_status_never_lands_on_a_replacement_by_an_update_either() {
    // B7.12, Q14, Q60
    let node = ClusterNode::behind_proxy_with_rights("replaced", UPSTREAMS_MANIFEST);
    replaced(&node, "PUT");
}

#[test]
fn a_pod_that_is_deleted_while_it_is_attached_fails_the_add() {
    // B7.13, Q14
    for (rights, method) in [(testkit::kube::OURS, "PATCH"), (UPSTREAMS_MANIFEST, "PUT")] {
        let node = ClusterNode::behind_proxy_with_rights("deleted", rights);
        node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
        let pod = node.pod("web", "net-a");
        let before = node.snapshot();
        let (client, namespace) = (node.api.client().clone(), node.namespace.clone());
        let delete = Fault::after(move || client.delete_pod(&namespace, "web").unwrap());
        node.proxy().next(method, "/pods/web", [delete]);

        let answer = node.add(&pod, &node.scripted_conf());

        let reason = "error setting the networks status: write status of pod";
        answer.refused(11, &[reason, "it does not exist any more"]);
        node.nothing_left(&before, &[]);
    }
}
