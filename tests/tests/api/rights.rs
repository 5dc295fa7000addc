//! What `multus` needs to be allowed, and what it does with less.

use suites::cluster::ClusterNode;
use suites::node::NETWORKS;
use testkit::kube::{OURS, Rule, UPSTREAMS_MANIFEST};
use testkit::proxy::Fault;

pub(crate) const READ: [Rule; 2] = [
    Rule {
        groups: &[""],
        resources: &["pods"],
        verbs: &["get"],
    },
    Rule {
        groups: &["k8s.cni.cncf.io"],
        resources: &["network-attachment-definitions"],
        verbs: &["get"],
    },
];

pub(crate) const EVENTS: Rule = Rule {
    groups: &[""],
    resources: &["events"],
    verbs: &["create"],
};

#[test]
fn nothing_beyond_the_rights_of_our_manifest_is_asked_for() {
    // B8.12, Q59
    let node = ClusterNode::with_rights("ours", OURS);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(node.attachments_of(&pod).len(), 2);
    let networks = node
        .api
        .client()
        .annotation(&pod.namespace, "web", NETWORKS);
    assert_eq!(networks.unwrap(), "net-a");
    let refused: Vec<_> = node
        .requests()
        .into_iter()
        .filter(|line| line.ends_with("403"))
        .collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn without_the_right_to_patch_the_pod_is_read_and_updated() {
    // B7.11, B8.20
    let node = ClusterNode::with_rights("upstream", UPSTREAMS_MANIFEST);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.annotated_pod("web", &[("example.com/kept", "yes"), (NETWORKS, "net-a")]);

    node.add(&pod, &node.scripted_conf()).good();

    let mut requests = node.requests();
    let written = requests.iter().position(|line| line.contains("status"));
    assert_eq!(
        requests.split_off(written.unwrap()),
        [
            "patch pods/status web 403",
            "get pods web 200",
            "update pods/status web 200",
            "create events 201",
            "create events 201",
        ]
    );
    assert_eq!(node.attachments_of(&pod).len(), 2);
    let kept = node
        .api
        .client()
        .annotation(&pod.namespace, "web", "example.com/kept");
    assert_eq!(kept.unwrap(), "yes");
}

#[test]
fn an_update_that_another_writer_got_in_the_way_of_is_tried_again() {
    // B7.11
    let node = ClusterNode::behind_proxy_with_rights("conflict", UPSTREAMS_MANIFEST);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let write = writer(&node);
    node.proxy().next(
        "PUT",
        "/status",
        [Fault::after(write("one")), Fault::after(write("two"))],
    );

    node.add(&pod, &node.scripted_conf()).good();

    let updates: Vec<_> = node
        .requests()
        .into_iter()
        .filter(|line| line.starts_with("update"))
        .collect();
    assert_eq!(
        updates,
        [
            "update pods/status web 409",
            "update pods/status web 409",
            "update pods/status web 200",
        ]
    );
    assert_eq!(node.attachments_of(&pod).len(), 2);
    let other = node
        .api
        .client()
        .annotation(&pod.namespace, "web", "example.com/writer");
    assert_eq!(other.unwrap(), "two");
}

#[test]
fn a_pod_that_others_keep_writing_fails_the_add_after_five_updates() {
    // B7.11
    let node = ClusterNode::behind_proxy_with_rights("conflicts", UPSTREAMS_MANIFEST);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();
    let conflict = Fault::status(409, "Conflict");
    node.proxy().every("PUT", "/status", conflict);

    let answer = node.add(&pod, &node.scripted_conf());

    answer.refused(11, &["error setting the networks status", "409 Conflict"]);
    assert_eq!(node.proxy().seen("PUT", "/status").len(), 5);
    node.nothing_done(&before, &pod);
}

/// Makes another writer of the pod `web` for each text.
fn writer(node: &ClusterNode) -> impl Fn(&'static str) -> Box<dyn Fn() + Send + Sync> {
    let (client, path) = (
        node.api.client().clone(),
        format!("/api/v1/namespaces/{}/pods/web", node.namespace),
    );
    move |text| {
        let (client, path) = (client.clone(), path.clone());
        let patch = serde_json::json!({"metadata": {"annotations": {"example.com/writer": text}}});
        Box::new(move || drop(client.patch(&path, &patch).unwrap()))
    }
}

#[test]
fn a_status_that_may_not_be_written_fails_the_add_and_undoes_it() {
    let rights = [READ.as_slice(), &[EVENTS]].concat();
    let node = ClusterNode::with_rights("read-only", &rights);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();

    let answer = node.add(&pod, &node.scripted_conf());

    let text = format!(
        "error setting the networks status: write status of pod {}/web at",
        node.namespace
    );
    let label = format!("Multus: [{}/web/{}]: ", node.namespace, pod.uid);
    answer.refused(
        999,
        &[&label, &text, "403 Forbidden", "cannot update resource"],
    );
    node.nothing_done(&before, &pod);
    assert_eq!(
        node.calls(),
        [
            "ADD cluster eth0",
            "ADD net-a net1",
            "DEL net-a net1",
            "DEL cluster eth0"
        ]
    );
    let events = node.events_of(&pod);
    assert_eq!(events.len(), 1, "{events:?}");
    let begin = "Warning FailedAttachment error setting the networks status: write status of pod";
    assert!(events[0].starts_with(begin), "{events:?}");
}
