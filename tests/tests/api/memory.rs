//! What an ADD needs of the node's memory.

use suites::cluster::ClusterNode;

/// For a pod with three networks, over TLS; of a program built as `cargo xtask test system` builds it.
const MOST: u64 = 12 << 20;

#[test]
fn an_add_with_three_networks_needs_at_most_twelve_megabytes() {
    let node = ClusterNode::new("memory");
    for (name, address) in [("net-a", "10.1.0.2/24"), ("net-b", "10.2.0.2/24")] {
        node.define(name, &node.scripted(name, address));
    }
    let pod = node.pod("web", "net-a,net-b");
    let run = pod
        .container
        .describe("ADD", node.world.command(&node.multus))
        .env("CNI_PATH", &node.plugins)
        .stdin(node.scripted_conf().to_string());

    let done = run.measure_memory().check().unwrap();

    let peak = done.peak_memory.unwrap();
    let text = format!(
        "{}: {} KiB resident at most",
        node.multus.display(),
        peak >> 10
    );
    println!("{text}");
    assert!((1 << 20..=MOST).contains(&peak), "{text}");
    assert_eq!(node.attachments_of(&pod).len(), 3);
}
