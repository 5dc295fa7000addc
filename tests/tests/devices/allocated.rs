//! Who gets which device.

use serde_json::{Value, json};
use suites::cluster::ClusterNode;
use suites::node::{DEFAULT_NETWORK, NETWORKS};
use testkit::kubelet::{Answer, Container, PodResources};

use crate::stage::*;

#[test]
fn a_device_is_in_configuration_capability_ledger_and_again_in_del() {
    // B3.4, B5.56, B5.62, B4.64, B2.69, T1.13
    let node = ClusterNode::new("sriov");
    let kubelet = node.kubelet();
    let service = kubelet.serve(given(&node, &["0000:03:02.0"]));
    define(&node, "net", NIC, &sriov(&node, "net"));
    let (pod, conf) = (web(&node, "net"), node.scripted_conf());

    node.add(&pod, &conf).good();

    let added = calls(&node, "ADD");
    assert_eq!(
        added.iter().map(seen).collect::<Vec<_>>(),
        [everywhere("0000:03:02.0")]
    );
    assert_eq!(service.requests().len(), 1);
    let ledger = node.ledger(&pod.container.id);
    assert_eq!(ledger[1]["deviceID"], "0000:03:02.0");
    assert_eq!(ledger[1]["resourceName"], NIC);
    drop(service);
    node.del(&pod, &conf);
    let deleted = calls(&node, "DEL");
    assert_eq!(
        deleted[0].at("/runtimeConfig"),
        added[0].at("/runtimeConfig")
    );
    assert_eq!(
        seen(&deleted[0]),
        seen(&added[0]),
        "from the ledger: nobody serves any more"
    );
}

#[test]
fn two_networks_of_one_resource_get_two_devices_of_several_containers_sorted() {
    // B5.80, B5.83, B5.84
    let node = ClusterNode::new("two");
    let kubelet = node.kubelet();
    let pod = PodResources::new(&node.namespace, "web")
        .container(
            Container::new("a")
                .device(NIC, &["0000:03:02.2"])
                .device(OTHER, &["other-1"]),
        )
        .container(Container::new("b").device(NIC, &["0000:03:02.1"]));
    let service = kubelet.serve(Answer::Pods(vec![pod]));
    for (name, resource) in [("net-a", NIC), ("net-b", OTHER), ("net-c", NIC)] {
        define(&node, name, resource, &sriov(&node, name));
    }
    let pod = web(&node, "net-a,net-b,net-c");

    node.add(&pod, &node.scripted_conf()).good();

    let devices: Vec<_> = calls(&node, "ADD").iter().map(seen).collect();
    assert_eq!(
        devices,
        ["0000:03:02.1", "other-1", "0000:03:02.2"].map(everywhere)
    );
    assert_eq!(service.requests().len(), 1, "asked once for all networks");
}

#[test]
fn every_plugin_of_a_chain_is_given_the_device() {
    // B5.62, T1.13
    let node = ClusterNode::new("chain");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &["0000:03:02.0"]));
    let mut first = sriov(&node, "net");
    first["deviceID"] = json!("written by somebody");
    let second = json!({"type": "scripted", "script": {"record": node.record()}});
    let chain = json!({"cniVersion": "1.0.0", "name": "net", "plugins": [first, second]});
    define(&node, "net", NIC, &chain);

    node.add(&web(&node, "net"), &node.scripted_conf()).good();

    let devices: Vec<_> = calls(&node, "ADD").iter().map(seen).collect();
    let without_capability = ["0000:03:02.0", "0000:03:02.0", ""].map(str::to_owned);
    assert_eq!(devices, [everywhere("0000:03:02.0"), without_capability]);
}

#[test]
fn all_networks_of_a_pod_take_from_one_list() {
    // Q19, B3.64, B5.41
    let node = ClusterNode::new("shared");
    let kubelet = node.kubelet();
    let service = kubelet.serve(given(&node, &["d1", "d2", "d3", "d4"]));
    for name in ["base", "own", "more", "net"] {
        define(&node, name, NIC, &sriov(&node, name));
    }
    let mut conf = node.conf(&[]);
    let keys = conf.as_object_mut().unwrap();
    keys.remove("delegates");
    keys.insert("clusterNetwork".into(), json!("base"));
    keys.insert("defaultNetworks".into(), json!(["more"]));
    keys.insert("multusNamespace".into(), json!(node.namespace));
    let pod = node.annotated_pod("web", &[(NETWORKS, "net"), (DEFAULT_NETWORK, "own")]);

    node.add(&pod, &conf).good();

    let given: Vec<(String, Value)> = calls(&node, "ADD")
        .iter()
        .map(|call| (call.network().to_owned(), call.at("/deviceID").clone()))
        .collect();
    let expected = [("own", "d1"), ("more", "d2"), ("net", "d3")];
    assert_eq!(
        given,
        expected.map(|(network, id)| (network.to_owned(), json!(id)))
    );
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn a_pod_for_which_no_device_is_left_is_warned() {
    // B5.84
    let node = ClusterNode::new("none");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &["0000:03:02.0"]));
    define(&node, "net", NIC, &sriov(&node, "net"));
    let pod = web(&node, "net,net");

    node.add(&pod, &node.scripted_conf()).good();

    let devices: Vec<_> = calls(&node, "ADD").iter().map(seen).collect();
    assert_eq!(devices, [everywhere("0000:03:02.0"), everywhere("")]);
    let warnings: Vec<String> = node
        .events_of(&pod)
        .into_iter()
        .filter(|event| event.starts_with("Warning"))
        .collect();
    let expected = format!(
        "Warning NoDevice network {}/net: no device of resource example.com/nic is left for it, it is attached without \
         one: 1 allocated to the pod",
        node.namespace
    );
    assert_eq!(warnings, [expected]);
}

#[test]
fn a_device_that_the_pod_names_is_a_capability_where_none_was_given() {
    // B3.41
    let node = ClusterNode::new("named");
    let kubelet = node.kubelet();
    let _service = kubelet.serve(given(&node, &["0000:03:02.0"]));
    define(&node, "net", NIC, &sriov(&node, "net"));
    let networks = r#"[{"name": "net", "deviceID": "mine"}, {"name": "net", "deviceID": "mine"}]"#;

    node.add(&web(&node, networks), &node.scripted_conf())
        .good();

    let devices: Vec<_> = calls(&node, "ADD").iter().map(seen).collect();
    let only_capability = ["", "", "mine"].map(str::to_owned);
    assert_eq!(devices, [everywhere("0000:03:02.0"), only_capability]);
}

#[test]
fn a_pod_without_such_networks_does_not_care_about_the_kubelet() {
    let node = ClusterNode::new("plain");
    let kubelet = node.kubelet();
    let service = kubelet.serve(Answer::Hang);
    node.define("net", &sriov(&node, "net"));

    node.add(&web(&node, "net"), &node.scripted_conf()).good();

    assert_eq!(
        calls(&node, "ADD").iter().map(seen).collect::<Vec<_>>(),
        [everywhere("")]
    );
    assert!(service.requests().is_empty());
}
