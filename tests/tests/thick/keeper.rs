//! Another program at the node's configuration: it is told who, where people look for it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use serde_json::{Value, json};
use suites::multus::program;
use suites::scene::until;
use suites::thick::{Daemon, ThickNode};

/// A daemon on a node with a name of its own, since events on nodes are in no test's namespace.
#[track_caller]
fn started(node: &ThickNode) -> Daemon {
    let name = format!("MULTUS_NODE_NAME={}", node.namespace);
    let command = node.world.command("env").arg(name);
    let daemon = node.start_by(command.arg(program("multus-daemon")));
    node.until_ready();
    daemon
}

/// The events about the node, as `type reason message`.
#[track_caller]
fn events(node: &ThickNode) -> Vec<String> {
    let list = node
        .api
        .client()
        .get("/api/v1/namespaces/default/events")
        .unwrap();
    let all = list["items"].as_array().cloned().unwrap_or_default();
    let about_node = all.iter().filter(|event| {
        let about = &event["involvedObject"];
        let name = node.namespace.as_str();
        about["kind"] == "Node" && about["name"] == name && about["uid"] == name
    });
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    about_node
        .map(|event| {
            format!(
                "{} {} {}",
                word(event, "type"),
                word(event, "reason"),
                word(event, "message")
            )
        })
        .collect()
}

fn count(node: &ThickNode, reason: &str) -> String {
    let (_, text) = node.ask("/metrics").unwrap();
    let name = format!("multus_configuration_reports_total{{reason=\"{reason}\"}} ");
    let mut lines = text.lines();
    lines
        .find_map(|line| line.strip_prefix(&name))
        .unwrap_or("none")
        .to_owned()
}

#[test]
fn a_program_that_renames_our_configuration_is_named_on_the_node_and_counted() {
    // Row 8 of what users report
    let node = ThickNode::new("keeper-renamed");
    let _daemon = started(&node);
    let away = node.configurations.join("00-multus.conf.cilium_bak");

    fs::rename(node.own_file(), away).unwrap();

    until("the node is told", || {
        let told = "Warning ConfigurationRepaired another program renamed 00-multus.conf to 00-multus.conf.cilium_bak, as Cilium does";
        events(&node).iter().any(|event| event.starts_with(told))
    });
    assert!(node.own_file().exists());
    assert_eq!(count(&node, "ConfigurationRepaired"), "1");
    assert_eq!(count(&node, "PluginAppended"), "none");
    let adopted = |event: &String| event.starts_with("Normal PrimaryAdopted ");
    assert_eq!(
        events(&node).iter().filter(|event| adopted(event)).count(),
        1
    );
}

#[test]
fn want_of_descriptors_is_told_and_taken_for_no_damage() {
    let node = ThickNode::new("keeper-want");
    let told = node.world.directory().join("told");
    let line = format!("exec \"$0\" \"$@\" 2>{}", told.display());
    let command = node.world.command("sh").args(["-c", &line]);
    let daemon = node.start_by(command.arg(program("multus-daemon")));
    node.until_ready();
    let (own, list) = (
        node.own_file(),
        node.configurations.join("00-multus.conflist"),
    );
    let inode = || fs::metadata(&own).unwrap().ino();
    let before = inode();
    let allow = |descriptors: &str| {
        let limit = format!("--nofile={descriptors}");
        let process = format!("--pid={}", daemon.0.pid());
        let set = node.world.command("prlimit").args([&limit, &process]);
        assert!(set.run().unwrap().status.success());
    };
    allow("4:4096");

    // The kernel tells of it.
    fs::write(list, "").unwrap();

    let log = || fs::read_to_string(&told).unwrap_or_default();
    let text = "cannot be looked at, and is left as it is until it can: ";
    until("it is told", || log().contains(text));
    allow("4096:4096");
    until("it looks again", || {
        let ready = node.ask("/readyz");
        ready.is_some_and(|(status, told)| status == 200 && !told.contains(text))
    });
    let log = log();
    assert!(!log.contains("another program changed"), "{log}");
    assert_eq!(inode(), before);
    assert_eq!(count(&node, "ConfigurationRepaired"), "none");
}

#[test]
fn a_plugin_that_another_program_puts_behind_ours_is_named_on_the_node_and_counted() {
    // Neighbours: Istio makes a list of our file
    let node = ThickNode::new("keeper-appended");
    let _daemon = started(&node);
    let own = node.generated();
    let list = json!({
        "cniVersion": own["cniVersion"],
        "name": own["name"],
        "plugins": [own, {"type": "istio-cni", "name": "istio-cni"}],
    });
    let path = node.configurations.join("00-multus.conflist");
    fs::write(&path, list.to_string()).unwrap();
    fs::remove_file(node.own_file()).unwrap();

    until("the node is told", || {
        let told =
            "Warning PluginAppended another program appended istio-cni to 00-multus.conflist";
        events(&node).iter().any(|event| event.starts_with(told))
    });
    assert_eq!(count(&node, "PluginAppended"), "1");
    assert!(path.exists());
}
