//! GC and STATUS: for configurations of version 1.1.0.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;

/// GC and STATUS are about no container.
pub(crate) fn nobody() -> Container {
    Container {
        id: String::new(),
        netns: String::new(),
        ifname: String::new(),
        args: String::new(),
        environment: Vec::new(),
    }
}

pub(crate) fn stage() -> (Node, Value) {
    let node = Node::with_plugins();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    node.pod_with("shop", "web", "lan");
    node.pod_with("shop", "db", "lan");
    let mut cluster = node.cluster();
    cluster["cniVersion"] = json!("1.1.0");
    let mut conf = node.conf(&[cluster]);
    conf["cniVersion"] = json!("1.1.0");
    (node, conf)
}

fn with_valid(conf: &Value, valid: &[&str]) -> Value {
    let list: Vec<Value> = valid
        .iter()
        .map(|id| json!({"containerID": id, "ifname": "eth0"}))
        .collect();
    let mut conf = conf.clone();
    conf["cni.dev/valid-attachments"] = json!(list);
    conf["cni.dev/attachments"] = json!(list);
    conf
}

#[test]
fn gc_detaches_what_the_runtime_no_longer_knows() {
    // B4.142, Q15
    let (node, conf) = stage();
    let (web, db) = (node.sandbox("web"), node.sandbox("db"));
    let alive = Container::new(&web).of_pod("shop", "web");
    let dead = Container::new(&db).of_pod("shop", "db");
    node.add(&alive, &conf);
    let before = node.snapshot();
    node.add(&dead, &conf);
    node.call("GC", &nobody(), &with_valid(&conf, &["web"]))
        .silent();
    node.check(&alive, &conf);
    assert!(!node.state.join("db").exists());
    assert_eq!(db.links().unwrap().len(), 1);
    assert_eq!(node.status("shop", "web")[1]["name"], "shop/lan");
    node.nothing_left(&before, &[]);
    // The runtime's own DEL may still come.
    node.del(&dead, &conf);
    node.del(&alive, &conf);
}

#[test]
fn gc_reads_the_lists_older_name_too() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("web");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    let mut listed = conf.clone();
    listed["cni.dev/attachments"] = json!([{"containerID": "other", "ifname": "eth0"}]);
    node.call("GC", &nobody(), &listed).silent();
    assert_eq!(sandbox.links().unwrap().len(), 1);
}

#[test]
fn gc_with_an_empty_list_detaches_only_what_has_no_namespace() {
    // CRI-O sends an empty list for every network that is not its default one.
    let (node, conf) = stage();
    let (web, db) = (node.sandbox("web"), node.sandbox("db"));
    let alive = Container::new(&web).of_pod("shop", "web");
    let dead = Container::new(&db).of_pod("shop", "db");
    node.add(&alive, &conf);
    let before = node.snapshot();
    node.add(&dead, &conf);
    node.destroy(db);
    node.call("GC", &nobody(), &with_valid(&conf, &[])).silent();
    node.check(&alive, &conf);
    node.nothing_left(&before, &[]);
    node.del(&alive, &conf);
}

#[test]
fn gc_without_a_list_detaches_nothing() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("web");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    node.destroy(sandbox);
    node.call("GC", &nobody(), &conf).silent();
    assert!(node.state.join("web").exists());
    node.del(&container, &conf);
}

#[test]
fn gc_leaves_the_containers_of_another_configuration_alone() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("web");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    let mut other = with_valid(&conf, &["other"]);
    other["name"] = json!("another-network");
    node.call("GC", &nobody(), &other).silent();
    node.check(&container, &conf);
    node.del(&container, &conf);
}

#[test]
fn gc_undoes_an_add_that_was_cut_short() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("web");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    let mut ledger = node.ledger("web");
    ledger[0]["multusRs"]["container"]["phase"] = json!("attaching");
    std::fs::write(node.state.join("web"), ledger.to_string()).unwrap();
    node.call("GC", &nobody(), &with_valid(&conf, &["other"]))
        .silent();
    std::fs::remove_dir_all(node.manifests.join(".status")).unwrap_or_default();
    node.nothing_left(&before, &["cluster"]);
}

