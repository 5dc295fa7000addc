//! Who gets which device, and where it is written.

use super::*;

#[test]
fn each_attachment_takes_the_next_device_of_its_resource() {
    // B5.80, B5.83, B5.84, Q19
    let world = World::new("a,b,a,plain,c")
        .sriov("a", NIC)
        .sriov("b", OTHER)
        .sriov("c", NIC)
        .define("plain", None, &plugin())
        .given(NIC, &["0000:03:02.10", "0000:03:02.2", "0000:03:02.1"])
        .given(OTHER, &["eth-7"]);
    let expected = ["0000:03:02.1", "eth-7", "0000:03:02.10", "", "0000:03:02.2"];
    let expected: Vec<Option<String>> = expected
        .iter()
        .map(|id| (!id.is_empty()).then(|| (*id).to_owned()))
        .collect();
    assert_eq!(world.devices(), expected, "sorted as text");
    assert_eq!(world.asked(), ["devices app/pod/u1"]);
}

#[test]
fn the_device_is_in_every_plugin_over_what_stood_there() {
    // B5.62, T1.13
    let list = json!({"cniVersion": "1.0.0", "name": "list", "plugins": [
        {"type": "sriov", "deviceID": "old", "vlan": 7}, {"type": "tuning", "pciBusID": "old"}]});
    let one = json!({"cniVersion": "1.0.0", "name": "one", "plugins": [{"type": "sriov"}]});
    let world = World::new("single,list,one")
        .sriov("single", NIC)
        .define("list", Some(NIC), &list)
        .define("one", Some(NIC), &one)
        .given(NIC, &["d1", "d2", "d3"]);
    let plan = world.plan(&inline()).unwrap();
    let both = |id: &str| [json!(id), json!(id)];
    assert_eq!(injected(&plan.attachments[0]), [[Value::Null, Value::Null]]);
    assert_eq!(injected(&plan.attachments[1]), [both("d1")]);
    assert_eq!(injected(&plan.attachments[2]), [both("d2"), both("d2")]);
    assert_eq!(injected(&plan.attachments[3]), [both("d3")]);
    assert_eq!(plan.attachments[2].conf.plugins()[0].raw()["vlan"], 7);
}

#[test]
fn the_device_is_a_capability_argument_of_all_but_the_default_network() {
    // B4.64, B4.65, B4.66, B3.63, DI-13, DI-20
    let mut world = World::new("a")
        .sriov("a", NIC)
        .sriov("kube-system/base", NIC)
        .given(NIC, &["d1", "d2"]);
    world.pod.default_network = Some("base".into());
    let plan = world.plan(&inline()).unwrap();
    let [first, second] = plan.attachments.as_slice() else {
        panic!("{plan:?}")
    };
    let file = "/var/run/k8s.cni.cncf.io/devinfo/cni/";
    assert_eq!(
        Value::Object(first.capability_args.clone()),
        json!({"CNIDeviceInfoFile": format!("{file}kube-system-base-c1_eth0")})
    );
    assert_eq!(
        Value::Object(second.capability_args.clone()),
        json!({"deviceID": "d2", "CNIDeviceInfoFile": format!("{file}app-a-c1_net1")})
    );
    assert_eq!(injected(first), [[json!("d1"), json!("d1")]]);
    assert_eq!(second.requests.resource_name.as_deref(), Some(NIC));
}

#[test]
fn all_networks_of_a_pod_share_one_list_of_devices() {
    // Q19, B3.64, B5.41: the cluster network, default networks, and those of the annotation.
    let conf = json!({"cniVersion": "1.0.0", "name": "multus", "clusterNetwork": "base", "defaultNetworks": ["more"]});
    let world = || {
        World::new("a")
            .sriov("a", NIC)
            .sriov("kube-system/base", NIC)
            .sriov("kube-system/more", NIC)
            .sriov("kube-system/own", NIC)
            .given(NIC, &["d1", "d2", "d3", "d4"])
    };
    assert_eq!(
        ids(&world().plan(&conf).unwrap()),
        some(&["d1", "d2", "d3"])
    );
    // The network that the pod's own default network replaces takes no device away.
    let mut replaced = world();
    replaced.pod.default_network = Some("own".into());
    let plan = replaced.plan(&conf).unwrap();
    assert_eq!(plan.attachments[0].name, "kube-system/own");
    assert_eq!(ids(&plan), some(&["d1", "d2", "d3"]));
    assert_eq!(
        replaced.asked(),
        ["devices app/pod/u1"],
        "asked once for all"
    );
}

