//! `cert-approver` with the rights of the chart, on a real API.

use std::fs;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use suites::multus::program;
use suites::scene::until;
use testkit::apiserver::Identity;
use testkit::kube::{Client, Kubeconfig, User};
use testkit::process::{self, Server};

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
    a_kubeconfig_is_generated_with_what_is_approved();
    approver.kill().unwrap();
    approver.wait().unwrap();
}

/// 300 requests that are for no node, and together far longer than what is kept at a time, are left alone, and the one of a
/// node that comes after them is approved.
#[test]
fn requests_that_others_have_to_decide_on_keep_nobody_away() {
    let api = installed();
    let admin = api.client();
    let directory = tempfile::tempdir().unwrap();
    // Each is as long as one of which something is kept can be: together more than is kept.
    let pad = |name: String| {
        let mut object = request(&name, "somebody");
        let pem = BASE64_STANDARD
            .decode(object["spec"]["request"].as_str().unwrap())
            .unwrap();
        let text = [vec![b'\n'; (16 << 10) - pem.len()], pem].concat();
        object["spec"]["request"] = json!(BASE64_STANDARD.encode(text));
        object
    };
    for number in 0..300 {
        admin
            .post(REQUESTS, &pad(format!("a-padded-{number}")))
            .unwrap();
    }
    let node = api
        .certificate_for("system:node:node-3", "system:nodes")
        .unwrap();
    let node = Client::new(api.url(), api.ca(), &User::Certificate(node)).unwrap();
    node.post(REQUESTS, &request("z-last", "system:multus:node-3"))
        .unwrap();
    let mut approver = start(directory.path());
    until("the last one is decided", || {
        condition(admin, "z-last").is_some()
    });
    assert_eq!(condition(admin, "z-last").unwrap()["type"], "Approved");
    assert_eq!(condition(admin, "a-padded-0"), None);
    approver.kill().unwrap();
    approver.wait().unwrap();
}

/// `kubeconfig_generator` beside the approver (B1.102, B1.103, Q35).
#[track_caller]
fn a_kubeconfig_is_generated_with_what_is_approved() {
    let api = installed();
    let _signer = api.sign_requests(Duration::from_secs(3600)).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    let identity = api.certificate_for("system:node:node-1", "system:nodes");
    Kubeconfig {
        server: api.url(),
        ca: api.ca(),
        user: &User::Certificate(identity.unwrap()),
    }
    .write(&place("bootstrap"))
    .unwrap();
    let mut command = process::dies_with_us(program("multus-node"));
    command
        .arg("kubeconfig_generator")
        .arg(format!(
            "--bootstrap-config={}",
            place("bootstrap").display()
        ))
        .arg(format!("--certdir={}", directory.path().display()))
        .arg(format!(
            "--kubeconfig={}",
            place("run/kubeconfig").display()
        ))
        .env("MULTUS_NODE_NAME", "node-1");
    let generator = Server::start("kubeconfig_generator", command, &place("log")).unwrap();
    until("the kubeconfig is written", || {
        place("run/kubeconfig").exists()
    });

    let written: Value =
        serde_json::from_slice(&fs::read(place("run/kubeconfig")).unwrap()).unwrap();
    let pem = place("multus-client-current.pem");
    let user = json!({"client-certificate": pem, "client-key": pem});
    assert_eq!(
        written["users"][0],
        json!({"name": "default-auth", "user": user})
    );
    let cluster = &written["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], api.url());
    let ca = cluster["certificate-authority-data"].as_str().unwrap();
    let ca = String::from_utf8(BASE64_STANDARD.decode(ca).unwrap()).unwrap();
    let lines = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(lines(&ca), lines(api.ca()));
    let pem = fs::read_to_string(pem).unwrap();
    let who = Identity {
        certificate: pem.clone(),
        key: pem,
    };
    let client = Client::new(api.url(), api.ca(), &User::Certificate(who)).unwrap();
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let review = client
        .post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)
        .unwrap();
    assert_eq!(
        review["status"]["userInfo"]["username"],
        "system:multus:node-1"
    );

    generator.stop(Duration::from_secs(60)).unwrap();
    assert!(!place("run/kubeconfig").exists());
}
