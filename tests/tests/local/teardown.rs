//! DEL, whatever has become of the pod, its networks and its namespace meanwhile.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use testkit::leaks::Snapshot;
use testkit::netns::Sandbox;

/// A node with three networks for the pod `web`, and a sandbox.
pub(crate) struct Scene {
    pub(crate) node: Node,
    pub(crate) conf: Value,
    pub(crate) sandbox: Sandbox,
    pub(crate) container: Container,
    pub(crate) before: Snapshot,
}

/// The bridges of the scene.
const BRIDGES: [&str; 2] = ["cluster", "storage"];

impl Scene {
    pub(crate) fn set() -> Self {
        let node = Node::with_plugins();
        node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
        let storage = node.bridge("storage", &["10.90.0.0/24"], &["172.31.0.0/16"]);
        node.definition("shop", "storage", &storage);
        node.pod_with("shop", "web", "lan,storage");
        let conf = node.conf(&[node.cluster()]);
        let sandbox = node.sandbox("pod");
        let container = Container::new(&sandbox).of_pod("shop", "web");
        let before = node.snapshot();
        Self {
            node,
            conf,
            sandbox,
            container,
            before,
        }
    }

    pub(crate) fn attached() -> Self {
        let scene = Self::set();
        scene.node.add(&scene.container, &scene.conf);
        assert_eq!(scene.sandbox.links().unwrap().len(), 4);
        scene
    }

    #[track_caller]
    pub(crate) fn del_leaves_nothing(&self, container: &Container) {
        self.node.del(container, &self.conf);
        self.node.nothing_left(&self.before, &BRIDGES);
    }
}

#[test]
fn a_second_del_succeeds() {
    let scene = Scene::attached();
    scene.del_leaves_nothing(&scene.container);
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn del_of_an_unknown_container_succeeds() {
    let scene = Scene::set();
    scene.del_leaves_nothing(&scene.container);
    let nobody = scene.container.clone().with_args("").with_netns("");
    scene.del_leaves_nothing(&nobody);
}

#[test]
fn del_of_an_unknown_container_leaves_others_alone() {
    let scene = Scene::attached();
    let mut other = scene.container.clone().with_netns("");
    other.id = "po".to_owned();
    scene.node.del(&other, &scene.conf);
    other.id = "pod-eth0".to_owned();
    scene.node.del(&other, &scene.conf);
    scene.node.check(&scene.container, &scene.conf);
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn del_works_when_the_namespace_is_gone() {
    // B4.101
    let Scene {
        node,
        conf,
        sandbox,
        container,
        before,
    } = Scene::attached();
    node.destroy(sandbox);
    node.del(&container, &conf);
    node.nothing_left(&before, &BRIDGES);
}

#[test]
fn del_works_when_the_namespace_is_gone_with_the_nodes_own_device() {
    // host-device fails over a namespace that is gone, unless it is told so
    let node = Node::with_plugins();
    let card =
        json!({"cniVersion": "1.0.0", "name": "card", "type": "host-device", "device": "card0"});
    node.definition("shop", "card", &card);
    node.pod_with("shop", "web", "card");
    let conf = node.conf(&[node.cluster()]);
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.world.veth("card0", "card1").unwrap();
    node.add(&container, &conf);
    node.destroy(sandbox);
    node.del(&container, &conf);
    node.nothing_left(&before, &["cluster", "card0", "card1"]);
}

#[test]
fn del_works_without_a_namespace_in_the_request() {
    let scene = Scene::attached();
    scene.del_leaves_nothing(&scene.container.clone().with_netns(""));
}

#[test]
fn del_works_when_an_empty_file_is_left_of_the_namespace() {
    // After a restart of the node the path may still be there.
    let Scene {
        node,
        conf,
        sandbox,
        container,
        before,
    } = Scene::attached();
    node.destroy(sandbox);
    node.world
        .command("touch")
        .arg(&container.netns)
        .check()
        .unwrap();
    node.del(&container, &conf);
    node.world
        .command("rm")
        .arg(&container.netns)
        .check()
        .unwrap();
    node.nothing_left(&before, &BRIDGES);
}

#[test]
fn del_needs_neither_pod_nor_definition_nor_directory() {
    let scene = Scene::attached();
    for entry in std::fs::read_dir(&scene.node.manifests).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::remove_file(path).unwrap();
        }
    }
    scene.node.del(&scene.container, &scene.conf);
    scene.node.nothing_left(&scene.before, &BRIDGES);

    let scene = Scene::attached();
    std::fs::remove_dir_all(&scene.node.manifests).unwrap();
    scene.node.del(&scene.container, &scene.conf);
    scene.node.nothing_left(&scene.before, &BRIDGES);
}

#[test]
fn del_goes_by_what_was_attached_and_not_by_what_is_written_now() {
    let scene = Scene::attached();
    scene.node.pod_with("shop", "web", "storage@other0");
    scene.node.definition(
        "shop",
        "lan",
        &json!({"cniVersion": "1.0.0", "name": "lan", "type": "absent"}),
    );
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn del_works_when_the_interfaces_are_gone() {
    let scene = Scene::attached();
    for link in ["eth0", "net1", "net2"] {
        scene.sandbox.ip(&format!("link delete {link}")).unwrap();
    }
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn del_works_from_the_result_cache_when_the_ledger_is_empty() {
    // After a power cut.
    let scene = Scene::attached();
    std::fs::write(scene.node.state.join("pod"), "").unwrap();
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn an_add_that_fails_undoes_what_it_did() {
    // B4.30, Q8
    let mut scene = Scene::set();
    let broken = json!({"cniVersion": "1.0.0", "name": "broken", "type": "scripted", "script": {"fail": {"verb": "ADD", "code": 111, "msg": "switch unreachable"}}});
    scene.node.definition("shop", "broken", &broken);
    scene.node.pod_with("shop", "web", "lan,storage,broken");
    scene.before = scene.node.snapshot();
    let answer = scene.node.call("ADD", &scene.container, &scene.conf);
    answer.refused(
        111,
        &[
            "[shop/web/:broken]",
            "error adding container to network \"broken\"",
            "switch unreachable",
        ],
    );
    scene.node.nothing_left(&scene.before, &BRIDGES);
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn a_repeated_add_is_refused_and_touches_nothing() {
    let scene = Scene::attached();
    scene
        .node
        .call("ADD", &scene.container, &scene.conf)
        .refused(4, &["shop/web", "attached already"]);
    scene.node.check(&scene.container, &scene.conf);
    scene.del_leaves_nothing(&scene.container);
}

#[test]
fn an_interface_that_exists_is_refused_before_anything_runs() {
    // B4.40
    let scene = Scene::set();
    scene
        .sandbox
        .ip("link add net2 type veth peer name other")
        .unwrap();
    scene
        .node
        .call("ADD", &scene.container, &scene.conf)
        .refused(4, &["shop/web", "\"storage\"", "net2", "already exists"]);
    assert!(scene.node.world.node().link("cluster").unwrap().is_none());
    scene.sandbox.ip("link delete net2").unwrap();
    scene.node.nothing_left(&scene.before, &[]);
}

#[test]
fn add_to_a_namespace_that_is_not_there_is_refused() {
    let scene = Scene::set();
    for netns in ["/run/netns/none", "/etc/hostname"] {
        let container = scene.container.clone().with_netns(netns);
        scene
            .node
            .call("ADD", &container, &scene.conf)
            .refused(4, &["shop/web", netns]);
        scene.node.nothing_left(&scene.before, &[]);
    }
}