#[test]
fn gc_on_a_node_that_never_attached_anything_succeeds() {
    // B4.140: upstream fails over the missing directory
    let (node, mut conf) = stage();
    conf["cniDir"] = json!(node.world.directory().join("never"));
    node.call("GC", &nobody(), &with_valid(&conf, &["other"]))
        .silent();
}

#[test]
fn gc_and_status_need_a_configuration_of_version_1_1_0() {
    // B1.27
    let (node, mut conf) = stage();
    conf["cniVersion"] = json!("1.0.0");
    node.call("GC", &nobody(), &with_valid(&conf, &[]))
        .refused(1, &["GC"]);
    node.call("STATUS", &nobody(), &conf)
        .refused(1, &["STATUS"]);
}

#[test]
fn status_is_good_where_the_default_network_is() {
    // B4.137, B4.138
    let (node, conf) = stage();
    node.call("STATUS", &nobody(), &conf).silent();
    let mut older = conf.clone();
    older["delegates"] = json!([node.cluster()]);
    node.call("STATUS", &nobody(), &older).silent();
}

#[test]
fn status_says_when_a_plugin_of_the_default_network_is_missing() {
    let (node, mut conf) = stage();
    conf["delegates"][0]["type"] = json!("absent");
    let (code, message) = node.call("STATUS", &nobody(), &conf).error();
    assert_eq!(code, 50, "{message}");
    assert!(
        message.contains("\"cluster\"") && message.contains("absent"),
        "{message}"
    );
}

#[test]
fn status_says_when_no_add_could_write_its_ledger() {
    // B4.137
    let (node, mut conf) = stage();
    let file = node.world.directory().join("no-folder");
    std::fs::write(&file, "").unwrap();
    conf["cniDir"] = json!(file.join("state"));
    node.call("STATUS", &nobody(), &conf)
        .refused(50, &["no-folder/state"]);
}

#[test]
fn status_passes_on_what_the_default_network_says() {
    // B4.138, Q17, T3.18
    let (node, mut conf) = stage();
    for code in [50, 51] {
        let script = json!({"fail": {"verb": "STATUS", "code": code, "msg": "no uplink"}});
        conf["delegates"] = json!([{"cniVersion": "1.1.0", "name": "cluster", "type": "scripted", "script": script}]);
        node.call("STATUS", &nobody(), &conf)
            .refused(code, &["cluster", "no uplink"]);
    }
}

#[test]
fn status_does_not_ask_for_secondary_networks() {
    // B4.139
    let (node, conf) = stage();
    node.definition(
        "shop",
        "lan",
        &json!({"cniVersion": "1.1.0", "name": "lan", "type": "absent"}),
    );
    node.call("STATUS", &nobody(), &conf).silent();
}

#[test]
fn one_plugin_for_the_default_network_and_a_further_one_keeps_what_lives_in_both() {
    // B4.141, B4.142: upstream's maintainers keep to the default network for fear of this
    let (node, mut conf) = stage();
    let mut shared = node.cluster();
    shared["cniVersion"] = json!("1.1.0");
    node.definition("shop", "shared", &shared);
    conf["delegates"] = json!([shared]);
    for pod in ["web", "db"] {
        node.pod_with("shop", pod, "shared");
    }
    let (web, db) = (node.sandbox("web"), node.sandbox("db"));
    let alive = Container::new(&web).of_pod("shop", "web");
    let dead = Container::new(&db).of_pod("shop", "db");
    node.add(&alive, &conf);
    let before = node.snapshot();
    node.add(&dead, &conf);
    for _ in 0..2 {
        node.call("GC", &nobody(), &with_valid(&conf, &["web"]))
            .silent();
        node.check(&alive, &conf);
        assert_eq!(web.links().unwrap().len(), 3);
        assert_eq!(db.links().unwrap().len(), 1);
        node.nothing_left(&before, &[]);
    }
    node.del(&alive, &conf);
}

#[test]
fn status_and_gc_need_no_cni_args() {
    // T5.2
    let (node, conf) = stage();
    for verb in ["STATUS", "GC"] {
        node.call(verb, &nobody(), &with_valid(&conf, &["web"]))
            .silent();
        let run = node.world.command(&node.multus).env("CNI_COMMAND", verb);
        let run = run.env("CNI_PATH", &node.plugins).stdin(conf.to_string());
        suites::multus::Answer(run.run().unwrap()).silent();
    }
}
