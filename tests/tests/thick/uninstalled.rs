//! A node that was given back to its primary network: its runtime calls nobody of ours any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::json;
use suites::multus::program;
use suites::scene::until;
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

    assert!(
        told.contains("1 sandbox that Multus attached is left"),
        "{told}"
    );
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

/// A runtime that remembers our configuration goes on to call the plugin, with pods that come and go.
#[test]
fn a_pod_that_comes_while_multus_goes_has_everything_or_nothing_and_can_be_deleted() {
    let node = ThickNode::new("thick-uninstalled-busy");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let daemon = node.started();
    let mut conf = node.generated();
    conf["timeouts"] = json!({"add": "20s"});
    let before = node.snapshot();
    let names: Vec<String> = (0..40).map(|number| format!("busy-{number}")).collect();
    let pods: Vec<_> = names.iter().map(|name| node.pod(name, "net-a")).collect();
    let is_gone = AtomicBool::new(false);
    let expected = |pod: &_| {
        let net_a = (format!("{}/net-a", node.namespace), "net1".to_owned());
        assert_eq!(
            node.attachments_of(pod),
            [("cluster".to_owned(), "eth0".to_owned()), net_a]
        );
    };
    let (mut attached, mut refused) = (0, 0);
    thread::scope(|scope| {
        let streams: Vec<_> = pods
            .chunks(10)
            .map(|pods| {
                let (node, conf, is_gone, expected) = (&node, &conf, &is_gone, &expected);
                scope.spawn(move || {
                    let (mut attached, mut refused) = (0, 0);
                    for pod in pods {
                        let answer = node.add(pod, conf);
                        match answer.0.status.success() {
                            true => {
                                expected(pod);
                                attached += 1;
                            }
                            false => {
                                answer.refused(11, &["waited", "for the node's multus-daemon"]);
                                refused += 1;
                            }
                        }
                        node.del(pod, conf);
                        if is_gone.load(Ordering::Relaxed) && refused > 0 {
                            break;
                        }
                    }
                    (attached, refused)
                })
            })
            .collect();
        until("pods come", || node.calls().len() > 8);
        daemon.stop();
        uninstall(&node);
        is_gone.store(true, Ordering::Relaxed);
        for stream in streams {
            let (more, less) = stream.join().unwrap();
            attached += more;
            refused += less;
        }
    });
    assert!(attached > 0 && refused > 0, "{attached}, {refused}");
    assert!(!node.own_file().exists());
    pods.into_iter().for_each(|pod| node.destroy(pod.sandbox));
    node.nothing_left(&before, &[]);
}
