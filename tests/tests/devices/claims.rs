//! Devices of dynamic resource allocation, from objects of a real API (B5.82, T2.21, T6.5).

use suites::cluster::{ClusterNode, Pod};
use suites::node::NETWORKS;
use testkit::kube::{AllocatedDevice, OURS, Rule, SliceDevice};
use testkit::kubelet::Answer;

use crate::stage::*;

/// A driver that no other test's node has.
fn driver(node: &ClusterNode) -> String {
    format!("{}.example.com", node.namespace)
}

/// A pod `web` for this network whose claims these are.
#[track_caller]
fn claiming(node: &ClusterNode, networks: &str, claims: &[(&str, Option<&str>)]) -> Pod {
    let annotations = [(NETWORKS, networks)];
    let client = node.api.client();
    let uid = client.create_pod_with_claims(&node.namespace, "web", &annotations, claims, &[]);
    node.sandbox_of(&node.namespace, "web", &uid.unwrap())
}

/// Publishes devices of a driver's pool for the pod's node: name, id, resource name.
#[track_caller]
fn publish(node: &ClusterNode, driver: &str, pool: &str, devices: &[(&str, &str, &str)]) {
    let devices: Vec<SliceDevice<'_>> = devices
        .iter()
        .map(|(name, id, resource)| SliceDevice {
            name,
            device_id: Some(*id).filter(|id| !id.is_empty()),
            resource_name: Some(*resource).filter(|resource| !resource.is_empty()),
        })
        .collect();
    let client = node.api.client();
    client.create_slice(driver, None, pool, &devices).unwrap();
}

/// Creates a claim and allocates these devices of a driver's pool `p` to it.
#[track_caller]
fn allocate(node: &ClusterNode, claim: &str, driver: &str, devices: &[&str]) {
    let client = node.api.client();
    client.create_claim(&node.namespace, claim, &["r"]).unwrap();
    let devices: Vec<AllocatedDevice<'_>> = devices
        .iter()
        .map(|device| AllocatedDevice {
            request: "r",
            driver,
            pool: "p",
            device,
        })
        .collect();
    client.allocate(&node.namespace, claim, &devices).unwrap();
}

#[track_caller]
fn devices(node: &ClusterNode) -> Vec<[String; 3]> {
    calls(node, "ADD").iter().map(seen).collect()
}

#[test]
fn the_device_of_a_claim_is_found_with_one_read_and_one_list() {
    // T7.9, T2.21, T6.5
    let node = ClusterNode::new("claim");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Pods(Vec::new()));
    let driver = driver(&node);
    publish(
        &node,
        &driver,
        "p",
        &[("vf-0", "0000:03:02.0", NIC), ("vf-1", "0000:03:02.1", NIC)],
    );
    allocate(&node, "nic", &driver, &["vf-1"]);
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = claiming(&node, "net", &[("nic", Some("nic"))]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(devices(&node), [everywhere("0000:03:02.1")]);
    let mut requests = node.requests();
    let asked = requests.iter().position(|line| line.contains("claims"));
    let mut requests = requests.split_off(asked.unwrap());
    requests.truncate(3);
    assert_eq!(
        requests,
        [
            "get resourceclaims nic 200",
            "list resourceslices 200",
            "patch pods/status web 200",
        ]
    );
}

#[test]
fn claims_and_the_kubelet_add_up_and_other_drivers_devices_are_passed_over() {
    // T2.21: multi-network pod, GPU without attributes; B5.83
    let node = ClusterNode::new("both");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &["0000:03:02.1"]));
    let (driver, gpu) = (driver(&node), format!("gpu.{}", driver(&node)));
    publish(
        &node,
        &driver,
        "p",
        &[("vf-0", "0000:03:02.0", NIC), ("x", "other-1", OTHER)],
    );
    publish(&node, &gpu, "p", &[("gpu-0", "", "")]);
    allocate(&node, "nic", &driver, &["vf-0", "x"]);
    allocate(&node, "gpu", &gpu, &["gpu-0"]);
    for (name, resource) in [("net-a", NIC), ("net-b", OTHER)] {
        define(&node, name, resource, &sriov(&node, name));
    }
    let claims = [
        ("gpu", Some("gpu")),
        ("nic", Some("nic")),
        ("not-needed", None),
    ];
    let pod = claiming(&node, "net-a,net-b,net-a", &claims);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(
        devices(&node),
        ["0000:03:02.0", "other-1", "0000:03:02.1"].map(everywhere)
    );
    let warnings = node.events_of(&pod);
    assert!(
        !warnings.iter().any(|event| event.starts_with("Warning")),
        "{warnings:?}"
    );
}

