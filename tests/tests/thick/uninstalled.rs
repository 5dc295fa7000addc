//! A node that was given back to its primary network: its runtime calls nobody of ours any more.

use suites::multus::program;
use suites::thick::ThickNode;
use testkit::world::Finished;

#[track_caller]
fn uninstall(node: &ThickNode) -> String {
    let command = node.world.command(program("multus-daemon"));
    let command = command.arg("-config").arg(&node.config).arg("uninstall");
    let done: Finished = command.run().unwrap();
    assert!(done.status.success(), "{done:?}");
    done.stdout_text()
}

#[test]
fn pods_that_end_after_an_uninstallation_are_detached_from_all_of_their_networks() {
    // row 4
    let node = ThickNode::new("thick-uninstalled");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let daemon = node.started();
    let conf = node.generated();
    let (stays, ends) = (node.pod("stays", "net-a"), node.pod("ends", "net-a"));
    for pod in [&stays, &ends] {
        node.add(pod, &conf).good();
    }
    daemon.stop();
    let told = uninstall(&node);
    assert!(!node.own_file().exists());
    assert!(
        told.contains("2 sandboxes that Multus attached are left"),
        "{told}"
    );
    let before = node.calls().len();

    // containerd calls the primary's plugins alone, and removes the sandbox.
    let id = ends.container.id.clone();
    node.destroy(ends.sandbox);
    let told = uninstall(&node);

    assert!(told.contains("1 sandboxes"), "{told}");
    assert_eq!(
        node.calls().split_off(before),
        ["DEL net-a net1", "DEL cluster eth0"]
    );
    assert!(!node.state.join(id).exists() && node.state.join(&stays.container.id).exists());

    // A runtime that remembers our configuration calls the plugin, which stays.
    node.del(&stays, &conf);
    let told = uninstall(&node);
    assert!(
        told.contains("nothing is left of what Multus attached"),
        "{told}"
    );
}