#[test]
fn a_network_for_which_no_device_is_left_is_attached_with_a_warning() {
    // B5.84
    let world = World::new("a,a,b")
        .sriov("a", NIC)
        .sriov("b", OTHER)
        .given(NIC, &["d1"]);
    let plan = world.plan(&inline()).unwrap();
    assert_eq!(ids(&plan), [None, Some("d1".to_owned()), None, None]);
    assert_eq!(
        plan.warnings,
        [no_device("app/a", NIC, 1), no_device("app/b", OTHER, 0)]
    );
    assert_eq!(injected(&plan.attachments[2]), [[Value::Null, Value::Null]]);
    assert!(plan.attachments[2].capability_args.is_empty());
}

#[test]
fn a_device_that_the_pod_names_counts_only_where_none_was_given() {
    // B3.41
    let networks = r#"[{"name": "a", "deviceID": "mine"}, {"name": "a", "deviceID": "mine"},
        {"name": "plain", "deviceID": "mine"}]"#;
    let world = World::new(networks)
        .sriov("a", NIC)
        .define("plain", None, &plugin())
        .given(NIC, &["d1"]);
    let plan = world.plan(&inline()).unwrap();
    assert_eq!(ids(&plan)[1..], some(&["d1", "mine", "mine"]));
    for attachment in &plan.attachments[2..] {
        assert_eq!(injected(attachment), [[Value::Null, Value::Null]]);
        assert_eq!(attachment.capability_args["deviceID"], "mine");
        assert!(attachment.capability_args.contains_key("CNIDeviceInfoFile"));
        assert_eq!(attachment.requests.resource_name, None);
    }
    let other = Warning::OtherDevice {
        network: "app/a".into(),
        asked: "mine".into(),
        given: "d1".into(),
    };
    assert_eq!(plan.warnings, [other, no_device("app/a", NIC, 1)]);
}

#[test]
fn a_pod_without_device_networks_costs_no_look_up() {
    let world = World::new("plain").define("plain", None, &plugin());
    world.plan(&inline()).unwrap();
    assert!(world.asked().is_empty());
}

#[test]
fn a_static_pod_is_looked_up_by_the_kubelets_own_uid() {
    // Q78
    let mut world = World::new("a").sriov("a", NIC).given(NIC, &["d1"]);
    world.pod.config_source = Some("file".into());
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=app;K8S_POD_NAME=pod;K8S_POD_UID=static-uid";
    world.plan_with(&inline(), args, Catalog::Api).unwrap();
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=app;K8S_POD_NAME=pod";
    world.plan_with(&inline(), args, Catalog::Api).unwrap();
    assert_eq!(
        world.asked(),
        ["devices app/pod/static-uid", "devices app/pod/u1"]
    );
}

#[test]
fn a_plugin_that_asks_for_the_place_of_its_device_information_gets_one() {
    // DI-30, Q73
    let declares = json!({"cniVersion": "1.0.0", "name": "u", "plugins": [
        {"type": "tuning"}, {"type": "userspace", "capabilities": {"CNIDeviceInfoFile": true}}]});
    let mut conf = inline();
    conf["runtimeConfig"] = json!({"CNIDeviceInfoFile": "/etc/passwd"});
    let world = World::new("u,plain")
        .define("u", None, &declares)
        .define("plain", None, &plugin());
    let plan = world.plan(&conf).unwrap();
    let file = |index: usize| {
        plan.attachments[index]
            .capability_args
            .get("CNIDeviceInfoFile")
    };
    assert_eq!(
        file(0),
        None,
        "what the runtime says is not ours to read or to remove"
    );
    assert_eq!(
        file(1),
        Some(&json!("/var/run/k8s.cni.cncf.io/devinfo/cni/app-u-c1_net1"))
    );
    assert_eq!(file(2), None);
    assert!(world.asked().is_empty());
}

#[test]
fn a_device_that_the_runtime_gives_has_device_information_too() {
    // B2.45, B4.65
    let mut conf = inline();
    conf["runtimeConfig"] = json!({"deviceID": "0000:05:00.0"});
    let plan = World::new("").plan(&conf).unwrap();
    let arguments = &plan.attachments[0].capability_args;
    assert_eq!(arguments["deviceID"], "0000:05:00.0");
    assert_eq!(
        arguments["CNIDeviceInfoFile"],
        "/var/run/k8s.cni.cncf.io/devinfo/cni/base-c1_eth0"
    );
}

#[test]
fn a_pod_that_is_not_known_has_no_devices() {
    // B5.56
    let conf = json!({"cniVersion": "1.0.0", "name": "multus", "clusterNetwork": "base"});
    let world = World::new("")
        .sriov("kube-system/base", NIC)
        .given(NIC, &["d1"]);
    let plan = world
        .plan_with(&conf, "IgnoreUnknown=1", Catalog::Local)
        .unwrap();
    assert_eq!(ids(&plan), [None]);
    assert_eq!(plan.warnings, [no_device("kube-system/base", NIC, 0)]);
    assert!(world.asked().is_empty());
}
