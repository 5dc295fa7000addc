//! What upstream's program exchanged and left behind on a real node: requests, ledgers, result caches. Observations, right
//! or wrong, of commit 95a0932 with the reference plugins 1.9.1; the files lie in `tests/fixtures/vectors`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::multus::Container;
use crate::node::{Node, read_json};

/// The recorded pods that got no further than their plan: a definition is missing.
pub const REFUSED: [&str; 2] = ["missing", "default-elsewhere"];

/// The pods that were recorded with the thin plugin and got as far as a ledger.
pub const PODS: [&str; 8] = [
    "plain",
    "short",
    "json",
    "many",
    "failing",
    "delfailing",
    "default-override",
    "bandwidth",
];

/// One pod.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
}

impl Recording {
    /// The recording of a pod.
    pub fn of(pod: &str) -> Self {
        Self {
            folder: root().join("thin").join(pod),
        }
    }

    /// A file of the recording.
    #[track_caller]
    pub fn json(&self, file: &str) -> Value {
        read_json(&self.folder.join(file))
    }

    /// A variable of the recorded ADD.
    #[track_caller]
    pub fn variable(&self, name: &str) -> String {
        let add = self.json("ADD.json");
        add["env"][name].as_str().unwrap_or_default().to_owned()
    }

    /// The container as its runtime named it, with its network namespace at `netns`.
    #[track_caller]
    pub fn container(&self, netns: &Path) -> Container {
        Container {
            id: self.variable("CNI_CONTAINERID"),
            netns: netns.to_string_lossy().into_owned(),
            ifname: self.variable("CNI_IFNAME"),
            args: self.variable("CNI_ARGS"),
            environment: Vec::new(),
        }
    }

    /// What the runtime passed on standard input, for `multus` on that node: with its directories, and manifests in place of
    /// the cluster.
    #[track_caller]
    pub fn conf(&self, verb: &str, node: &Node) -> Value {
        let mut conf = self.conf_over_api(verb, node);
        let keys = conf.as_object_mut().expect("a configuration is an object");
        keys.remove("kubeconfig");
        keys.insert("manifestDir".to_owned(), json!(node.manifests));
        conf
    }

    /// The same with the recorded `kubeconfig`.
    #[track_caller]
    pub fn conf_over_api(&self, verb: &str, node: &Node) -> Value {
        let request = self.json(&format!("{verb}.json"));
        let text = request["stdin"].as_str().unwrap_or_default();
        let mut conf: Map<String, Value> =
            serde_json::from_str(text).expect("standard input is an object");
        conf.insert("cniDir".to_owned(), json!(node.state));
        conf.insert("binDir".to_owned(), json!(node.plugins));
        conf.insert("confDir".to_owned(), json!(node.configurations));
        Value::Object(conf)
    }

    /// Puts the pod and all definitions into the node's folder of manifests.
    #[track_caller]
    pub fn describe(&self, node: &Node) {
        node.manifest("pod.json", &self.json("pod.json").to_string());
        for (name, config) in definitions() {
            node.definition("vectors", &name, &config);
        }
    }

    /// The files that upstream's ADD left below its directory, by path.
    #[track_caller]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let top = self.folder.join("files-after-ADD/var/lib/cni/multus");
        let mut found = BTreeMap::new();
        for folder in [top.clone(), top.join("results")] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_file() {
                    let name = path.strip_prefix(&top).expect("it is below");
                    let bytes = fs::read(&path).expect("a recording can be read");
                    found.insert(name.to_owned(), bytes);
                }
            }
        }
        found
    }

    /// Puts those files into the node's state directory.
    #[track_caller]
    pub fn place(&self, node: &Node) {
        fs::create_dir_all(node.state.join("results")).expect("folders can be made");
        for (name, bytes) in self.files() {
            fs::write(node.state.join(name), bytes).expect("files can be written");
        }
    }

    /// The ledger that upstream's ADD left.
    #[track_caller]
    pub fn ledger(&self) -> Value {
        let files = self.files();
        let bytes = &files[Path::new(&self.variable("CNI_CONTAINERID"))];
        serde_json::from_slice(bytes).expect("a ledger is JSON")
    }

    /// The cached results that upstream's ADD left, by file name.
    #[track_caller]
    pub fn cached(&self) -> BTreeMap<String, Value> {
        let below = |(path, bytes): (PathBuf, Vec<u8>)| {
            let name = path.strip_prefix("results").ok()?.to_string_lossy();
            let value = serde_json::from_slice(&bytes).expect("a cached result is JSON");
            Some((name.into_owned(), value))
        };
        self.files().into_iter().filter_map(below).collect()
    }
}

/// The definitions that were in force, by name.
#[track_caller]
pub fn definitions() -> Map<String, Value> {
    let all = read_json(&root().join("definitions.json"));
    all.as_object().expect("definitions by name").clone()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/vectors")
}