#[test]
fn a_device_of_the_same_name_on_another_node_is_another_one() {
    // T6.5
    let node = ClusterNode::new("elsewhere");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Pods(Vec::new()));
    let driver = driver(&node);
    let elsewhere = SliceDevice {
        name: "vf-0",
        device_id: Some("elsewhere"),
        resource_name: Some(NIC),
    };
    let client = node.api.client();
    client
        .create_slice(&driver, Some("node-2"), "p", &[elsewhere])
        .unwrap();
    publish(&node, &driver, "p", &[("vf-0", "here", NIC)]);
    allocate(&node, "nic", &driver, &["vf-0"]);
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = claiming(&node, "net", &[("nic", Some("nic"))]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(devices(&node), [everywhere("here")]);
}

#[test]
fn slices_that_fill_several_pages_are_all_looked_through() {
    let node = ClusterNode::new("pages");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Pods(Vec::new()));
    let driver = driver(&node);
    for number in 0..55 {
        publish(
            &node,
            &driver,
            &format!("pool-{number}"),
            &[("vf", "wrong", NIC)],
        );
    }
    publish(&node, &driver, "p", &[("vf", "0000:03:02.0", NIC)]);
    allocate(&node, "nic", &driver, &["vf"]);
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = claiming(&node, "net", &[("nic", Some("nic"))]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(devices(&node), [everywhere("0000:03:02.0")]);
    let lists = node.requests();
    let lists = lists
        .iter()
        .filter(|request| request.starts_with("list resourceslices"));
    assert_eq!(lists.count(), 2);
}

#[test]
fn a_claim_that_is_missing_or_empty_fails_the_add() {
    // T2.21, T6.5
    let node = ClusterNode::new("missing");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Pods(Vec::new()));
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = claiming(&node, "net", &[("nic", Some("nic"))]);
    let before = node.snapshot();

    let claim = format!("{}/nic", node.namespace);
    let missing =
        format!("dynamic resource allocation: resource claim {claim} of the pod not found");
    node.add(&pod, &node.scripted_conf())
        .refused(11, &[&missing]);
    let client = node.api.client();
    client.create_claim(&node.namespace, "nic", &["r"]).unwrap();
    let empty = format!("dynamic resource allocation: claim {claim} has no device allocation");
    node.add(&pod, &node.scripted_conf()).refused(11, &[&empty]);

    node.nothing_done(&before, &pod);
}

#[test]
fn without_the_right_to_read_claims_the_add_fails_and_says_so() {
    // B8.20
    let rights: Vec<Rule> = OURS
        .iter()
        .filter(|rule| !rule.groups.contains(&"resource.k8s.io"))
        .copied()
        .collect();
    let node = ClusterNode::with_rights("rights", &rights);
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Pods(Vec::new()));
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = claiming(&node, "net", &[("nic", Some("nic"))]);

    let action = format!("get resource claim {}/nic at", node.namespace);
    node.add(&pod, &node.scripted_conf())
        .refused(999, &[&action, "403 Forbidden"]);
}

#[test]
fn a_claim_is_nothing_to_a_pod_without_such_networks() {
    let node = ClusterNode::new("unasked");
    let _folders = node.kubelet();
    node.define("net", &sriov(&node, "net"));
    let pod = claiming(&node, "net", &[("nic", Some("no-such-claim"))]);

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(devices(&node), [everywhere("")]);
}

#[test]
fn extended_resources_are_found_through_the_pods_own_claim() {
    // B5.82, T6.5
    let node = ClusterNode::new("extended");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(Answer::Pods(Vec::new()));
    let driver = driver(&node);
    publish(
        &node,
        &driver,
        "p",
        &[("vf-0", "0000:03:02.0", NIC), ("vf-1", "0000:03:02.1", NIC)],
    );
    allocate(&node, "extended", &driver, &["vf-1", "vf-0"]);
    define(&node, "net", NIC, &sriov(&node, "net"));
    let (client, annotations) = (node.api.client(), [(NETWORKS, "net,net")]);
    let uid = client.create_pod_with_claims(&node.namespace, "web", &annotations, &[], &[NIC]);
    let pod = node.sandbox_of(&node.namespace, "web", &uid.unwrap());
    client
        .set_extended_claim(&node.namespace, "web", "extended", &[("r", NIC)])
        .unwrap();

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(
        devices(&node),
        ["0000:03:02.0", "0000:03:02.1"].map(everywhere)
    );
}
