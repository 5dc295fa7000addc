//! Networks whose configuration lies in files: a list with a sub-directory of plugins, and the auxiliary chain.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::scripted::Call;

use crate::stage::{Stage, summary};

/// Writes a configuration file, with the folders above it.
#[track_caller]
fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A configuration over this file or directory.
fn over(stage: &Stage, path: &Path) -> Value {
    let mut conf = stage.node.conf(&[]);
    conf["clusterNetwork"] = json!(path);
    conf
}

/// Which plugins ran, as `ADD alpha eth0`.
fn plugins(calls: &[Call]) -> Vec<String> {
    let text = |call: &Call| {
        format!(
            "{} {} {}",
            call.verb,
            call.plugin,
            call.variable("CNI_IFNAME")
        )
    };
    calls.iter().map(text).collect()
}

/// A stage whose cluster network is a file, with the auxiliary chain `vendor` of these files beside it.
fn with_chain(files: &[(&str, &str)]) -> (Stage, PathBuf, Value) {
    let stage = Stage::new();
    stage.node.install(&["passthru"]);
    let file = stage.node.configurations.join("10-cluster.conf");
    write(&file, &stage.network("cluster", json!({})).to_string());
    let folder = stage.node.configurations.join("vendor");
    for (name, text) in files {
        write(&folder.join(name), text);
    }
    let mut conf = over(&stage, &file);
    conf["auxiliaryCNIChainName"] = json!("vendor");
    (stage, folder, conf)
}

#[test]
fn a_list_from_a_file_has_the_plugins_of_its_sub_directory_until_the_end() {
    // B4.42, B4.43, B4.91, B4.135, B5.40, Q13, T1.22, T1.23, T7.6
    let stage = Stage::new();
    let folder = stage.node.configurations.join("chain");
    let odd = json!({"kubernetes": {"kubeconfig": "/etc/x"}, "policy": {"type": "k8s"}});
    let list = json!({"cniVersion": "1.0.0", "name": "chain", "keyOfTheList": {"a": 1}, "plugins": [stage.plugin("alpha", odd)]});
    let file = stage.node.configurations.join("10-chain.conflist");
    write(&file, &list.to_string());
    for (name, plugin) in [("20-last.conf", "gamma"), ("10-next.conf", "beta")] {
        let plugin = stage.plugin(plugin, json!({"ofTheFile": name}));
        write(&folder.join(name), &plugin.to_string());
    }
    write(&folder.join("30-other.json"), "no configuration");
    let conf = over(&stage, &file);

    let adds = stage.add(&conf, "");

    let order = ["ADD alpha eth0", "ADD beta eth0", "ADD gamma eth0"];
    assert_eq!(plugins(&adds), order);
    assert_eq!(adds[0].at("/kubernetes/kubeconfig"), "/etc/x");
    assert_eq!(adds[1].at("/name"), "chain");
    assert!(adds[2].at("/prevResult").is_object());
    let ledger = stage.node.ledger("pod");
    let bytes = STANDARD.decode(ledger[0]["Bytes"].as_str().unwrap());
    let kept: Value = serde_json::from_slice(&bytes.unwrap()).unwrap();
    assert_eq!(kept["keyOfTheList"], json!({"a": 1}));
    assert_eq!(kept["plugins"][0]["policy"]["type"], "k8s");
    assert_eq!(kept["plugins"][2]["ofTheFile"], "20-last.conf");
    assert_eq!(ledger[0]["ConfList"]["plugins"][1]["type"], "beta");

    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::remove_file(&file).unwrap();
    stage.node.check(&stage.container, &conf);
    let dels = stage.del(&conf);
    let order = ["DEL gamma eth0", "DEL beta eth0", "DEL alpha eth0"];
    assert_eq!(plugins(&dels), order);
    assert_eq!(dels[2].at("/kubernetes/kubeconfig"), "/etc/x");
}

#[test]
fn a_list_may_refuse_plugins_of_a_sub_directory() {
    // B4.132, B5.40
    let stage = Stage::new();
    let list = json!({"cniVersion": "1.0.0", "name": "chain", "loadOnlyInlinedPlugins": true, "plugins": [stage.plugin("alpha", json!({}))]});
    let file = stage.node.configurations.join("10-chain.conflist");
    write(&file, &list.to_string());
    let folder = stage.node.configurations.join("chain");
    write(&folder.join("10.conf"), "no configuration");
    let calls = stage.add(&over(&stage, &file), "");
    assert_eq!(plugins(&calls), ["ADD alpha eth0"]);
}

