//! Manifests that cannot be used: an error that says where, and nothing attached.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;

/// ADD is refused with a message that holds the fragments, and nothing is there afterwards. DEL still works: it asks
/// no manifest.
#[track_caller]
fn refused(node: &Node, sandbox: &Sandbox, conf: &Value, code: u64, fragments: &[&str]) {
    let container = Container::new(sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.call("ADD", &container, conf).refused(code, fragments);
    node.nothing_left(&before, &[]);
    node.del(&container, conf);
    node.nothing_left(&before, &[]);
}

fn stage() -> (Node, Sandbox, Value) {
    let node = Node::with_plugins();
    let sandbox = node.sandbox("pod");
    let conf = node.conf(&[node.cluster()]);
    (node, sandbox, conf)
}

#[test]
fn a_broken_manifest_is_named() {
    let (node, sandbox, conf) = stage();
    node.pod("shop", "web", &[]);
    let broken: [(&str, &[u8]); 4] = [
        ("broken.yaml", b"kind: Pod\nmetadata: [unclosed\n"),
        ("broken.json", b"{\"kind\": \"Pod\", \"metadata\": {"),
        ("tabs.yml", b"kind: Pod\nmetadata:\n\tname: web\n"),
        ("latin1.yaml", b"kind: Pod\nmetadata: {name: caf\xe9}\n"),
    ];
    for (file, bytes) in broken {
        let path = node.manifests.join(file);
        std::fs::write(&path, bytes).unwrap();
        refused(
            &node,
            &sandbox,
            &conf,
            7,
            &["shop/web", "manifestDir", path.to_str().unwrap()],
        );
        std::fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_manifest_that_cannot_be_read_is_named() {
    let (node, sandbox, conf) = stage();
    node.pod("shop", "web", &[]);
    let dangling = node.manifests.join("dangling.yaml");
    std::os::unix::fs::symlink("/nonexistent/pod.yaml", &dangling).unwrap();
    refused(&node, &sandbox, &conf, 7, &[dangling.to_str().unwrap()]);
    std::fs::remove_file(dangling).unwrap();

    let folder = node.manifests.join("folder.yaml");
    std::fs::create_dir(&folder).unwrap();
    refused(&node, &sandbox, &conf, 7, &[folder.to_str().unwrap()]);
}

#[test]
fn a_directory_of_manifests_that_cannot_be_read_is_named() {
    let (node, sandbox, mut conf) = stage();
    let missing = node.world.directory().join("missing");
    conf["manifestDir"] = json!(missing);
    refused(
        &node,
        &sandbox,
        &conf,
        7,
        &["manifestDir", missing.to_str().unwrap()],
    );

    let circle = node.world.directory().join("circle");
    std::os::unix::fs::symlink(&circle, &circle).unwrap();
    conf["manifestDir"] = json!(circle);
    refused(
        &node,
        &sandbox,
        &conf,
        7,
        &["manifestDir", circle.to_str().unwrap()],
    );

    let file = node.world.directory().join("file");
    std::fs::write(&file, "").unwrap();
    conf["manifestDir"] = json!(file);
    refused(
        &node,
        &sandbox,
        &conf,
        7,
        &["manifestDir", file.to_str().unwrap()],
    );
}

#[test]
fn a_definition_that_is_not_there_is_named() {
    // B5.55
    let (node, sandbox, conf) = stage();
    node.pod_with("shop", "web", "lan");
    node.definition(
        "default",
        "lan",
        &json!({"cniVersion": "1.0.0", "type": "scripted"}),
    );
    refused(
        &node,
        &sandbox,
        &conf,
        7,
        &["shop/web", "lan", "namespace (shop)"],
    );
}

#[test]
fn a_definition_that_is_no_configuration_is_named() {
    // B5.57, B5.60
    let (node, sandbox, conf) = stage();
    node.pod_with("shop", "web", "lan");
    for (config, code) in [
        ("{", 6),
        ("[]", 6),
        ("{\"cniVersion\": \"1.0.0\", \"name\": \"lan\"}", 7),
    ] {
        let definition = json!({"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
            "metadata": {"name": "lan", "namespace": "shop"}, "spec": {"config": config}});
        node.manifest("lan.json", &definition.to_string());
        refused(&node, &sandbox, &conf, code, &["shop/web", "shop/lan"]);
    }
}

#[test]
fn an_annotation_that_cannot_be_read_is_refused() {
    // B3.27, B3.30
    let (node, sandbox, conf) = stage();
    for networks in [
        "a/b/c",
        "lan@a@b",
        "lan@longer-than-15-bytes",
        "[{\"name\": \"lan\"",
        "[null]",
        "Lan",
    ] {
        node.pod_with("shop", "web", networks);
        node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
        refused(
            &node,
            &sandbox,
            &conf,
            7,
            &["shop/web", "k8s.v1.cni.cncf.io/networks"],
        );
    }
}

#[test]
fn both_a_kubeconfig_and_a_directory_of_manifests_are_too_many() {
    let (node, sandbox, mut conf) = stage();
    let container = Container::new(&sandbox).of_pod("shop", "web");
    conf["kubeconfig"] = json!("/etc/cni/net.d/multus.kubeconfig");
    let before = node.snapshot();
    node.call("ADD", &container, &conf)
        .refused(7, &["kubeconfig", "manifestDir"]);
    node.nothing_left(&before, &[]);
}

#[test]
fn a_network_of_multus_itself_is_refused() {
    let (node, sandbox, conf) = stage();
    node.pod_with("shop", "web", "self");
    node.definition(
        "shop",
        "self",
        &json!({"cniVersion": "1.0.0", "name": "self", "type": "multus"}),
    );
    refused(&node, &sandbox, &conf, 7, &["shop/self"]);
}

#[test]
fn two_attachments_of_one_interface_name_are_refused_before_anything_runs() {
    // B3.48
    let (node, sandbox, conf) = stage();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    for networks in ["lan@net0,lan@net0", "lan@eth0", "lan@net2,lan"] {
        node.pod_with("shop", "web", networks);
        refused(&node, &sandbox, &conf, 7, &["shop/web", "interface"]);
    }
    assert!(node.world.node().link("cluster").unwrap().is_none());
}

#[test]
fn a_plugin_that_is_not_there_is_refused_before_anything_runs() {
    // B4.120
    let (node, sandbox, conf) = stage();
    node.pod_with("shop", "web", "lan");
    node.definition(
        "shop",
        "lan",
        &json!({"cniVersion": "1.0.0", "name": "lan", "type": "absent"}),
    );
    let bin = node.plugins.to_str().unwrap().to_owned();
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    let (_, message) = node.call("ADD", &container, &conf).error();
    assert!(
        message.contains("\"lan\"") && message.contains("absent") && message.contains(&bin),
        "{message}"
    );
    node.nothing_left(&before, &[]);
    assert!(node.world.node().link("cluster").unwrap().is_none());
}

#[test]
fn a_pod_that_says_what_it_wants_in_a_wrong_type_is_refused_rather_than_left_without() {
    let (node, sandbox, conf) = stage();
    let file = node.manifests.join("web.yaml");
    for (metadata, key) in [
        (
            "{name: web, namespace: shop, annotations: {k8s.v1.cni.cncf.io/networks: [{name: lan}]}}",
            "networks",
        ),
        (
            "{name: web, namespace: shop, annotations: {k8s.v1.cni.cncf.io/networks: 5}}",
            "networks",
        ),
        (
            "{name: web, namespace: shop, annotations: [lan]}",
            "metadata.annotations",
        ),
        ("{namespace: shop}", "metadata.name"),
        ("7", "metadata.name"),
    ] {
        std::fs::write(&file, format!("kind: Pod\nmetadata: {metadata}\n")).unwrap();
        refused(&node, &sandbox, &conf, 7, &["manifestDir", key]);
    }
}

#[test]
fn a_pod_that_stands_there_twice_is_refused() {
    let (node, sandbox, conf) = stage();
    for file in ["a.yaml", "b.yaml"] {
        let text = "kind: Pod\nmetadata: {name: web, namespace: shop}\n";
        std::fs::write(node.manifests.join(file), text).unwrap();
    }
    refused(
        &node,
        &sandbox,
        &conf,
        7,
        &["Pod shop/web stands there twice"],
    );
}
