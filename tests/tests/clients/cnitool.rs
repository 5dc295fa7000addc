//! `cnitool`: libcni as a person calls it. It is the reference for what a runtime sends.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::{Value, json};
use suites::multus::Answer;
use suites::node::Node;
use testkit::leaks::Snapshot;
use testkit::netns::Sandbox;
use testkit::tools::{self, Part};

/// A node whose network configuration `cnitool` reads.
struct Scene {
    node: Node,
    cnitool: PathBuf,
    sandbox: Sandbox,
    before: Snapshot,
}

impl Scene {
    fn set() -> Self {
        let node = Node::with_plugins();
        symlink(&node.multus, node.plugins.join("multus")).unwrap();
        node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
        node.definition("shop", "storage", &storage(&node));
        node.pod_with("shop", "web", "lan,storage@disk0");
        // libcni keeps its results below /var/lib/cni.
        let hide = "mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/cni";
        node.world.command("sh").args(["-c", hide]).check().unwrap();
        let sandbox = node.sandbox("pod");
        let before = node.snapshot();
        Self {
            cnitool: tools::program(Part::Cnitool, "cnitool").unwrap(),
            node,
            sandbox,
            before,
        }
    }

    /// Writes the configuration file of the network `pods`, in place of any other.
    fn configure(&self, version: &str, file: &str, delegates: &[Value]) {
        for entry in fs::read_dir(&self.node.configurations).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        let mut conf = self.node.conf(delegates);
        conf["cniVersion"] = json!(version);
        conf["name"] = json!("pods");
        if file.ends_with(".conflist") {
            conf = json!({"cniVersion": version, "name": "pods", "plugins": [conf]});
        }
        fs::write(self.node.configurations.join(file), conf.to_string()).unwrap();
    }

    /// `cnitool <verb> pods <sandbox>`.
    fn run(&self, verb: &str, args: &str) -> Answer {
        let run = self.node.world.command(&self.cnitool);
        let run = run
            .args([
                verb.as_ref(),
                "pods".as_ref(),
                self.sandbox.path().as_os_str(),
            ])
            .env("NETCONFPATH", &self.node.configurations)
            .env("CNI_PATH", &self.node.plugins)
            .env("CNI_ARGS", args);
        Answer(run.run().unwrap())
    }

    /// The interfaces in the sandbox, without loopback.
    fn interfaces(&self) -> Vec<String> {
        let links = self.sandbox.links().unwrap();
        links
            .into_iter()
            .map(|link| link.name)
            .filter(|name| name != "lo")
            .collect()
    }
}

fn storage(node: &Node) -> Value {
    node.bridge("storage", &["10.90.0.0/24"], &["172.31.0.0/16"])
}

const POD: &str = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web";

/// The whole life of an attachment by a configuration of this version.
#[track_caller]
fn three_interfaces_come_and_go(version: &str, file: &str) {
    let scene = Scene::set();
    scene.configure(version, file, &[scene.node.cluster()]);

    let result = scene.run("add", POD).result();
    assert_eq!(result["cniVersion"], version);
    assert_eq!(result["ips"][0]["address"], "10.88.0.2/24");
    assert_eq!(scene.interfaces(), ["eth0", "net1", "disk0"]);
    assert_eq!(
        scene.node.status("shop", "web")[2]["ips"],
        json!(["10.90.0.2"])
    );

    if version != "0.3.1" {
        scene.run("check", POD).good();
    }
    scene.run("del", POD).good();
    assert!(scene.interfaces().is_empty());
    scene
        .node
        .nothing_left(&scene.before, &["cluster", "storage"]);
    scene.run("del", POD).good();
}

#[test]
fn a_list_of_version_0_3_1_attaches_three_interfaces() {
    three_interfaces_come_and_go("0.3.1", "10-pods.conflist");
}

#[test]
fn a_list_of_version_0_4_0_attaches_three_interfaces() {
    three_interfaces_come_and_go("0.4.0", "10-pods.conflist");
}

#[test]
fn a_list_of_version_1_0_0_attaches_three_interfaces() {
    three_interfaces_come_and_go("1.0.0", "10-pods.conflist");
}

#[test]
fn a_list_of_version_1_1_0_attaches_three_interfaces() {
    three_interfaces_come_and_go("1.1.0", "10-pods.conflist");
}

#[test]
fn a_single_configuration_of_each_version_attaches_three_interfaces() {
    for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        three_interfaces_come_and_go(version, "10-pods.conf");
    }
}

#[test]
fn without_a_pods_name_the_inline_delegates_are_attached() {
    let scene = Scene::set();
    let node = &scene.node;
    let delegates = [
        node.cluster(),
        node.macvlan("lan", "10.89.0.0/24"),
        storage(node),
    ];
    scene.configure("1.0.0", "10-pods.conflist", &delegates);
    scene.run("add", "").result();
    assert_eq!(scene.interfaces(), ["eth0", "net1", "net2"]);
    assert!(!node.manifests.join(".status").exists());
    scene.run("check", "").good();
    scene.run("del", "").good();
    node.nothing_left(&scene.before, &["cluster", "storage"]);
}

#[test]
fn check_tells_that_a_secondary_interface_is_gone() {
    let scene = Scene::set();
    scene.configure("1.0.0", "10-pods.conflist", &[scene.node.cluster()]);
    scene.run("add", POD).result();
    scene.sandbox.ip("link delete disk0").unwrap();
    let check = scene.run("check", POD);
    assert!(!check.0.status.success());
    let said = check.0.stderr_text() + &check.0.stdout_text();
    assert!(said.contains("storage"), "{said}");
    scene.run("del", POD).good();
    scene
        .node
        .nothing_left(&scene.before, &["cluster", "storage"]);
}

#[test]
fn an_add_that_is_refused_says_why() {
    let scene = Scene::set();
    scene.configure("1.0.0", "10-pods.conflist", &[scene.node.cluster()]);
    scene.node.pod_with("shop", "web", "nowhere");
    let before = scene.node.snapshot();
    let add = scene.run("add", POD);
    let said = add.0.stderr_text() + &add.0.stdout_text();
    assert!(!add.0.status.success());
    assert!(
        said.contains("shop/web") && said.contains("nowhere"),
        "{said}"
    );
    scene.node.nothing_left(&before, &[]);
}

#[test]
fn status_and_gc_of_version_1_1_0_are_answered() {
    let scene = Scene::set();
    scene.configure("1.1.0", "10-pods.conflist", &[scene.node.cluster()]);
    scene.run("status", "").good();
    scene.run("add", POD).result();
    // cnitool knows of no container, so that all that libcni has cached goes.
    scene.run("gc", "").good();
    assert!(scene.interfaces().is_empty());
    scene
        .node
        .nothing_left(&scene.before, &["cluster", "storage"]);
}
