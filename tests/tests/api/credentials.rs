//! Where `multus` finds the API and who it is there: kubeconfigs of every kind, and the service account of a pod.

use std::time::Duration;

use serde_json::{Value, json};
use suites::cluster::ClusterNode;
use testkit::apiserver::Identity;
use testkit::kube::User;

/// A kubeconfig with these lines for the user, and one for the authority that certified the API.
fn kubeconfig(node: &ClusterNode, user: &str, authority: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\n\
         contexts: [{{name: main, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{}', {authority}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n",
        node.url()
    )
}

/// The authority's certificate, in a file beside the kubeconfig.
const CA: &str = "certificate-authority: ca.crt";

/// A node with that file.
fn node(name: &str) -> ClusterNode {
    let node = ClusterNode::new(name);
    node.file("ca.crt", node.api.ca());
    node
}

/// ADD of a new pod with the kubeconfig as it is now.
#[track_caller]
fn attaches(node: &ClusterNode, pod: &str) {
    let pod = node.annotated_pod(pod, &[]);
    node.add(&pod, &node.scripted_conf()).good();
    assert_eq!(node.attachments_of(&pod).len(), 1);
}

#[test]
fn a_kubeconfig_has_a_token_or_names_a_file_with_one() {
    // B5.1
    let node = node("token");
    let token = node.token();
    node.write_kubeconfig(&User::Token(token.clone()));
    attaches(&node, "inline");
    let file = node.file("token", format!("{token}\n"));
    for (pod, user) in [
        ("file", format!("tokenFile: {}", file.display())),
        ("beside", "tokenFile: token".to_owned()),
    ] {
        node.file("kubeconfig", kubeconfig(&node, &user, CA));
        attaches(&node, pod);
    }
}

#[test]
fn a_kubeconfig_has_a_client_certificate_or_names_its_files() {
    // B5.1
    let node = node("certificate");
    let identity = node
        .api
        .certificate_for(&node.user(), "system:serviceaccounts")
        .unwrap();
    node.write_kubeconfig(&User::Certificate(identity.clone()));
    attaches(&node, "inline");
    node.file("client.crt", identity.certificate);
    node.file("client.key", identity.key);
    let user = "client-certificate: client.crt, client-key: client.key";
    node.file("kubeconfig", kubeconfig(&node, user, CA));
    attaches(&node, "files");
    let requests = node.requests();
    assert_eq!(requests.len(), 6, "{requests:?}");
}

/// A kubeconfig whose user is whoever this shell script says.
#[track_caller]
fn plugin(node: &ClusterNode, script: &str) {
    let script = node.file("get-token", script);
    let user = format!(
        "exec: {{apiVersion: client.authentication.k8s.io/v1, command: sh, args: [{}], interactiveMode: Never}}",
        script.display()
    );
    node.file("kubeconfig", kubeconfig(node, &user, CA));
}

#[test]
fn a_kubeconfig_names_a_program_that_gets_a_token() {
    // B5.1
    let node = node("exec");
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": node.token()},
    });
    plugin(&node, &format!("echo '{credential}'"));
    attaches(&node, "web");
}

#[test]
fn a_program_that_gets_no_token_fails_the_add_in_time() {
    let node = node("exec-fails");
    let conf = node.impatient_conf();
    for (script, text) in [
        ("exit 3", "credential plugin ended with exit status: 3"),
        (
            "echo sesame",
            "credential plugin's answer is not an ExecCredential",
        ),
        (
            "exec sleep 300",
            "credential plugin did not end within 2.0 s",
        ),
    ] {
        plugin(&node, script);
        let error = fails(&node, &conf, 999, &["get credentials for", text]);
        assert!(!error.contains("sesame"), "{error}");
    }
}

/// ADD fails with this code and these texts, quickly, and nothing is left.
#[track_caller]
fn fails(node: &ClusterNode, conf: &Value, code: u64, texts: &[&str]) -> String {
    let pod = node.sandbox_of(&node.namespace, "web", "");
    let before = node.snapshot();
    let answer = node.add(&pod, conf);
    answer.refused(code, texts);
    assert!(
        answer.0.took < Duration::from_secs(45),
        "{:?}",
        answer.0.took
    );
    node.nothing_left(&before, &[]);
    assert_eq!(node.calls(), Vec::<String>::new());
    pod.sandbox.destroy().unwrap();
    answer.error().1
}

#[test]
fn a_kubeconfig_that_cannot_be_read_is_named() {
    // B2.13, B4.21, B5.1, T2.15, T2.20
    let node = ClusterNode::new("unreadable");
    let mut conf = node.scripted_conf();
    let folder = node.world.folder("folder").unwrap();
    for (path, reason) in [
        (
            node.world.directory().join("missing"),
            "No such file or directory",
        ),
        (folder, "Is a directory"),
    ] {
        conf["kubeconfig"] = json!(path);
        let text = format!(
            "error getting k8s client: read kubeconfig {}: {reason}",
            path.display()
        );
        fails(&node, &conf, 999, &[&text]);
    }
}