#[test]
fn the_auxiliary_chain_is_attached_last_and_detached_first() {
    // B2.24, B4.26, B4.109, Q65, T7.7
    let (stage, folder, mut conf) = with_chain(&[]);
    for (name, plugin) in [("20.conf", "gamma"), ("10.conf", "beta")] {
        let plugin = stage.plugin(plugin, json!({}));
        write(&folder.join(name), &plugin.to_string());
    }
    write(&folder.join("30.conflist"), "no configuration");
    stage
        .node
        .definition("shop", "lan", &stage.network("lan", json!({})));

    let adds = stage.add(&conf, "lan");

    // What it begins with is not recorded: its configuration is made.
    let order = [
        "ADD alpha eth0",
        "ADD alpha net1",
        "ADD beta net2",
        "ADD gamma net2",
    ];
    assert_eq!(plugins(&adds), order);
    assert_eq!(
        (adds[2].at("/name"), adds[2].at("/cniVersion")),
        (&json!("vendor"), &conf["cniVersion"])
    );
    let chain = &stage.node.ledger("pod")[2];
    assert_eq!(chain["Name"], "vendor");
    let first = &chain["ConfList"]["plugins"][0];
    assert_eq!(
        (&first["type"], &first["name"]),
        (&json!("passthru"), &json!("passthru-cni"))
    );

    std::fs::remove_dir_all(&folder).unwrap();
    conf.as_object_mut()
        .unwrap()
        .remove("auxiliaryCNIChainName");
    let dels = stage.del(&conf);
    let order = [
        "DEL gamma net2",
        "DEL beta net2",
        "DEL alpha net1",
        "DEL alpha eth0",
    ];
    assert_eq!(plugins(&dels), order);
}

#[test]
fn an_auxiliary_chain_without_plugins_is_none() {
    // B4.26
    for files in [&[][..], &[("10.json", "no configuration")]] {
        let (stage, _, conf) = with_chain(files);
        let calls = stage.add(&conf, "");
        assert_eq!(summary(&calls), ["ADD cluster eth0"]);
    }
}

#[test]
fn an_auxiliary_chain_that_cannot_be_loaded_fails_the_pod() {
    // B4.26: upstream goes on without it
    for (text, code) in [("{", 6), ("{\"name\": \"typeless\"}", 7), ("[]", 6)] {
        let (stage, folder, conf) = with_chain(&[("10.conf", text)]);
        let answer = stage.node.call("ADD", &stage.container, &conf);
        answer.refused(code, &["shop/web", folder.to_str().unwrap(), "10.conf"]);
        assert!(stage.recorder.calls().unwrap().is_empty());
    }
    let (stage, _, mut conf) = with_chain(&[]);
    for name in ["../vendor", "a/b", ".hidden"] {
        conf["auxiliaryCNIChainName"] = json!(name);
        let answer = stage.node.call("ADD", &stage.container, &conf);
        answer.refused(7, &["auxiliaryCNIChainName", name]);
    }
}

#[test]
fn an_auxiliary_chain_needs_a_cluster_network_that_is_a_path() {
    // B2.143
    let stage = Stage::new();
    let cluster = stage.network("cluster", json!({}));
    stage.node.definition("kube-system", "cluster", &cluster);
    let mut by_name = stage.node.conf(&[]);
    by_name["clusterNetwork"] = json!("cluster");
    for mut conf in [by_name, stage.conf()] {
        conf["auxiliaryCNIChainName"] = json!("vendor");
        let answer = stage.node.call("ADD", &stage.container, &conf);
        answer.refused(
            7,
            &["auxiliary chain used but ClusterNetwork must be a path, and it is not a path: "],
        );
    }
    assert!(stage.recorder.calls().unwrap().is_empty());
}

#[test]
fn the_auxiliary_chain_lies_in_a_directory_whose_name_ends_in_a_slash() {
    // B4.26: `/d/` is in `/d`, as Go has it
    let (stage, folder, mut conf) = with_chain(&[]);
    let plugin = stage.plugin("beta", json!({}));
    write(&folder.join("10.conf"), &plugin.to_string());
    conf["clusterNetwork"] = json!(format!("{}/", stage.node.configurations.display()));
    let calls = stage.add(&conf, "");
    assert_eq!(plugins(&calls), ["ADD alpha eth0", "ADD beta net1"]);
}
