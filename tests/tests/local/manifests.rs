//! Where pods and definitions come from.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;

use crate::gc::{nobody, stage};

/// The least configuration of a network: its plugin makes nothing and says that it made `CNI_IFNAME`.
fn network(name: &str) -> Value {
    json!({"cniVersion": "1.0.0", "name": name, "type": "scripted"})
}

fn node() -> Node {
    let node = Node::bare();
    node.install(&["scripted"]);
    node
}

/// The interfaces that a pod gets, as its network-status names them.
#[track_caller]
fn interfaces(node: &Node, container: &Container, namespace: &str, pod: &str) -> Vec<String> {
    node.add(container, &node.conf(&[network("cluster")]));
    let status = node.status(namespace, pod);
    let entries = status.as_array().expect("the status is a list");
    let text = |entry: &Value| {
        format!(
            "{} {}",
            entry["name"].as_str().unwrap_or("?"),
            entry["interface"].as_str().unwrap_or("?")
        )
    };
    entries.iter().map(text).collect()
}

fn sandbox(node: &Node) -> Sandbox {
    node.sandbox("pod")
}

#[test]
fn several_documents_of_a_yaml_file_are_all_read() {
    let node = node();
    node.manifest(
        "all.yaml",
        "# a comment\n---\napiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: lan\n  namespace: shop\n\
         spec:\n  config: |\n    {\"cniVersion\": \"1.0.0\", \"type\": \"scripted\"}\n---\n---\n\
         apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n---\n\
         apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  namespace: shop\n  annotations:\n    k8s.v1.cni.cncf.io/networks: lan\n",
    );
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    assert_eq!(
        interfaces(&node, &container, "shop", "web"),
        ["cluster eth0", "shop/lan net1"]
    );
}

#[test]
fn json_files_are_manifests_too() {
    let node = node();
    node.definition("shop", "lan", &network("lan"));
    node.pod_with("shop", "web", "lan");
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    assert_eq!(
        interfaces(&node, &container, "shop", "web"),
        ["cluster eth0", "shop/lan net1"]
    );
}

#[test]
fn a_list_as_kubectl_get_prints_it_is_a_manifest() {
    let node = node();
    node.manifest(
        "all.yml",
        include_str!("../../fixtures/manifests/kubectl-get.yaml"),
    );
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web-7d4b9c6f5d-x2lqk");
    assert_eq!(
        interfaces(&node, &container, "shop", "web-7d4b9c6f5d-x2lqk"),
        ["cluster eth0", "shop/lan net1", "shop/storage disk0"]
    );
}

#[test]
fn a_typed_list_in_json_is_a_manifest() {
    let node = node();
    let definition = json!({"metadata": {"name": "lan", "namespace": "shop"}, "spec": {"config": network("lan").to_string()},
        "kind": "NetworkAttachmentDefinition", "apiVersion": "k8s.cni.cncf.io/v1"});
    let list = json!({"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinitionList", "items": [definition]});
    node.manifest("list.json", &list.to_string());
    node.pod_with("shop", "web", "lan");
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    assert_eq!(
        interfaces(&node, &container, "shop", "web"),
        ["cluster eth0", "shop/lan net1"]
    );
}

#[test]
fn only_yaml_and_json_files_are_read_and_no_hidden_ones() {
    let node = node();
    node.pod_with("default", "web", "lan");
    node.definition("default", "lan", &network("lan"));
    for file in [
        "notes.txt",
        "README",
        ".hidden.yaml",
        "web.yaml~",
        "web.yaml.bak",
    ] {
        node.manifest(file, "{ this: is: [neither");
    }
    std::fs::create_dir(node.manifests.join("folder")).unwrap();
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("default", "web");
    assert_eq!(
        interfaces(&node, &container, "default", "web"),
        ["cluster eth0", "default/lan net1"]
    );
}

#[test]
fn a_link_to_a_manifest_is_one() {
    let node = node();
    node.definition("default", "lan", &network("lan"));
    let elsewhere = node.world.folder("elsewhere").unwrap().join("pod");
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: web, annotations: {k8s.v1.cni.cncf.io/networks: lan}}}";
    std::fs::write(&elsewhere, pod).unwrap();
    symlink(&elsewhere, node.manifests.join("pod.yaml")).unwrap();
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("default", "web");
    assert_eq!(
        interfaces(&node, &container, "default", "web"),
        ["cluster eth0", "default/lan net1"]
    );
}

