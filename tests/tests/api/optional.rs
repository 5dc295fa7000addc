//! Networks that a pod can do without: it is told which of them failed, and why.

use serde_json::json;
use suites::cluster::ClusterNode;

/// The annotation, ours, that lists what failed.
const FAILURES: &str = "multus-cni.io/network-failures";

#[test]
fn an_optional_network_that_fails_is_told_on_the_pod_and_in_an_event() {
    let node = ClusterNode::new("optional");
    let mut lan = node.scripted("lan", "10.1.0.2/24");
    lan["script"]["fail"] = json!({"verb": "ADD", "code": 101, "msg": "no uplink"});
    node.define("lan", &lan);
    node.define("storage", &node.scripted("storage", "10.2.0.2/24"));
    let pod = node.pod(
        "web",
        r#"[{"name":"lan","multus-cni.io/optional":true},{"name":"storage"}]"#,
    );
    let conf = node.scripted_conf();
    let told = || {
        node.api
            .client()
            .annotation(&node.namespace, "web", FAILURES)
    };

    node.add(&pod, &conf).good();

    let own = &node.namespace;
    let attached = [("cluster", "eth0"), (&format!("{own}/storage"), "net2")];
    let attached = attached.map(|(name, link)| (name.to_owned(), link.to_owned()));
    assert_eq!(node.attachments_of(&pod), attached);
    let text = told().unwrap();
    for fragment in ["\"lan\"", "no uplink"] {
        assert!(text.contains(fragment), "{text}");
    }
    let events = node.events_of(&pod);
    let warnings: Vec<_> = events
        .iter()
        .filter(|event| event.starts_with("Warning"))
        .collect();
    assert_eq!(warnings.len(), 1, "{events:#?}");
    assert!(
        warnings[0].starts_with("Warning FailedAttachment "),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("no uplink"), "{warnings:?}");

    // Once it is attached, nothing is said any more.
    node.del(&pod, &conf);
    node.api.client().delete_definition(own, "lan").unwrap();
    node.define("lan", &node.scripted("lan", "10.1.0.2/24"));
    node.add(&pod, &conf).good();
    assert_eq!(node.attachments_of(&pod).len(), 3);
    assert_eq!(told().unwrap(), "");
}
