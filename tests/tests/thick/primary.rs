//! The primary network's configuration changes, breaks or goes while pods come.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use suites::scene::until;
use suites::thick::{ThickNode, answer};

fn file(node: &ThickNode) -> PathBuf {
    node.primaries.join("10-cluster.conf")
}

/// What `/readyz` says of the configuration.
fn configuration(node: &ThickNode) -> String {
    let told = node.ask("/readyz").unwrap_or_default().1;
    told.lines().next().unwrap_or_default().to_owned()
}

/// The network that a new pod gets.
#[track_caller]
fn network_of(node: &ThickNode, pod: &str) -> String {
    let pod = node.annotated_pod(pod, &[]);
    node.add(&pod, &node.generated()).good();
    let attachments = node.attachments_once(&pod);
    assert_eq!(attachments.len(), 1);
    node.del(&pod, &node.generated());
    attachments[0].0.clone()
}

fn replace(node: &ThickNode, network: &Value) {
    let beside = node.primaries.join(".new");
    fs::write(&beside, network.to_string()).unwrap();
    fs::rename(&beside, file(node)).unwrap();
}

#[test]
fn a_primary_that_is_replaced_counts_for_the_next_pod() {
    // B6.75
    let node = ThickNode::new("primary-replaced");
    let _daemon = node.started();
    assert_eq!(network_of(&node, "before"), "cluster");

    replace(&node, &node.scripted("other", "10.9.0.2/24"));

    until("it is adopted", || {
        configuration(&node).contains("is other of")
    });
    assert_eq!(network_of(&node, "after"), "other");
}

#[test]
fn a_primary_that_is_broken_leaves_its_last_good_content_in_force_and_one_that_is_gone_is_waited_for()
 {
    // Q9
    let node = ThickNode::new("primary-broken");
    let daemon = node.started();
    let own = node.generated();
    let told = |text: &str| {
        until(text, || {
            let log = node.ask("/metrics").unwrap_or_default().1;
            log.contains(text)
        });
    };
    fs::write(file(&node), "{\"cniVersion\": ").unwrap();
    told("PrimaryBroken");
    let state = configuration(&node);
    assert!(state.starts_with("[+]configuration: in force, "), "{state}");
    let broken =
        "; the primary's configuration 10-cluster.conf cannot be used, what it was before ";
    assert!(state.contains(broken), "{state}");
    assert_eq!(network_of(&node, "broken"), "cluster");
    // A daemon that starts now goes on with what is recorded.
    daemon.stop();
    let _successor = node.start();
    assert_eq!(network_of(&node, "restarted"), "cluster");
    fs::remove_file(file(&node)).unwrap();
    told("PrimaryGone");
    assert_eq!(node.generated(), own, "it is never removed");
    let pod = node.annotated_pod("gone", &[]);
    let mut add = node.begin_add(&pod, &own);
    until("it waits", || {
        let lock = format!(".lock-{}", pod.container.id);
        node.state.join(lock).exists()
    });
    assert!(add.is_running().unwrap());

    node.add_primary();

    answer(add).good();
    assert_eq!(network_of(&node, "back"), "cluster");
    assert_eq!(node.generated(), own);
}

#[test]
fn a_primary_that_is_renamed_is_followed() {
    let node = ThickNode::new("primary-renamed");
    let _daemon = node.started();
    let before = node.generated();
    let network = node.scripted("cluster", "10.9.0.2/24");
    let list = json!({"cniVersion": "1.0.0", "name": "listed", "plugins": [network]});
    let renamed = node.primaries.join("10-cluster.conflist");
    fs::write(node.primaries.join(".new"), list.to_string()).unwrap();
    fs::rename(node.primaries.join(".new"), &renamed).unwrap();
    fs::remove_file(file(&node)).unwrap();

    until("it is followed", || {
        configuration(&node).contains("10-cluster.conflist")
    });

    assert_eq!(network_of(&node, "web"), "listed");
    // A runtime that has not read our new configuration yet, or called by the old one while that was waited for.
    let pod = node.annotated_pod("late", &[]);
    node.add(&pod, &before).good();
    let attachment = [("listed".to_owned(), "eth0".to_owned())];
    assert_eq!(node.attachments_once(&pod), attachment);
    node.del(&pod, &before);
    let pod = node.annotated_pod("upstreams", &[]);
    let mut asked = node.begin_asking("/cni", &node.question(&pod.container, "ADD", &before));
    let mut answer = String::new();
    asked.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(node.attachments_once(&pod), attachment);
}

#[test]
fn an_add_that_names_the_former_primary_finds_the_present_one_with_the_next_daemon_too() {
    let node = ThickNode::new("primary-former");
    let daemon = node.started();
    let before = node.generated();
    let renamed = node.primaries.join("10-cluster.conflist");
    let network = node.scripted("cluster", "10.9.0.2/24");
    let list = json!({"cniVersion": "1.0.0", "name": "listed", "plugins": [network]});
    fs::write(node.primaries.join(".new"), list.to_string()).unwrap();
    fs::rename(node.primaries.join(".new"), &renamed).unwrap();
    fs::remove_file(file(&node)).unwrap();
    until("it is followed", || {
        configuration(&node).contains("10-cluster.conflist")
    });
    daemon.stop();

    let pod = node.annotated_pod("late", &[]);
    let waiting = node.begin_add(&pod, &before);
    let _successor = node.started();

    answer(waiting).good();
    let attachment = [("listed".to_owned(), "eth0".to_owned())];
    assert_eq!(node.attachments_once(&pod), attachment);
}
