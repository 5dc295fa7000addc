//! The API's authority changes: its certificate is signed by another one, and who is believed is written anew. The daemon goes on.

use std::fs;

use serde_json::Value;
use suites::multus::program;
use suites::node::read_json;
use suites::scene::until;
use suites::thick::{Daemon, ThickNode};
use testkit::kube::{Kubeconfig, NODE, User};

use crate::certificates::Certified;

/// Where a pod finds who it is and whom it may believe.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// A node whose daemon has nothing but its pod's service account.
#[track_caller]
fn in_cluster(name: &str) -> (ThickNode, Daemon) {
    let node = ThickNode::with_api_of_its_own(name);
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let mut config: Value = read_json(&node.config);
    config.as_object_mut().unwrap().remove("kubeconfig");
    fs::write(&node.config, config.to_string()).unwrap();
    let script =
        format!("mkdir -p {ACCOUNT}; mount -t tmpfs tmpfs {ACCOUNT}; cp \"$1\" {ACCOUNT}/");
    let token = node.file("token", node.token());
    let mounted = node.world.command("sh").args(["-ec", &script, "sh"]);
    mounted.arg(token).check().unwrap();
    believe(&node, node.api.ca());
    let address = node.api.address();
    let command = node.world.command(program("multus-daemon"));
    let command = command
        .env("KUBERNETES_SERVICE_HOST", address.ip().to_string())
        .env("KUBERNETES_SERVICE_PORT", address.port().to_string());
    let daemon = node.start_by(command);
    node.until_ready();
    (node, daemon)
}

/// Writes the file with the authorities that a pod may believe.
#[track_caller]
fn believe(node: &ThickNode, authorities: &str) {
    let file = node.file("ca.crt", authorities);
    let script = format!("cp \"$1\" {ACCOUNT}/.new; mv {ACCOUNT}/.new {ACCOUNT}/ca.crt");
    let copied = node.world.command("sh").args(["-ec", &script, "sh"]);
    copied.arg(file).check().unwrap();
}

/// A pod gets its networks, and its status.
#[track_caller]
fn attaches(node: &ThickNode, name: &str) {
    let pod = node.pod(name, "net-a");
    node.add(&pod, &node.generated()).good();
    assert_eq!(node.attachments_of(&pod).len(), 2, "{name}");
}

/// The watches have gone on: they tell of pods again.
#[track_caller]
fn until_known(node: &ThickNode, pods: usize) {
    let line = format!("[+]pods: {pods} known");
    until(&line, || {
        node.ask("/readyz")
            .is_some_and(|(_, text)| text.contains(&line))
    });
}

#[test]
fn an_authority_that_is_believed_before_it_signs_fails_no_attachment() {
    let (node, daemon) = in_cluster("authority");
    attaches(&node, "before");
    let old = node.api.ca().to_owned();
    // Who has the next one's certificate writes it beside the old one's.
    let next = node.api.next_authority().to_owned();
    believe(&node, &format!("{old}{next}"));
    attaches(&node, "between");

    node.api.change_authority().unwrap();

    attaches(&node, "after");
    until_known(&node, 3);
    believe(&node, &next);
    attaches(&node, "alone");
    let log = daemon.stop().stderr_text();
    assert!(!log.contains("401 Unauthorized"), "{log}");
}

#[test]
fn an_authority_that_is_believed_late_is_waited_for() {
    let (node, mut daemon) = in_cluster("authority-late");
    attaches(&node, "before");
    let plain = node.annotated_pod("plain", &[]);
    until_known(&node, 2);
    let next = node.api.change_authority().unwrap().to_owned();

    // Nobody is told anything over a connection that may be a stranger's.
    let conf = node.generated();
    node.add(&plain, &conf).good();
    let own = node.pod("own", "net-a");
    let before = node.snapshot();
    let (_, message) = node.add(&own, &conf).error();
    assert!(message.contains("invalid peer certificate"), "{message}");
    node.nothing_left(&before, &[]);
    assert_eq!(node.ask("/readyz").unwrap().0, 200);

    believe(&node, &next);

    node.add(&own, &conf).good();
    assert_eq!(node.attachments_of(&own).len(), 2);
    assert_eq!(node.attachments_once(&plain).len(), 1);
    until_known(&node, 3);
    assert!(daemon.0.is_running().unwrap());
}

#[test]
fn certificates_of_the_node_are_renewed_from_an_api_with_another_authority() {
    // B6.81–B6.86
    let certified = Certified::on(ThickNode::with_api_of_its_own("authority-certs"));
    let node = &certified.node;
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let _signer = certified.sign(45);
    certified.approving(|| {
        let mut daemon = node.started();
        attaches(node, "before");
        let kubelet = node
            .api
            .certificate_for(&format!("system:node:{NODE}"), "system:nodes");
        let next = node.api.change_authority().unwrap();
        Kubeconfig {
            server: node.api.url(),
            ca: next,
            user: &User::Certificate(kubelet.unwrap()),
        }
        .write(&certified.bootstrap)
        .unwrap();

        attaches(node, "after");

        let first = certified.current();
        until("there is another certificate", || {
            certified.current() != first
        });
        attaches(node, "renewed");
        until_known(node, 3);
        assert!(daemon.0.is_running().unwrap());
    });
}
