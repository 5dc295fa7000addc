//! Nothing that a pod asks for is silently ignored: what cannot be honoured fails the ADD, and the pod is told why; what may
//! have no effect is told too.

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, Pod};
use suites::node::{DEFAULT_NETWORK, NETWORKS};

/// ADD fails before anything runs, and one Warning event says why, in the same words.
#[track_caller]
fn refused(node: &ClusterNode, pod: &Pod, conf: &Value, text: &str) {
    let before = node.snapshot();
    let answer = node.add(pod, conf);
    answer.refused(7, &[text]);
    node.nothing_done(&before, pod);
    let (_, message) = answer.error();
    let label = format!("Multus: [{}/{}/{}]: ", pod.namespace, pod.name, pod.uid);
    let told = format!("Warning FailedAttachment {}", &message[label.len()..]);
    assert_eq!(node.events_of(pod), [told]);
}

#[test]
fn networks_that_cannot_be_attached_as_they_are_asked_for_are_told_to_the_pod() {
    // B3.20–B3.49, Q7, Q62, Q75, MN-050
    let node = ClusterNode::new("annotations");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let json_form = |members: &str| format!("[{{\"name\": \"net-a\", {members}}}]");
    let cases = [
        ("a/b/c".to_owned(), "item 0 (\"a/b/c\"): more than one '/'"),
        (
            "net-a@b@c".to_owned(),
            "item 0 (\"net-a@b@c\"): more than one '@'",
        ),
        ("net-a,,net-a".to_owned(), "item 1 of the list is empty"),
        ("Net-A".to_owned(), "item 0 (\"Net-A\"): name: "),
        (
            "no_space/net-a".to_owned(),
            "item 0 (\"no_space/net-a\"): namespace: ",
        ),
        (
            "net-a@eth%d".to_owned(),
            "interface: \"eth%d\" cannot be the name of an interface",
        ),
        (
            "{\"name\": \"net-a\"}".to_owned(),
            "it is an object instead of an array",
        ),
        ("\"net-a\"".to_owned(), "it is a string instead of an array"),
        ("[{\"name\": ".to_owned(), "failed to parse JSON: "),
        (
            "[null]".to_owned(),
            "element 0: it is null instead of an object",
        ),
        (
            "[{\"name\": \"net-a\"}, 7]".to_owned(),
            "element 1: it is a number instead of an object",
        ),
        ("[{}]".to_owned(), "element 0: name: must not be empty"),
        (
            json_form("\"mac\": \"02:00\""),
            "element 0 (\"net-a\"): mac: ",
        ),
        (json_form("\"mac\": 7"), "element 0 (\"net-a\"): mac: "),
        (
            json_form("\"infiniband-guid\": \"x\""),
            "infiniband-guid: \"x\" is not a hardware address",
        ),
        (
            json_form("\"ips\": [\"10.1.0.7/99\"]"),
            "ips[0]: failed to parse CIDR \"10.1.0.7/99\"",
        ),
        (
            json_form("\"ips\": [\"here\"]"),
            "ips[0]: failed to parse IP address \"here\"",
        ),
        (
            json_form("\"ips\": \"10.1.0.7\""),
            "element 0 (\"net-a\"): ips: ",
        ),
        (
            json_form("\"interface\": \"a/b\""),
            "interface: \"a/b\" cannot be the name",
        ),
        (
            json_form("\"default-route\": [\"x\"]"),
            "default-route[0]: failed to parse IP address \"x\"",
        ),
        (
            json_form("\"portMappings\": [{\"hostPort\": 80}]"),
            "containerPort: 0 is not a port",
        ),
        (
            json_form("\"bandwidth\": {\"ingressRate\": -1}"),
            "bandwidth.ingressRate: ",
        ),
        (json_form("\"cni-args\": [\"x\"]"), "cni-args: "),
        (
            json_form("\"ips\": [\"10.1.0.7\"], \"ipam-claim-reference\": \"c\""),
            "ipam-claim-reference: must not be combined with ips",
        ),
        (
            json_form("\"default-route\": [\"10.1.0.1\", \"10.1.0.2\"]"),
            "/net-a: more than one IPv4 gateway, multus does not support ECMP for default-route",
        ),
        (
            "net-a@data0,net-a@data0".to_owned(),
            "both ask for interface data0",
        ),
        ("net-a@eth0".to_owned(), "both ask for interface eth0"),
    ];
    for (number, (annotation, text)) in cases.iter().enumerate() {
        let pod = node.pod(&format!("web-{number}"), annotation);
        refused(&node, &pod, &node.scripted_conf(), text);
    }
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn a_default_network_that_cannot_be_had_is_told_to_the_pod() {
    // B3.60, B3.61, Q5, Q6
    let node = ClusterNode::new("defaults");
    let other = node.api.client().new_namespace("other").unwrap();
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    node.define_in(&other, "net-b", &node.scripted("net-b", "10.2.0.2/24"));
    let isolated = format!("{other}/net-b");
    let cases = [
        ("net-a,net-a", "more than one default network is specified"),
        ("[]", "no default network is specified"),
        ("[null]", "element 0: it is null instead of an object"),
        ("a/b/c", "more than one '/'"),
        (
            isolated.as_str(),
            "namespace isolation enabled, annotation violates permission",
        ),
    ];
    let mut conf = node.scripted_conf();
    conf["namespaceIsolation"] = json!(true);
    for (number, (annotation, text)) in cases.into_iter().enumerate() {
        let annotations = [(DEFAULT_NETWORK, annotation)];
        let pod = node.annotated_pod(&format!("web-{number}"), &annotations);
        refused(&node, &pod, &conf, text);
    }
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn a_request_that_no_plugin_declares_a_capability_for_is_attached_and_told_to_the_pod() {
    // Q74
    let node = ClusterNode::new("capability");
    node.define("bare", &node.scripted("bare", "10.1.0.2/24"));
    let mut able = node.scripted("able", "10.2.0.2/24");
    able["capabilities"] = json!({"mac": true, "ips": true, "portMappings": true, "bandwidth": true,
        "infinibandGUID": true});
    node.define("able", &able);
    let requests = [
        ("ips", "ips", json!(["10.1.0.7/24"])),
        ("mac", "mac", json!("02:00:00:00:00:07")),
        (
            "portMappings",
            "portMappings",
            json!([{"hostPort": 80, "containerPort": 80}]),
        ),
        (
            "bandwidth",
            "bandwidth",
            json!({"ingressRate": 1000, "ingressBurst": 1000}),
        ),
        (
            "infiniband-guid",
            "infinibandGUID",
            json!("02:00:00:00:00:00:00:07"),
        ),
    ];
    for (number, (key, capability, value)) in requests.into_iter().enumerate() {
        let elements = json!([{"name": "bare", key: value.clone()}, {"name": "able", key: value}]);
        let annotation = elements.to_string();
        let pod = node.annotated_pod(&format!("web-{number}"), &[(NETWORKS, &annotation)]);
        node.add(&pod, &node.scripted_conf()).good();
        let text = format!(
            "Warning MissingCapability network {}/bare: no plugin declares the capability {capability} that the pod asks for; it may have no effect",
            node.namespace
        );
        let events = node.events_of(&pod);
        let warnings: Vec<_> = events
            .iter()
            .filter(|line| line.starts_with("Warning "))
            .collect();
        assert_eq!(warnings, [&text], "{events:?}");
    }
}

#[test]
fn a_network_that_fails_is_told_to_the_pod() {
    let node = ClusterNode::new("failing");
    let mut failing = node.scripted("net-a", "10.1.0.2/24");
    failing["script"]["fail"] = json!({"verb": "ADD", "code": 100, "msg": "no lease"});
    node.define("net-a", &failing);
    let pod = node.pod("web", "net-a");
    let text = "error adding container to network \"net-a\": plugin type=\"scripted\" name=\"net-a\" failed (add): no lease";
    node.add(&pod, &node.scripted_conf()).refused(100, &[text]);
    assert_eq!(
        node.events_of(&pod),
        [format!("Warning FailedAttachment {text}")]
    );
}
