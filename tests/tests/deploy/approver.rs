//! `cert-approver` with the rights of the chart, on a real API.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use suites::multus::program;
use suites::scene::until;
use testkit::kube::{Client, User};
use testkit::process;

use crate::stage::installed;

const REQUESTS: &str = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

/// Starts the program as it runs in a pod: with an account in the place where pods have it.
fn start(directory: &std::path::Path) -> std::process::Child {
    let api = installed();
    let token = api
        .client()
        .token("kube-system", "multus-cert-approver")
        .unwrap();
    fs::write(directory.join("token"), token).unwrap();
    fs::write(directory.join("ca.crt"), api.ca()).unwrap();
    let script = "mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount \
        && cp \"$1\"/* /run/secrets/kubernetes.io/serviceaccount && exec \"$2\" cert-approver";
    let mut command: Command = process::dies_with_us("unshare");
    command
        .args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            script,
            "sh",
        ])
        .arg(directory)
        .arg(program("multus-node"))
        .env("KUBERNETES_SERVICE_HOST", api.ip().to_string())
        .env("KUBERNETES_SERVICE_PORT", api.address().port().to_string());
    process::spawn(command).unwrap()
}

/// A request for a certificate, as a node's Multus makes it.
fn request(name: &str, common_name: &str) -> Value {
    let pem = testkit::apiserver::signing_request(common_name, "system:multus").unwrap();
    json!({
        "apiVersion": "certificates.k8s.io/v1",
        "kind": "CertificateSigningRequest",
        "metadata": {"name": name},
        "spec": {
            "request": BASE64_STANDARD.encode(pem),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["digital signature", "client auth"],
            "expirationSeconds": 600,
        },
    })
}

fn condition(client: &Client, name: &str) -> Option<Value> {
    let object = client.get(&format!("{REQUESTS}/{name}")).unwrap();
    object["status"]["conditions"].get(0).cloned()
}

#[test]
fn requests_of_nodes_are_approved_and_those_for_another_node_denied() {
    // B1.110, B1.114, B1.115, Q37
    let api = installed();
    let admin = api.client();
    let node = api
        .certificate_for("system:node:node-1", "system:nodes")
        .unwrap();
    let node = Client::new(api.url(), api.ca(), &User::Certificate(node)).unwrap();
    // One that is there before, and one that comes later.
    node.post(REQUESTS, &request("early", "system:multus:node-1"))
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut approver = start(directory.path());
    until("the early one is decided", || {
        condition(admin, "early").is_some()
    });
    node.post(REQUESTS, &request("other", "system:multus:node-2"))
        .unwrap();
    node.post(REQUESTS, &request("foreign", "somebody"))
        .unwrap();
    until("the later one is decided", || {
        condition(admin, "other").is_some()
    });

    let early = condition(admin, "early").unwrap();
    assert_eq!(
        (&early["type"], &early["reason"]),
        (&json!("Approved"), &json!("AutoApproved"))
    );
    let other = condition(admin, "other").unwrap();
    assert_eq!(
        (&other["type"], &other["reason"]),
        (&json!("Denied"), &json!("CSRDenied"))
    );
    let cause = "common name \"system:multus:node-2\" is not \"system:multus:node-1\"";
    assert_eq!(other["message"], cause);
    assert_eq!(condition(admin, "foreign"), None);
    let told = || {
        let events = admin.get("/api/v1/namespaces/default/events").unwrap();
        let mut reasons: Vec<String> = events["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["source"]["component"] == "cert-approver")
            .map(|event| {
                let name = event["involvedObject"]["name"].as_str().unwrap();
                format!("{name} {}", event["reason"].as_str().unwrap())
            })
            .collect();
        reasons.sort();
        reasons
    };
    until("both are told", || {
        told() == ["early CSRApproved", "other CSRDenied"]
    });
    approver.kill().unwrap();
    approver.wait().unwrap();
}
