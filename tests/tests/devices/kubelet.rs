//! The kubelet as it may be found: gone, old, stuck, large.

use suites::cluster::ClusterNode;
use suites::node::NETWORKS;
use testkit::kubelet::{Answer, PodResources, checkpoint};

use crate::stage::*;

/// Of a program built as `cargo xtask test system` builds it.
const PEAK: u64 = 12 << 20;

#[test]
fn without_socket_and_checkpoint_the_add_fails_and_names_both() {
    // B10.21, B10.22, B5.81, T2.18
    let node = ClusterNode::new("gone");
    let _folders = node.kubelet();
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = web(&node, "net");
    let before = node.snapshot();

    let name = format!("{}/web", node.namespace);
    node.add(&pod, &node.scripted_conf()).refused(
        11,
        &[
            &format!(
                "Multus: [{name}/{}]: failed to find the devices of pod {name}:",
                pod.uid
            ),
            "neither its socket /var/lib/kubelet/pod-resources/kubelet.sock",
            "nor its checkpoint /var/lib/kubelet/device-plugins/kubelet_internal_checkpoint",
        ],
    );

    node.nothing_done(&before, &pod);
    let events = node.events_of(&pod);
    assert!(
        events.len() == 1
            && events[0].starts_with("Warning FailedAttachment failed to find the devices of pod"),
        "{events:?}"
    );
    assert!(calls(&node, "ADD").is_empty());
}

#[test]
fn a_node_without_the_socket_is_asked_by_its_checkpoint() {
    // B5.81, T6.3, T6.4
    let node = ClusterNode::new("old");
    let kubelet = node.kubelet();
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = web(&node, "net,net");
    kubelet.write_checkpoint(&checkpoint(&[
        ("somebody-else", NIC, &["0000:99:00.0"]),
        (&pod.uid, NIC, &["0000:03:02.1", "0000:03:02.0"]),
    ]));

    node.add(&pod, &node.scripted_conf()).good();

    let devices: Vec<_> = calls(&node, "ADD").iter().map(seen).collect();
    assert_eq!(devices, ["0000:03:02.0", "0000:03:02.1"].map(everywhere));
}

#[test]
fn a_static_pod_stands_in_the_checkpoint_under_the_kubelets_own_uid() {
    // Q78
    let node = ClusterNode::new("static");
    let kubelet = node.kubelet();
    define(&node, "net", NIC, &sriov(&node, "net"));
    let annotations = [(NETWORKS, "net"), ("kubernetes.io/config.source", "file")];
    let pod = node.annotated_pod("web", &annotations);
    let mirrored = node.sandbox_of(&node.namespace, "web-2", &pod.uid);
    let args = pod.container.args.replace(&pod.uid, "hash-of-the-file");
    kubelet.write_checkpoint(&checkpoint(&[
        (&pod.uid, NIC, &["0000:99:00.0"]),
        ("hash-of-the-file", NIC, &["0000:03:02.0"]),
    ]));
    let container = mirrored.container.clone().with_args(&args);

    node.call("ADD", &container, &node.scripted_conf()).good();

    assert_eq!(
        calls(&node, "ADD").iter().map(seen).collect::<Vec<_>>(),
        [everywhere("0000:03:02.0")]
    );
}

#[test]
fn a_checkpoint_that_cannot_be_read_fails_the_add() {
    // T6.3
    let node = ClusterNode::new("broken");
    let kubelet = node.kubelet();
    kubelet.write_checkpoint("{\"Data\":");
    define(&node, "net", NIC, &sriov(&node, "net"));

    node.add(&web(&node, "net"), &node.scripted_conf()).refused(
        5,
        &["error reading file /var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"],
    );
}

#[test]
fn a_kubelet_that_refuses_is_quoted() {
    // T6.4
    let node = ClusterNode::new("refusing");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Refuse(8, "rejected by rate limit"));
    define(&node, "net", NIC, &sriov(&node, "net"));

    node.add(&web(&node, "net"), &node.scripted_conf()).refused(
        11,
        &[
            "failed to ask the kubelet at /var/lib/kubelet/pod-resources/kubelet.sock",
            "rejected by rate limit",
        ],
    );
}

#[test]
fn a_kubelet_that_hangs_costs_no_more_than_one_request_may() {
    let node = ClusterNode::new("hanging");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Hang);
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = web(&node, "net");
    let before = node.snapshot();

    let answer = node.add(&pod, &node.impatient_conf());

    answer.refused(11, &["no answer within "]);
    let text = answer.error().1;
    let (_, time) = text.split_once("no answer within ").unwrap();
    let (seconds, _) = time.split_once(" s").unwrap();
    // The configured 2 s, less what was used up; neither the kubelet's 10 s nor those of the whole ADD.
    assert!(seconds.parse::<f64>().unwrap() <= 2.0, "{text}");
    node.nothing_done(&before, &pod);
}

#[test]
fn a_full_nodes_list_keeps_the_plugin_small() {
    let node = ClusterNode::new("memory");
    let kubelet = node.kubelet();
    let mut pods: Vec<PodResources> = (0..250)
        .map(|number| {
            let ids: Vec<String> = (0..8)
                .map(|id| format!("0000:{number:02x}:{id:02x}.0"))
                .collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            PodResources::with("elsewhere", &format!("pod-{number}"), NIC, &ids)
        })
        .collect();
    pods.push(PodResources::with(
        &node.namespace,
        "web",
        NIC,
        &["0000:03:02.0"],
    ));
    let _service = kubelet.serve(Answer::Pods(pods));
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = web(&node, "net");

    let run = pod
        .container
        .describe("ADD", node.world.command(&node.multus));
    let run = run
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
    assert!((1 << 20..=PEAK).contains(&peak), "{text}");
    assert_eq!(seen(&calls(&node, "ADD")[0]), everywhere("0000:03:02.0"));
}
