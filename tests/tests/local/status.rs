//! The status file: what the pod would carry as `network-status`.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;

fn stage() -> (Node, Value) {
    let node = Node::with_plugins();
    node.definition("shop", "lan", &node.macvlan("lan", "10.89.0.0/24"));
    let storage = node.bridge("storage", &["10.90.0.0/24"], &["172.31.0.0/16"]);
    node.definition("shop", "storage", &storage);
    node.pod_with("shop", "web", "lan,storage@disk0");
    let conf = node.conf(&[node.cluster()]);
    (node, conf)
}

#[test]
fn the_status_file_holds_what_the_pod_would_carry() {
    // B3.70–B3.74, B3.77
    let (node, conf) = stage();
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    let mac = |name| sandbox.link(name).unwrap().unwrap().mac;
    let expected = json!([
        {"name": "cluster", "interface": "eth0", "ips": ["10.88.0.2"], "mac": mac("eth0"), "default": true, "dns": {},
         "gateway": ["10.88.0.1"]},
        {"name": "shop/lan", "interface": "net1", "ips": ["10.89.0.2"], "mac": mac("net1"), "dns": {}},
        {"name": "shop/storage", "interface": "disk0", "ips": ["10.90.0.2"], "mac": mac("disk0"), "dns": {}},
    ]);
    assert_eq!(node.status("shop", "web"), expected);
    let text = std::fs::read_to_string(node.status_file("shop", "web")).unwrap();
    assert!(
        text.starts_with("[{\n    \"name\": \"cluster\",\n    \"interface\": \"eth0\",\n"),
        "{text}"
    );
    assert!(
        text.contains("\n},{\n    \"name\": \"shop/lan\","),
        "{text}"
    );
    node.del(&container, &conf);
}

#[test]
fn del_removes_the_status_file() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.add(&container, &conf);
    assert!(node.status_file("shop", "web").is_file());
    node.del(&container, &conf);
    assert!(!node.status_file("shop", "web").exists());
    node.nothing_left(&before, &["cluster", "storage"]);
}

#[test]
fn del_knows_the_pod_from_the_ledger_where_the_runtime_does_not_say_it() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("pod");
    node.add(&Container::new(&sandbox).of_pod("shop", "web"), &conf);
    node.del(&Container::new(&sandbox), &conf);
    assert!(!node.status_file("shop", "web").exists());
}

#[test]
fn del_of_an_old_sandbox_keeps_the_status_of_the_new_one() {
    let (node, conf) = stage();
    let (old, new) = (node.sandbox("old"), node.sandbox("new"));
    let old = Container::new(&old).of_pod("shop", "web");
    let new = Container::new(&new).of_pod("shop", "web");
    node.add(&old, &conf);
    node.add(&new, &conf);
    let status = node.status("shop", "web");
    assert_eq!(status[0]["ips"], json!(["10.88.0.3"]));

    node.del(&old, &conf);
    assert_eq!(node.status("shop", "web"), status);
    // A runtime may ask again.
    node.del(&old, &conf);
    assert_eq!(node.status("shop", "web"), status);

    node.del(&new, &conf);
    assert!(!node.status_file("shop", "web").exists());
}

#[test]
fn an_add_that_fails_leaves_no_status() {
    let (node, conf) = stage();
    let broken = json!({"cniVersion": "1.0.0", "name": "broken", "type": "scripted", "script": {"fail": {"verb": "ADD", "code": 110, "msg": "no"}}});
    node.definition("shop", "broken", &broken);
    node.pod_with("shop", "web", "lan,broken");
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.call("ADD", &container, &conf)
        .refused(110, &["shop/web", "broken", "no"]);
    node.nothing_left(&before, &["cluster"]);
}

#[test]
fn an_add_that_fails_keeps_the_status_of_another_sandbox() {
    let (node, conf) = stage();
    let (old, new) = (node.sandbox("old"), node.sandbox("new"));
    let old = Container::new(&old).of_pod("shop", "web");
    let new = Container::new(&new).of_pod("shop", "web");
    node.add(&old, &conf);
    let status = node.status("shop", "web");
    node.pod_with("shop", "web", "nowhere");
    node.call("ADD", &new, &conf).refused(7, &["nowhere"]);
    node.del(&new, &conf);
    assert_eq!(node.status("shop", "web"), status);
    node.del(&old, &conf);
    assert!(!node.status_file("shop", "web").exists());
}

#[test]
fn a_status_that_cannot_be_written_undoes_the_attachments() {
    let (node, conf) = stage();
    std::fs::write(node.manifests.join(".status"), "in the way").unwrap();
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    let before = node.snapshot();
    node.call("ADD", &container, &conf)
        .refused(5, &["shop/web", "status"]);
    node.nothing_left(&before, &["cluster", "storage"]);
}

#[test]
fn del_does_not_fail_over_a_status_file() {
    let (node, conf) = stage();
    let sandbox = node.sandbox("pod");
    let container = Container::new(&sandbox).of_pod("shop", "web");
    node.add(&container, &conf);
    let file = node.status_file("shop", "web");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let answer = node.call("DEL", &container, &conf);
    answer.silent();
    assert!(
        answer.0.stderr_text().contains(file.to_str().unwrap()),
        "{}",
        answer.0.stderr_text()
    );
}