#[test]
fn a_kubeconfig_that_is_none_is_told_without_what_is_in_it() {
    let node = node("garbage");
    let conf = node.scripted_conf();
    for text in [
        "token: [sesame]".to_owned(),
        "sesame".to_owned(),
        kubeconfig(&node, "token: [sesame]", CA),
        kubeconfig(&node, "client-certificate-data: sesame", CA),
        kubeconfig(&node, "token: sesame", "certificate-authority-data: sesame"),
        kubeconfig(&node, "tokenFile: missing", CA),
    ] {
        node.file("kubeconfig", &text);
        let error = fails(&node, &conf, 999, &["error getting k8s client: "]);
        assert!(!error.contains("sesame"), "{error}");
    }
}

#[test]
fn a_token_that_the_api_does_not_know_is_never_shown() {
    let node = ClusterNode::new("stranger");
    node.write_kubeconfig(&User::Token("open-sesame".to_owned()));
    let error = fails(&node, &node.scripted_conf(), 999, &["401 Unauthorized"]);
    assert!(!error.contains("sesame"), "{error}");
}

#[test]
fn an_api_with_the_certificate_of_somebody_else_is_not_believed() {
    let node = ClusterNode::new("impostor");
    let Identity { certificate, .. } = node.api.certificate_for("nobody", "nobody").unwrap();
    node.file("ca.crt", certificate);
    let user = format!("token: {}", node.token());
    node.file("kubeconfig", kubeconfig(&node, &user, CA));
    fails(
        &node,
        &node.scripted_conf(),
        999,
        &["invalid peer certificate"],
    );
    assert_eq!(node.requests(), Vec::<String>::new());
}

/// Puts the service account where a pod has it, inside the node.
#[track_caller]
fn mount_service_account(node: &ClusterNode, token: &str) {
    let (token, ca) = (
        node.file("token", token),
        node.file("ca.crt", node.api.ca()),
    );
    let script = "d=/var/run/secrets/kubernetes.io/serviceaccount; mkdir -p $d; mount -t tmpfs tmpfs $d; cp \"$1\" \"$2\" $d/";
    node.world
        .command("sh")
        .args(["-ec", script, "sh"])
        .args([token, ca])
        .check()
        .unwrap();
}

#[test]
fn without_a_kubeconfig_the_service_account_of_the_pod_is_used() {
    // B10.17, B10.26, B5.1
    let node = ClusterNode::new("in-cluster");
    mount_service_account(&node, &node.token());
    let pod = node.annotated_pod("web", &[]);
    let mut conf = node.scripted_conf();
    conf.as_object_mut().unwrap().remove("kubeconfig");
    let address = node.api.address();
    let container = pod
        .container
        .clone()
        .with_variable("KUBERNETES_SERVICE_HOST", address.ip().to_string())
        .with_variable("KUBERNETES_SERVICE_PORT", address.port().to_string());

    node.call("ADD", &container, &conf).good();

    assert_eq!(node.attachments_of(&pod).len(), 1);
}

#[test]
fn without_kubeconfig_and_service_account_there_is_no_kubernetes() {
    // B2.140, B2.142, B4.10, B4.47, B5.1, B7.15, B10.26, T2.15, T2.20
    let node = ClusterNode::new("none");
    let pod = node.pod("web", "net-a");
    let mut conf = node.scripted_conf();
    conf.as_object_mut().unwrap().remove("kubeconfig");
    // Half of the environment is none.
    let container = pod
        .container
        .clone()
        .with_variable("KUBERNETES_SERVICE_HOST", "192.0.2.1")
        .with_variable("KUBERNETES_SERVICE_PORT", "");

    let answer = node.call("ADD", &container, &conf);
    answer.good();
    // Which is no fault: nothing is logged.
    assert_eq!(answer.0.stderr_text(), "");

    assert_eq!(node.calls(), ["ADD cluster eth0"]);
    assert_eq!(node.requests(), Vec::<String>::new());
    assert_eq!(node.status_of(&pod), "");

    // Nobody knows a cluster network then.
    node.call("DEL", &container, &conf).silent();
    conf.as_object_mut().unwrap().remove("delegates");
    conf["clusterNetwork"] = json!("cluster");
    let text = "GetDefaultNetworks: must have either Kubernetes config or delegates";
    node.call("ADD", &container, &conf).refused(7, &[text]);
}

#[test]
fn a_service_account_without_its_files_is_told() {
    // B5.1
    let node = ClusterNode::new("no-account");
    let pod = node.annotated_pod("web", &[]);
    let mut conf = node.scripted_conf();
    conf.as_object_mut().unwrap().remove("kubeconfig");
    let container = pod
        .container
        .clone()
        .with_variable("KUBERNETES_SERVICE_HOST", "192.0.2.1")
        .with_variable("KUBERNETES_SERVICE_PORT", "443");

    let answer = node.call("ADD", &container, &conf);

    let text = "error getting k8s client: read service account in /var/run/secrets/kubernetes.io/serviceaccount: ";
    answer.refused(999, &[text, "No such file or directory"]);
    assert_eq!(node.calls(), Vec::<String>::new());
}
