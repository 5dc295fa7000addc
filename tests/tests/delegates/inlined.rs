//! Chains that are put together from files: the sub-directory of a list, and the auxiliary chain behind `passthru`.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use suites::multus::program;
use testkit::scripted::Call;

use crate::stage::{Stage, summary};

/// A stage with the real `passthru`, and a cluster network that stands in a file of its own.
struct Files {
    stage: Stage,
    list: PathBuf,
}

impl Files {
    fn new() -> Self {
        let stage = Stage::new();
        let passthru = stage.node.plugins.join("passthru");
        std::os::unix::fs::symlink(program("passthru"), passthru).unwrap();
        let list = stage.node.configurations.join("10-base.conflist");
        Self { stage, list }
    }

    /// The list, with these plugins inside and further keys.
    fn list(&self, version: &str, plugins: &[Value], more: Value) {
        let mut list = json!({"cniVersion": version, "name": "base", "plugins": plugins});
        let keys = list.as_object_mut().unwrap();
        keys.extend(more.as_object().unwrap().clone());
        fs::write(&self.list, list.to_string()).unwrap();
    }

    /// A file below the folder of the list.
    fn file(&self, name: &str, content: &Value) {
        let path = self.stage.node.configurations.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }

    fn conf(&self) -> Value {
        let mut conf = self.stage.node.conf(&[]);
        let keys = conf.as_object_mut().unwrap();
        keys.remove("delegates");
        keys.insert("clusterNetwork".to_owned(), json!(self.list));
        conf
    }

    fn plugin(&self, name: &str) -> Value {
        self.stage.plugin(name, json!({}))
    }

    /// What the recording plugins were asked since the last look, as `ADD base eth0 alpha`.
    fn calls(&self) -> Vec<String> {
        let calls: Vec<Call> = self.stage.recorder.calls().unwrap();
        self.stage.recorder.clear().unwrap();
        let plugins = calls.iter().map(|call| call.plugin.as_str());
        let lines = summary(&calls).into_iter().zip(plugins);
        lines
            .map(|(line, plugin)| format!("{line} {plugin}"))
            .collect()
    }

    /// A verb that has to succeed; what the recording plugins were asked.
    #[track_caller]
    fn good(&self, verb: &str, conf: &Value) -> Vec<String> {
        self.stage.recorder.clear().unwrap();
        self.stage
            .node
            .call(verb, &self.stage.container, conf)
            .good();
        self.calls()
    }
}

#[test]
fn plugins_of_a_lists_directory_follow_those_inside_of_it() {
    // B5.40, T7.6
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let files = Files::new();
        files.list(version, &[files.plugin("alpha")], json!({}));
        files.file("base/20-gamma.conf", &files.plugin("gamma"));
        files.file("base/10-beta.conf", &files.plugin("beta"));
        files.file("base/30-other.json", &json!("no plugin"));
        files.file("base/40-other.conflist", &json!("no plugin"));
        let added = files.good("ADD", &files.conf());
        let expected = [
            "ADD base eth0 alpha",
            "ADD base eth0 beta",
            "ADD base eth0 gamma",
        ];
        assert_eq!(added, expected, "{version}");
        // DEL gives them what ADD gave, whatever stands there now.
        fs::remove_dir_all(files.stage.node.configurations.join("base")).unwrap();
        fs::remove_file(&files.list).unwrap();
        let deleted = files.good("DEL", &files.conf());
        let expected = [
            "DEL base eth0 gamma",
            "DEL base eth0 beta",
            "DEL base eth0 alpha",
        ];
        assert_eq!(deleted, expected, "{version}");
    }
}

