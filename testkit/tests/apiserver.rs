//! The API server of the tests is a real one, and tells what it was asked.

use std::time::{Duration, SystemTime};

use serde_json::json;
use testkit::apiserver::{ApiServer, AuditEvent};
use testkit::kube::{self, Client, OURS, UPSTREAMS_MANIFEST, User, wait};
use testkit::proxy::{Fault, Proxy};

const STATUS: &str = "k8s.v1.cni.cncf.io/network-status";

fn api() -> &'static ApiServer {
    ApiServer::shared().unwrap()
}

fn of_user(events: &[AuditEvent], user: &str) -> Vec<String> {
    let line = |event: &AuditEvent| {
        let AuditEvent {
            verb,
            resource,
            subresource,
            name,
            code,
            ..
        } = event;
        format!("{verb} {resource}/{subresource} {name} {code}")
    };
    events
        .iter()
        .filter(|event| event.user == user)
        .map(line)
        .collect()
}

#[test]
fn objects_are_read_back_as_created() {
    let client = api().client();
    let namespace = client.new_namespace("objects").unwrap();
    let uid = client
        .create_pod(&namespace, "pod", &[("k8s.v1.cni.cncf.io/networks", "net")])
        .unwrap();
    client
        .create_definition(&namespace, "net", "{\"type\":\"macvlan\"}", &[])
        .unwrap();

    let pod = client.pod(&namespace, "pod").unwrap();
    assert_eq!(pod["metadata"]["uid"], uid);
    assert_eq!(pod["spec"]["nodeName"], kube::NODE);
    assert_eq!(
        client
            .annotation(&namespace, "pod", "k8s.v1.cni.cncf.io/networks")
            .unwrap(),
        "net"
    );
    let path = format!(
        "/apis/k8s.cni.cncf.io/v1/namespaces/{namespace}/network-attachment-definitions/net"
    );
    assert_eq!(
        client.get(&path).unwrap()["spec"]["config"],
        "{\"type\":\"macvlan\"}"
    );

    client.delete_definition(&namespace, "net").unwrap();
    client.delete_pod(&namespace, "pod").unwrap();
    assert!(client.find(&path).unwrap().is_none());
    let error = client.pod(&namespace, "pod").unwrap_err();
    assert_eq!(kube::status(&error), Some(404));
    assert!(
        error.to_string().contains("refused with 404 NotFound"),
        "{error}"
    );
}

#[test]
fn audit_log_has_each_request_once() {
    let api = api();
    let admin = api.client();
    let namespace = admin.new_namespace("audit").unwrap();
    admin.create_pod(&namespace, "pod", &[]).unwrap();
    admin.bind_role(&namespace, "multus", OURS).unwrap();
    let client = api.client_for(&namespace, "multus").unwrap();

    client.pod(&namespace, "pod").unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/pods/pod/status");
    client
        .patch(&path, &json!({"metadata": {"annotations": {STATUS: "[]"}}}))
        .unwrap();
    let error = client
        .get(&format!("/api/v1/namespaces/{namespace}/pods"))
        .unwrap_err();

    assert_eq!(kube::status(&error), Some(403));
    let user = format!("system:serviceaccount:{namespace}:multus");
    let events = api.audit().unwrap();
    assert_eq!(
        of_user(&events, &user),
        [
            "get pods/ pod 200",
            "patch pods/status pod 200",
            "list pods/  403"
        ]
    );
    let patch = events
        .iter()
        .find(|event| event.user == user && event.verb == "patch")
        .unwrap();
    assert_eq!(
        (patch.namespace.as_str(), patch.user_agent.as_str()),
        (namespace.as_str(), "testkit")
    );
    assert_eq!(admin.annotation(&namespace, "pod", STATUS).unwrap(), "[]");
}

#[test]
fn rights_of_upstreams_manifest_have_no_patch_on_pods() {
    let api = api();
    let namespace = api.client().new_namespace("upstream").unwrap();
    api.client().create_pod(&namespace, "pod", &[]).unwrap();
    api.client()
        .bind_role(&namespace, "multus", UPSTREAMS_MANIFEST)
        .unwrap();
    let client = api.client_for(&namespace, "multus").unwrap();
    let path = format!("/api/v1/namespaces/{namespace}/pods/pod/status");

    let error = client
        .patch(&path, &json!({"metadata": {"annotations": {STATUS: "[]"}}}))
        .unwrap_err();
    assert_eq!(kube::status(&error), Some(403));

    let mut pod = client.pod(&namespace, "pod").unwrap();
    pod["metadata"]["annotations"][STATUS] = "[]".into();
    client.put(&path, &pod).unwrap();
    let wrote = api.client().wait_for_annotation(
        &namespace,
        "pod",
        STATUS,
        Duration::from_secs(60),
        |value| value == "[]",
    );
    assert_eq!(wrote.unwrap(), "[]");
}

