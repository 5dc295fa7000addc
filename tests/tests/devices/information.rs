//! Device information: from the device plugin to the CNI plugin, from both to the pod (B5.90–B5.97, DI-10 … DI-41).

use serde_json::{Value, json};
use suites::cluster::{ClusterNode, Pod};

use crate::stage::*;

const DEVICE: &str = "0000:03:02.0";
const DEVICE_FILE: &str = "dp/example.com-nic-0000:03:02.0-device.json";

fn pci(address: &str) -> Value {
    json!({"type": "pci", "version": "1.1.0", "pci": {"pci-address": address, "rdma-device": "mlx5_2"}})
}

fn memif() -> Value {
    json!({"type": "memif", "version": "1.1.0", "memif": {"role": "master", "path": "/run/m.sock", "mode": "ethernet"}})
}

/// The file of the pod's attachment `net1` to `net`.
fn file(node: &ClusterNode) -> String {
    format!("{}-net-web_net1", node.namespace)
}

/// `device-info` of each entry of the status.
#[track_caller]
fn in_status(node: &ClusterNode, pod: &Pod) -> Vec<Value> {
    let status: Value = serde_json::from_str(&node.status_of(pod)).unwrap();
    let entries = status.as_array().unwrap().iter();
    entries.map(|entry| entry["device-info"].clone()).collect()
}

#[test]
fn what_the_device_plugin_left_reaches_plugin_and_pod_and_goes_with_del() {
    // B10.23, B10.31, B4.28, B5.95, B5.96, B5.97, DI-21, DI-22, DI-23, DI-31, DI-40, Q32
    let node = ClusterNode::new("info");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &[DEVICE]));
    node.leave_device_info(DEVICE_FILE, &pci(DEVICE).to_string());
    define(&node, "net", NIC, &sriov(&node, "net"));
    let (pod, conf) = (web(&node, "net"), node.scripted_conf());

    node.add(&pod, &conf).good();

    let call = calls(&node, "ADD").remove(0);
    let path = format!("/var/run/k8s.cni.cncf.io/devinfo/cni/{}", file(&node));
    assert_eq!(call.at("/runtimeConfig/CNIDeviceInfoFile"), &json!(path));
    let found: Value = serde_json::from_str(&call.device_info.unwrap()).unwrap();
    assert_eq!(found, pci(DEVICE));
    assert_eq!(in_status(&node, &pod), [Value::Null, pci(DEVICE)]);
    assert_eq!(node.attachments_with_device_info(), [file(&node)]);
    let modes = ["cni".to_owned(), format!("cni/{}", file(&node))];
    assert_eq!(
        modes.map(|name| node.mode_of_device_info(&name)),
        [0o755, 0o444]
    );

    node.del(&pod, &conf);
    assert!(
        calls(&node, "DEL")[0].device_info.is_some(),
        "it goes after the plugin ran"
    );
    assert!(node.attachments_with_device_info().is_empty());
    assert!(
        node.device_info(DEVICE_FILE).exists(),
        "the device plugin's own stays"
    );
}

#[test]
fn a_plugin_that_declares_the_capability_writes_for_a_network_without_devices() {
    // DI-30, DI-32, Q73
    let node = ClusterNode::new("memif");
    let mut network = sriov(&node, "net");
    network["script"]["device_info"] = memif();
    node.define("net", &network);
    let (pod, conf) = (web(&node, "net"), node.scripted_conf());

    node.add(&pod, &conf).good();

    assert_eq!(in_status(&node, &pod), [Value::Null, memif()]);
    node.del(&pod, &conf);
    assert!(node.attachments_with_device_info().is_empty());
}

#[test]
fn a_plugin_may_replace_what_the_device_plugin_left() {
    // DI-32
    let node = ClusterNode::new("update");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &[DEVICE]));
    node.leave_device_info(DEVICE_FILE, &pci(DEVICE).to_string());
    let mut network = sriov(&node, "net");
    network["script"]["device_info"] = memif();
    define(&node, "net", NIC, &network);
    let pod = web(&node, "net");

    node.add(&pod, &node.scripted_conf()).good();

    assert_eq!(in_status(&node, &pod), [Value::Null, memif()]);
}

#[test]
fn what_an_earlier_attempt_left_is_not_taken_for_the_pods() {
    // Q73
    let node = ClusterNode::new("stale");
    let kubelet = node.kubelet();
    let service = kubelet.serve(given(&node, &[DEVICE]));
    let stale = format!("cni/{}", file(&node));
    node.leave_device_info(&stale, &pci("0000:99:00.0").to_string());
    define(&node, "net", NIC, &sriov(&node, "net"));
    let (pod, conf) = (web(&node, "net"), node.scripted_conf());

    node.add(&pod, &conf).good();
    assert_eq!(calls(&node, "ADD")[0].device_info, None);
    assert_eq!(in_status(&node, &pod), [Value::Null, Value::Null]);
    node.del(&pod, &conf);

    node.leave_device_info(&stale, &pci("0000:99:00.0").to_string());
    node.leave_device_info(DEVICE_FILE, &pci(DEVICE).to_string());
    node.add(&pod, &conf).good();
    assert_eq!(in_status(&node, &pod), [Value::Null, pci(DEVICE)]);
    drop(service);
}

#[test]
fn a_failed_add_leaves_no_device_information() {
    // B4.30, B4.106
    let node = ClusterNode::new("undone");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &[DEVICE]));
    node.leave_device_info(DEVICE_FILE, &pci(DEVICE).to_string());
    let mut network = sriov(&node, "net");
    network["script"]["fail"] = json!({"verb": "ADD", "code": 100, "msg": "no"});
    define(&node, "net", NIC, &network);
    let pod = web(&node, "net");
    let before = node.snapshot();

    node.add(&pod, &node.scripted_conf()).refused(100, &["no"]);

    assert!(calls(&node, "ADD")[0].device_info.is_some());
    assert!(node.attachments_with_device_info().is_empty());
    node.nothing_done(&before, &pod);
}

#[test]
fn broken_device_information_is_told_and_does_not_stop_the_pod() {
    // B5.95, B5.96
    let node = ClusterNode::new("broken");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &[DEVICE]));
    node.leave_device_info(DEVICE_FILE, "{\"type\":");
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = web(&node, "net");

    let answer = node.add(&pod, &node.scripted_conf());

    let log = answer.good().0.stderr_text();
    assert!(log.contains("read device information"), "{log}");
    assert_eq!(in_status(&node, &pod), [Value::Null, Value::Null]);
}
