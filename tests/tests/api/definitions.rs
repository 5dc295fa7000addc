//! Definitions that cannot be used: the pod is told why, and nothing is attached.

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, Pod};
use testkit::proxy::Fault;

/// ADD is refused with this code and these fragments before anything runs; one Warning event says the same.
#[track_caller]
fn refused(node: &ClusterNode, pod: &Pod, conf: &Value, code: u64, reason: &str, texts: &[&str]) {
    let before = node.snapshot();
    let label = format!("Multus: [{}/{}/{}]: ", pod.namespace, pod.name, pod.uid);

    let answer = node.add(pod, conf);

    answer.refused(code, &[&[label.as_str()], texts].concat());
    assert_eq!(node.calls(), Vec::<String>::new());
    node.nothing_done(&before, pod);
    let events = node.events_of(pod);
    assert_eq!(events.len(), 1, "{events:?}");
    for text in texts {
        assert!(events[0].contains(text), "{text} is not in {events:?}");
    }
    assert!(
        events[0].starts_with(&format!("Warning {reason} ")),
        "{events:?}"
    );
}

#[test]
fn a_definition_that_does_not_exist_is_named_in_the_error_and_in_an_event() {
    // B4.25, B5.50, T2.2, B5.55, B7.21
    let node = ClusterNode::new("missing");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a,net-x");
    let own = &node.namespace;
    let text = format!("cannot find a network-attachment-definition (net-x) in namespace ({own})");
    refused(
        &node,
        &pod,
        &node.scripted_conf(),
        7,
        "NoNetworkFound",
        &[&text],
    );
}

#[test]
fn a_cluster_without_definitions_at_all_has_none_of_that_name() {
    // B5.55
    let node = ClusterNode::behind_proxy("no-crd");
    let missing = Fault::text(404, "404 page not found\n");
    node.proxy()
        .every("GET", "network-attachment-definitions", missing);
    let pod = node.pod("web", "net-x");
    let text = "cannot find a network-attachment-definition (net-x)";
    refused(
        &node,
        &pod,
        &node.scripted_conf(),
        7,
        "NoNetworkFound",
        &[text],
    );
}

#[test]
fn a_definition_that_is_no_configuration_is_named_with_what_is_wrong() {
    // B5.57, B5.60, Q6
    let node = ClusterNode::new("malformed");
    let configs = [
        ("cut", 6, "{\"type\": \"scripted\""),
        ("list", 6, "[]"),
        ("typeless", 7, "{\"name\": \"net\"}"),
        ("no-plugins", 7, "{\"name\": \"net\", \"plugins\": []}"),
        ("null-plugin", 6, "{\"name\": \"net\", \"plugins\": [null]}"),
        ("number", 6, "{\"name\": \"net\", \"type\": 5}"),
        ("path", 7, "{\"name\": \"net\", \"type\": \"../scripted\"}"),
        ("name", 7, "{\"name\": \"../net\", \"type\": \"scripted\"}"),
    ];
    for (name, code, config) in configs {
        let client = node.api.client();
        client
            .create_definition(&node.namespace, name, config, &[])
            .unwrap();
        let pod = node.pod(&format!("web-{name}"), name);
        let text = format!("network {}/{name}: ", node.namespace);
        refused(
            &node,
            &pod,
            &node.scripted_conf(),
            code,
            "FailedAttachment",
            &[&text],
        );
    }
}

#[test]
fn an_annotation_that_cannot_be_read_is_refused() {
    // B11.1, B3.27, B3.30
    let node = ClusterNode::new("annotation");
    for (name, annotation) in [
        ("slashes", "a/b/c"),
        ("object", "{\"name\": \"net-a\"}"),
        ("cut", "[{\"name\": "),
        ("null", "[null]"),
        ("upper", "Net-A"),
    ] {
        let pod = node.pod(&format!("web-{name}"), annotation);
        let text = "annotation k8s.v1.cni.cncf.io/networks: ";
        refused(
            &node,
            &pod,
            &node.scripted_conf(),
            7,
            "FailedAttachment",
            &[text],
        );
    }
    let read = node.requests();
    assert!(
        !read.iter().any(|line| line.contains("definitions")),
        "{read:?}"
    );
}