#[test]
fn a_chain_may_begin_with_passthru_and_have_its_plugins_in_the_directory() {
    // B5.40, B1.121: nothing has been made, so the first of them is given an empty result
    let files = Files::new();
    files.list("1.0.0", &[json!({"type": "passthru"})], json!({}));
    let result = json!({"ips": [{"address": "10.9.0.2/24"}]});
    let beta = files
        .stage
        .plugin("beta", json!({"script": {"result": result}}));
    files.file("base/beta.conf", &beta);
    let conf = files.conf();
    let printed = files.stage.node.add(&files.stage.container, &conf);
    assert_eq!(printed["ips"][0]["address"], "10.9.0.2/24");
    let added = files.stage.recorder.calls_of("ADD").unwrap();
    assert_eq!(added.len(), 1);
    assert_eq!(added[0].at("/prevResult"), &json!({"cniVersion": "1.0.0"}));
    assert_eq!(files.good("DEL", &conf), ["DEL base eth0 beta"]);
}

#[test]
fn a_list_of_inlined_plugins_only_has_no_directory() {
    // B5.40
    let files = Files::new();
    let only = json!({"loadOnlyInlinedPlugins": true});
    files.list("1.0.0", &[files.plugin("alpha")], only.clone());
    files.file("base/10-beta.conf", &files.plugin("beta"));
    assert_eq!(files.good("ADD", &files.conf()), ["ADD base eth0 alpha"]);
    files.good("DEL", &files.conf());
    files.list("1.0.0", &[], only);
    let answer = files
        .stage
        .node
        .call("ADD", &files.stage.container, &files.conf());
    answer.refused(7, &["10-base.conflist"]);
}

#[test]
fn a_chain_that_cannot_be_put_together_is_refused_before_anything_runs() {
    // B5.40
    for (inside, file, content, name, fragment) in [
        (
            true,
            "base/10.conf",
            json!({"name": "no type"}),
            "base",
            "10.conf",
        ),
        (true, "base/10.conf", json!("no object"), "base", "10.conf"),
        (
            true,
            "10.conf",
            json!({"type": "beta"}),
            "..",
            "10-base.conflist",
        ),
        (
            true,
            "a/b/10.conf",
            json!({"type": "beta"}),
            "a/b",
            "10-base.conflist",
        ),
        (
            false,
            "other/10.conf",
            json!({"type": "beta"}),
            "base",
            "10-base.conflist",
        ),
    ] {
        let files = Files::new();
        let plugins = if inside {
            vec![files.plugin("alpha")]
        } else {
            Vec::new()
        };
        files.list("1.0.0", &plugins, json!({"name": name}));
        files.file(file, &content);
        let answer = files
            .stage
            .node
            .call("ADD", &files.stage.container, &files.conf());
        let (_, message) = answer.error();
        assert!(message.contains(fragment), "{name} {content}: {message}");
        assert!(files.calls().is_empty(), "{name} {content}");
    }
}

#[test]
fn the_auxiliary_chain_is_the_last_attachment_and_its_plugins_see_add_and_del() {
    // B4.26, B4.60, B1.121, B1.122, B4.135, Q13, Q65, T7.7
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let files = Files::new();
        files.list(version, &[files.plugin("alpha")], json!({}));
        files.file("vendor-chain/20-gamma.conf", &files.plugin("gamma"));
        files.file("vendor-chain/10-beta.conf", &files.plugin("beta"));
        files.file("vendor-chain/30-other.json", &json!("no plugin"));
        let lan = files.stage.network("lan", json!({}));
        files.stage.node.definition("shop", "lan", &lan);
        files.stage.node.pod_with("shop", "web", "lan");
        let mut conf = files.conf();
        conf["cniVersion"] = json!(version);
        conf["auxiliaryCNIChainName"] = json!("vendor-chain");
        let there = |verb: &str| {
            let places = [
                "base eth0 alpha",
                "lan net1 alpha",
                "vendor-chain net2 beta",
                "vendor-chain net2 gamma",
            ];
            places.map(|place| format!("{verb} {place}"))
        };
        assert_eq!(files.good("ADD", &conf), there("ADD"), "{version}");
        assert_eq!(names(&files), ["base", "shop/lan", "vendor-chain"]);
        if version >= "0.4.0" {
            // The network `lan` is of version 1.0.0 whatever the configuration is.
            // The chain's plugins would look for an interface that nobody has made.
            let checked = &there("CHECK")[..2];
            assert_eq!(files.good("CHECK", &conf), checked, "{version}");
        }
        fs::remove_dir_all(files.stage.node.configurations.join("vendor-chain")).unwrap();
        let mut back = there("DEL");
        back.reverse();
        assert_eq!(files.good("DEL", &conf), back, "{version}");
    }
}

