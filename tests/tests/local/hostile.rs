//! Names that would lead out of the directory of manifests.

use std::path::PathBuf;

use serde_json::json;
use suites::multus::Container;
use suites::node::Node;

/// Pairs of namespace and pod name, each with the file that a careless program would take for the pod's status.
fn names(node: &Node) -> Vec<(&'static str, &'static str, PathBuf)> {
    let up = node.world.directory();
    vec![
        ("default", "../x", node.manifests.join("x.json")),
        ("../x", "y", node.manifests.join("x_y.json")),
        ("../../x", "y", up.join("x_y.json")),
        ("x/..", "../../y", up.join("y.json")),
        ("a/b", "c", node.manifests.join(".status/a/b_c.json")),
    ]
}

#[test]
fn a_pod_name_with_path_characters_writes_and_removes_no_file_elsewhere() {
    let node = Node::with_plugins();
    let conf = node.conf(&[node.cluster()]);
    std::fs::create_dir_all(node.manifests.join(".status/a")).unwrap();
    std::fs::create_dir_all(node.manifests.join(".status/default_..")).unwrap();
    std::fs::create_dir_all(node.manifests.join(".status/x")).unwrap();
    for (namespace, name, target) in names(&node) {
        std::fs::write(&target, "[\"somebody's\"]").unwrap();
        // A manifest may say anything.
        node.manifest(
            "99-pod.json",
            &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name}})
                .to_string(),
        );
        let sandbox = node.sandbox("pod");
        let container = Container::new(&sandbox).of_pod(namespace, name);
        let before = node.snapshot();
        node.call("ADD", &container, &conf)
            .refused(4, &["K8S_POD_NAME"]);
        node.nothing_left(&before, &["cluster"]);
        node.del(&container, &conf);
        assert_eq!(
            std::fs::read_to_string(&target).unwrap(),
            "[\"somebody's\"]",
            "{namespace} {name}"
        );
        std::fs::remove_file(&target).unwrap();
    }
}

#[test]
fn a_name_that_no_cluster_would_have_is_a_pods_name_here() {
    // podman's containers are called as people like.
    let node = Node::with_plugins();
    let conf = node.conf(&[node.cluster()]);
    node.definition("default", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    for name in ["My_Web.1", "a", "0-0"] {
        node.pod_with("default", name, "lan");
        let sandbox = node.sandbox("pod");
        let container =
            Container::new(&sandbox).with_args(&format!("IgnoreUnknown=1;K8S_POD_NAME={name}"));
        let before = node.snapshot();
        node.add(&container, &conf);
        assert_eq!(
            node.status("default", name)[1]["name"],
            "default/lan",
            "{name}"
        );
        node.del(&container, &conf);
        node.nothing_left(&before, &["cluster"]);
    }
}