#[test]
fn events_about_a_pod_are_found() {
    let api = api();
    let client = api.client();
    let namespace = client.new_namespace("events").unwrap();
    let uid = client.create_pod(&namespace, "pod", &[]).unwrap();
    client.bind_role(&namespace, "multus", OURS).unwrap();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": namespace, "name": "pod.1"},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": "pod", "uid": uid},
        "type": "Normal", "reason": "AddedInterface", "message": "Add eth0", "count": 1,
    });
    api.client_for(&namespace, "multus")
        .unwrap()
        .create(&event)
        .unwrap();

    let found = client
        .wait_for_event(&namespace, "pod", "AddedInterface", Duration::from_secs(60))
        .unwrap();
    assert_eq!(
        (found.kind.as_str(), found.message.as_str(), found.count),
        ("Normal", "Add eth0", 1)
    );
    assert!(client.events(&namespace, "other").unwrap().is_empty());
}

#[test]
fn kubeconfig_of_an_account_holds_what_a_client_needs() {
    let api = api();
    let namespace = api.client().new_namespace("kubeconfig").unwrap();
    api.client().bind_role(&namespace, "multus", OURS).unwrap();
    let text = std::fs::read_to_string(api.kubeconfig_for(&namespace, "multus").unwrap()).unwrap();
    assert!(text.contains(api.url()), "{text}");
    assert!(
        text.contains("certificate-authority-data: ") && text.contains("token: "),
        "{text}"
    );
    let admin = std::fs::read_to_string(api.admin_kubeconfig()).unwrap();
    assert!(
        admin.contains("client-certificate-data: ") && admin.contains("client-key-data: "),
        "{admin}"
    );
}

#[test]
fn token_that_was_signed_here_counts_until_a_minute_after_its_expiry() {
    let api = api();
    let namespace = api.client().new_namespace("tokens").unwrap();
    api.client().create_pod(&namespace, "pod", &[]).unwrap();
    api.client().bind_role(&namespace, "multus", OURS).unwrap();
    let read = |expires: SystemTime| {
        let token = api.token_until(&namespace, "multus", expires).unwrap();
        Client::new(api.url(), api.ca(), &User::Token(token))
            .unwrap()
            .pod(&namespace, "pod")
    };
    let now = SystemTime::now();

    read(now + Duration::from_secs(60)).unwrap();
    read(now - Duration::from_secs(30)).unwrap();
    let error = read(now - Duration::from_secs(90)).unwrap_err();
    assert_eq!(kube::status(&error), Some(401), "{error:#}");
}

#[test]
fn api_comes_back_at_the_same_address_with_its_objects() {
    let directory = tempfile::tempdir().unwrap();
    let api = ApiServer::start(directory.path()).unwrap();
    let client = api.client();
    client.create_namespace("kept").unwrap();

    api.kill().unwrap();
    let error = client.get("/api/v1/namespaces/kept").unwrap_err();
    assert_eq!(kube::status(&error), None, "{error:#}");
    assert!(error.to_string().contains("got no answer"), "{error:#}");

    api.restart().unwrap();
    client.get("/api/v1/namespaces/kept").unwrap();
    api.stop().unwrap();
    client.get("/api/v1/namespaces/kept").unwrap_err();
    let asked = of_user(&api.audit().unwrap(), "admin");
    assert_eq!(
        asked,
        ["create namespaces/ kept 201", "get namespaces/ kept 200"]
    );
}

#[test]
fn frozen_api_answers_when_it_is_thawed() {
    let directory = tempfile::tempdir().unwrap();
    let api = ApiServer::start(directory.path()).unwrap();
    api.freeze().unwrap();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| api.client().get("/api/v1/namespaces/default"));
        let asked = wait::until_true(
            "an answer of a frozen API",
            Duration::from_millis(300),
            || Ok(asking.is_finished()),
        );
        assert!(asked.is_err());
        api.thaw().unwrap();
        asking.join().unwrap().unwrap();
    });
}

#[test]
fn a_proxy_passes_on_what_it_is_not_told_to_spoil() {
    let api = api();
    let namespace = api.client().new_namespace("proxy").unwrap();
    api.client().bind_role(&namespace, "multus", OURS).unwrap();
    api.client().create_pod(&namespace, "pod", &[]).unwrap();
    let proxy = Proxy::start(api).unwrap();
    let user = User::Token(api.client().token(&namespace, "multus").unwrap());
    let client = Client::new(&proxy.url(), api.ca(), &user).unwrap();
    let status = || kube::status(&client.pod(&namespace, "pod").unwrap_err());
    let faults = [
        Fault::status(503, "ServiceUnavailable"),
        Fault::Close,
        Fault::LoseAnswer,
    ];
    proxy.next("GET", "/pods/pod", faults);

    assert_eq!([status(), status(), status()], [Some(503), None, None]);
    let pod = client.pod(&namespace, "pod").unwrap();
    assert_eq!(pod["metadata"]["name"], "pod");
    let path = format!("/api/v1/namespaces/{namespace}/pods/pod/status");
    let patch = json!({"metadata": {"annotations": {STATUS: "[]"}}});
    client.patch(&path, &patch).unwrap();

    let seen = proxy.seen("GET", "/pods/pod");
    assert_eq!(seen.len(), 4, "{seen:?}");
    let user = format!("system:serviceaccount:{namespace}:multus");
    assert_eq!(
        of_user(&api.audit().unwrap(), &user),
        [
            "get pods/ pod 200",
            "get pods/ pod 200",
            "patch pods/status pod 200"
        ]
    );
}