#[test]
fn a_name_that_would_ask_for_another_object_asks_for_none() {
    // B3.33: the JSON form does not restrict names.
    let node = ClusterNode::new("hostile");
    let names = [
        json!({"name": "../../pods/web"}),
        json!({"name": "net%2fa"}),
        json!({"name": "net?limit=1"}),
        json!({"name": "net a"}),
        json!({"name": "net\na"}),
        json!({"name": ".."}),
        json!({"name": ""}),
        json!({"name": "net-a", "namespace": "../kube-system"}),
        json!({"name": "net-a", "namespace": "a/b"}),
    ];
    for (number, element) in names.iter().enumerate() {
        let pod = node.pod(&format!("web-{number}"), &json!([element]).to_string());
        let before = node.snapshot();
        let answer = node.add(&pod, &node.scripted_conf());
        let (code, message) = answer.error();
        assert!(code == 7 || code == 999, "{element}: {code}: {message}");
        node.nothing_done(&before, &pod);
    }
    let read = node.requests();
    let mut objects: Vec<_> = read
        .iter()
        .filter(|line| !line.contains("events"))
        .collect();
    let pods = |line: &&String| line.starts_with("get pods web-") && line.ends_with(" 200");
    assert!(objects.iter().all(pods), "{read:#?}");
    objects.dedup();
    assert!(objects.len() <= names.len(), "{read:#?}");
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn a_network_whose_plugin_is_multus_is_refused() {
    let node = ClusterNode::new("recursive");
    let chain = json!({"plugins": [{"type": "scripted"}, {"type": "multus"}]});
    for (name, plugin, config) in [
        ("alone", "multus", json!({"type": "multus"})),
        ("shim", "multus-shim", json!({"type": "multus-shim"})),
        ("chained", "multus", chain),
    ] {
        node.define(name, &config);
        let pod = node.pod(&format!("web-{name}"), name);
        let text = format!("its plugin is \"{plugin}\", Multus itself");
        refused(
            &node,
            &pod,
            &node.scripted_conf(),
            7,
            "FailedAttachment",
            &[&text],
        );
    }
}

#[test]
fn two_networks_with_one_interface_name_are_refused() {
    // B3.48
    let node = ClusterNode::new("same-name");
    let own = node.namespace.clone();
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    node.define("net-b", &node.scripted("net-b", "10.2.0.2/24"));
    for (name, networks, text) in [
        (
            "both",
            "net-a@data0,net-b@data0",
            format!("networks {own}/net-a and {own}/net-b both ask for interface data0"),
        ),
        (
            "default",
            "net-a@eth0",
            format!("networks cluster and {own}/net-a both ask for interface eth0"),
        ),
        (
            "counted",
            "net-a@net2,net-b",
            format!("networks {own}/net-a and {own}/net-b both ask for interface net2"),
        ),
    ] {
        let pod = node.pod(&format!("web-{name}"), networks);
        refused(
            &node,
            &pod,
            &node.scripted_conf(),
            7,
            "FailedAttachment",
            &[&text],
        );
    }
}

#[test]
fn a_definition_of_another_namespace_is_for_everyone_unless_namespaces_are_isolated() {
    // B2.19, B2.20, B5.70, B5.71
    let node = ClusterNode::new("isolated");
    let other = node.api.client().new_namespace("other").unwrap();
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    node.define_in(&other, "net-b", &node.scripted("net-b", "10.2.0.2/24"));
    let networks = format!("net-a,{other}/net-b");

    let mut conf = node.scripted_conf();
    conf["namespaceIsolation"] = json!(true);
    let text = format!(
        "namespace isolation enabled, annotation violates permission, pod is in namespace {} but refers to target namespace {other}",
        node.namespace
    );
    let pod = node.pod("kept-in", &networks);
    refused(&node, &pod, &conf, 7, "FailedAttachment", &[&text]);

    conf["globalNamespaces"] = json!(format!("default, {other}"));
    let pod = node.pod("let-out", &networks);
    node.add(&pod, &conf).good();
    assert_eq!(node.attachments_of(&pod).len(), 3);

    let pod = node.pod("free", &networks);
    node.add(&pod, &node.scripted_conf()).good();
    assert_eq!(node.attachments_of(&pod).len(), 3);
}