/// The networks of the ledger.
fn names(files: &Files) -> Vec<String> {
    let ledger = files.stage.node.ledger(&files.stage.container.id);
    let elements = ledger.as_array().unwrap().iter();
    elements
        .map(|element| element["Name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn an_auxiliary_chain_makes_no_entry_in_the_status() {
    // B4.26, B3.73: it has neither interface nor address
    let files = Files::new();
    let interface = json!({"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"});
    let alpha = json!({"script": {"result": {"interfaces": [interface]}}});
    files.list("1.0.0", &[files.stage.plugin("alpha", alpha)], json!({}));
    files.file("vendor/beta.conf", &files.plugin("beta"));
    files.stage.node.pod("shop", "web", &[]);
    let mut conf = files.conf();
    conf["auxiliaryCNIChainName"] = json!("vendor");
    let added = files.good("ADD", &conf);
    assert_eq!(added, ["ADD base eth0 alpha", "ADD vendor net1 beta"]);
    let status = files.stage.node.status("shop", "web");
    let entries: Vec<&str> = status
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(entries, ["base"]);
}

#[test]
fn without_its_ledger_an_auxiliary_chain_is_taken_down_all_the_same() {
    // Q65, Q26
    let files = Files::new();
    files.list("1.0.0", &[files.plugin("alpha")], json!({}));
    files.file("vendor/beta.conf", &files.plugin("beta"));
    let mut conf = files.conf();
    conf["auxiliaryCNIChainName"] = json!("vendor");
    files.good("ADD", &conf);
    fs::remove_file(files.stage.node.state.join(&files.stage.container.id)).unwrap();
    let mut deleted = files.good("DEL", &conf);
    deleted.sort();
    assert_eq!(deleted, ["DEL base eth0 alpha", "DEL vendor net1 beta"]);
}

#[test]
fn an_auxiliary_chain_without_plugins_is_none_and_a_broken_one_is_refused() {
    // B4.26, B2.143; a chain that is configured and cannot be had fails the pod
    let files = Files::new();
    files.list("1.0.0", &[files.plugin("alpha")], json!({}));
    let mut conf = files.conf();
    conf["auxiliaryCNIChainName"] = json!("vendor");
    assert_eq!(files.good("ADD", &conf), ["ADD base eth0 alpha"]);
    files.good("DEL", &conf);
    files.file("vendor/10.json", &files.plugin("beta"));
    assert_eq!(files.good("ADD", &conf), ["ADD base eth0 alpha"]);
    files.good("DEL", &conf);
    let refused = |conf: &Value, fragments: &[&str]| {
        let answer = files.stage.node.call("ADD", &files.stage.container, conf);
        answer.refused(7, fragments);
        assert!(files.calls().is_empty());
    };
    files.file("vendor/20.conf", &json!({"name": "no type"}));
    refused(&conf, &["vendor", "20.conf", "type"]);
    for name in ["../net.d/vendor", ".", "-x", "a b"] {
        conf["auxiliaryCNIChainName"] = json!(name);
        refused(&conf, &["auxiliaryCNIChainName"]);
    }
    conf["auxiliaryCNIChainName"] = json!("vendor");
    conf["clusterNetwork"] = json!("base");
    refused(
        &conf,
        &["auxiliary chain used but ClusterNetwork must be a path, and it is not a path: base"],
    );
}