#[test]
fn a_runtime_that_names_no_namespace_means_default() {
    let node = node();
    node.definition("default", "lan", &network("lan"));
    node.pod_with("default", "web", "lan");
    node.pod_with("shop", "web", "shop/none");
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).with_args("IgnoreUnknown=1;K8S_POD_NAME=web");
    assert_eq!(
        interfaces(&node, &container, "default", "web"),
        ["cluster eth0", "default/lan net1"]
    );
    node.del(&container, &node.conf(&[network("cluster")]));
    assert!(!node.status_file("default", "web").exists());
}

#[test]
fn a_manifest_without_namespace_is_in_default() {
    let node = node();
    let config = network("lan").to_string();
    let definition = json!({"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": {"name": "lan"},
        "spec": {"config": config}});
    node.manifest("lan.json", &definition.to_string());
    node.pod_with("shop", "web", "default/lan");
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    assert_eq!(
        interfaces(&node, &container, "shop", "web"),
        ["cluster eth0", "default/lan net1"]
    );
}

#[test]
fn a_pod_without_manifest_gets_the_default_network() {
    let node = node();
    node.pod_with("shop", "web", "lan");
    let before = node.snapshot();
    let conf = node.conf(&[network("cluster")]);
    for args in [
        "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=other",
        "",
    ] {
        let sandbox = sandbox(&node);
        let container = Container::new(&sandbox).with_args(args);
        let result = node.add(&container, &conf);
        assert_eq!(result["interfaces"].as_array().unwrap().len(), 1);
        assert_eq!(result["interfaces"][0]["name"], "eth0");
        assert_eq!(node.ledger("pod").as_array().unwrap().len(), 1);
        assert!(!node.manifests.join(".status").exists());
        node.check(&container, &conf);
        node.del(&container, &conf);
        node.destroy(sandbox);
        node.nothing_left(&before, &[]);
    }
}

#[test]
fn a_definition_without_configuration_is_found_on_disk_by_its_name() {
    // B5.57, B5.75, MN-009
    let node = node();
    let definition = json!({"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": "lan", "namespace": "shop"}});
    node.manifest("lan.json", &definition.to_string());
    let list = json!({"cniVersion": "1.0.0", "name": "lan", "plugins": [{"type": "scripted"}]});
    std::fs::write(
        node.configurations.join("50-lan.conflist"),
        list.to_string(),
    )
    .unwrap();
    node.pod_with("shop", "web", "lan@lan0");
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    assert_eq!(
        interfaces(&node, &container, "shop", "web"),
        ["cluster eth0", "shop/lan lan0"]
    );
}

#[test]
fn the_default_network_of_a_pod_may_be_a_definition() {
    // B3.60, B3.63
    let node = node();
    node.definition("kube-system", "other", &network("other"));
    node.pod(
        "shop",
        "web",
        &[("v1.multus-cni.io/default-network", "other")],
    );
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    assert_eq!(
        interfaces(&node, &container, "shop", "web"),
        ["kube-system/other eth0"]
    );
}

#[test]
fn cluster_network_and_default_networks_may_be_definitions() {
    // B5.40, B5.41
    let node = node();
    node.definition("kube-system", "cluster", &network("cluster"));
    node.definition("kube-system", "everywhere", &network("everywhere"));
    node.pod("shop", "web", &[]);
    let mut conf = node.conf(&[]);
    conf["clusterNetwork"] = json!("cluster");
    conf["defaultNetworks"] = json!(["everywhere"]);
    let sandbox = sandbox(&node);
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    let status = node.status("shop", "web");
    assert_eq!(status[0]["name"], "kube-system/cluster");
    assert_eq!(status[0]["default"], true);
    assert_eq!(status[1]["name"], "kube-system/everywhere");
    assert_eq!(status[1]["interface"], "net1");
    node.del(&container, &conf);
}

#[test]
fn status_finds_the_cluster_network_among_the_manifests() {
    // B4.137, B5.40
    let (node, mut conf) = stage();
    conf["clusterNetwork"] = json!("flat");
    conf["multusNamespace"] = json!("infra");
    let (code, message) = node.call("STATUS", &nobody(), &conf).error();
    assert!(code == 50 && message.contains("flat"), "{code} {message}");
    let script = json!({"fail": {"verb": "STATUS", "code": 51, "msg": "no uplink"}});
    let network =
        json!({"cniVersion": "1.1.0", "name": "flat", "type": "scripted", "script": script});
    node.definition("infra", "flat", &network);
    node.call("STATUS", &nobody(), &conf)
        .refused(51, &["flat", "no uplink"]);
}

#[test]
fn status_says_when_nobody_can_name_the_cluster_network() {
    // B2.140
    let (node, mut conf) = stage();
    conf["clusterNetwork"] = json!("flat");
    conf.as_object_mut().unwrap().remove("manifestDir");
    node.call("STATUS", &nobody(), &conf)
        .refused(50, &["must have either Kubernetes config or delegates"]);
}
