//! What only the plugin without a daemon does: attaching without a cluster, telling the runtime of a DEL that failed.

use crate::stage::{Stage, summary};
use serde_json::{Value, json};

use crate::environment::args;

#[test]
fn cni_args_have_one_order_and_each_key_once() {
    // B4.61, B4.62: containerd's order is random
    let (default, other) = args(
        "K8S_POD_UID=u1;K8S_POD_NAME=web;X_TRA=a=b;K8S_POD_INFRA_CONTAINER_ID=pod;IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;LAST=",
        "a",
    );
    let expected = "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=pod;K8S_POD_UID=u1;X_TRA=a=b;LAST=";
    assert_eq!((default.as_str(), other.as_str()), (expected, expected));
}

#[test]
fn cni_args_of_a_runtime_that_says_little_have_all_keys() {
    // B4.61; podman names no namespace, and `default` is meant
    let stage = Stage::new();
    let container = stage
        .container
        .clone()
        .with_args("IgnoreUnknown=1;K8S_POD_NAME=web");
    stage.node.add(&container, &stage.conf());
    let calls = stage.recorder.calls().unwrap();
    assert_eq!(
        calls[0].variable("CNI_ARGS"),
        "IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=;K8S_POD_UID="
    );
}

#[test]
fn a_cluster_network_needs_somebody_to_ask() {
    // B2.140
    let stage = Stage::new();
    let file = stage.node.configurations.join("10-cluster.conf");
    std::fs::write(&file, stage.network("cluster", json!({})).to_string()).unwrap();
    let mut conf = stage.node.conf(&[]);
    conf.as_object_mut().unwrap().remove("manifestDir");
    for network in ["cluster", file.to_str().unwrap()] {
        conf["clusterNetwork"] = json!(network);
        let answer = stage.node.call("ADD", &stage.container, &conf);
        answer.refused(
            7,
            &[
                "shop/web",
                "GetDefaultNetworks: must have either Kubernetes config or delegates",
            ],
        );
    }
    assert!(stage.recorder.calls().unwrap().is_empty());
}

#[test]
fn what_a_del_could_not_undo_stays_in_the_ledger_whatever_retry_delete_on_error_says() {
    // B2.23, B4.107: upstream forgets it unless the key is true
    let stage = Stage::new();
    let stuck = stage.node.world.directory().join("stuck");
    let fail = json!({"verb": "DEL", "code": 101, "msg": "in use", "while_file": stuck});
    let network = stage.network("cluster", json!({"script": {"fail": fail}}));
    let mut conf = stage.node.conf(&[network]);
    for retry in [Value::Null, json!(false), json!(true)] {
        conf["retryDeleteOnError"] = retry;
        stage.add(&conf, "");
        std::fs::write(&stuck, "").unwrap();
        let answer = stage.node.call("DEL", &stage.container, &conf);
        answer.refused(101, &["cluster", "in use"]);
        assert_eq!(stage.node.ledger("pod")[0]["Name"], "cluster");
        std::fs::remove_file(&stuck).unwrap();
        assert_eq!(summary(&stage.del(&conf)), ["DEL cluster eth0"]);
        assert!(!stage.node.state.join("pod").exists());
    }
}

#[test]
fn keys_that_mean_nothing_are_ignored() {
    // B0.2, B2.32: documented once, obsolete, of the installer, of nobody
    let stage = Stage::new();
    let mut conf = stage.conf();
    for (key, value) in [
        ("allowTryDeleteOnErr", json!("x")),
        ("defaultnetworkfile", json!(7)),
        ("defaultnetworkwaitseconds", json!("y")),
        ("cniConf", json!({"a": []})),
        ("daemonSocketDir", json!("/run/multus")),
        ("x", Value::Null),
    ] {
        conf[key] = value;
    }
    let calls = stage.add(&conf, "");
    assert_eq!(summary(&calls), ["ADD cluster eth0"]);
}
