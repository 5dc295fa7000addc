//! What upstream's program exchanged and left behind on a real node: requests, ledgers, result caches. Observations, right
//! or wrong, of commit 95a0932 with the reference plugins 1.9.1; the files lie in `tests/fixtures/vectors`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::cluster::ClusterNode;
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

    /// The recording of a pod with the thick plugin.
    pub fn thick(pod: &str) -> Self {
        Self {
            folder: root().join("thick").join(pod),
        }
    }

    /// The same, asked for in the newest version, 1.1.0.
    pub fn newest(pod: &str) -> Self {
        Self {
            folder: root().join("thick-1.1.0").join(pod),
        }
    }

    /// The pod.
    pub fn name(&self) -> &str {
        let name = self.folder.file_name().and_then(|name| name.to_str());
        name.expect("a recording has a name")
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

    /// What the plugins answered, by plugin and network, for a sandbox at `netns`: scripts for plugins of those names.
    #[track_caller]
    pub fn scripts(&self, netns: &str) -> Value {
        let mut scripts = Map::new();
        let mut script = |plugins: &[&str], network: &str, script: Value| {
            for plugin in plugins {
                scripts.insert(format!("{plugin} {network}"), script.clone());
            }
        };
        for entry in self.cached().values() {
            let network = entry["networkName"].as_str().expect("an entry has a name");
            let result = entry["result"].to_string();
            let result = result.replace(&self.variable("CNI_NETNS"), netns);
            let result: Value = serde_json::from_str(&result).expect("a result is JSON");
            // The first of a chain makes the link.
            script(
                &["bridge", "macvlan"],
                network,
                json!({"result": result, "create_link": true}),
            );
            script(&["canned"], network, json!({"result": result}));
        }
        if self.name() == "failing" {
            // Nothing was kept of what was undone but its events.
            let made = |address: &str| {
                let interface = json!({"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"});
                json!({"result": {"interfaces": [interface], "ips": [{"version": "4", "address": address, "interface": 0}]}, "create_link": true})
            };
            script(&["bridge"], "cluster", made("10.244.0.6/24"));
            script(&["macvlan"], "macvlan-a", made("192.168.10.4/24"));
        }
        let error = json!({"code": 11, "msg": "no address left", "details": "pool of 3"});
        script(
            &["canned"],
            "fails",
            json!({"per_verb": {"ADD": {"fail": error}}}),
        );
        let error = json!({"code": 999, "msg": "switch unreachable"});
        script(
            &["canned"],
            "del-fails",
            json!({"result": {"cniVersion": "1.0.0"}, "per_verb": {"DEL": {"fail": error}}}),
        );
        Value::Object(scripts)
    }

    /// What went over the daemon's socket for a verb, in order.
    #[track_caller]
    pub fn exchanges(&self, verb: &str) -> Vec<Exchange> {
        let text = fs::read_to_string(self.folder.join(format!("{verb}.http")));
        let text = text.expect("a recording can be read");
        let all = text.split(">>> request\n").skip(1);
        all.map(Exchange::parse).collect()
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

/// A request over the daemon's socket, and its answer, as they were.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// `POST /cni`.
    pub asked: String,
    /// The request's body.
    pub question: String,
    /// The whole answer.
    pub answer: Response,
}

/// An answer of HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Its bytes.
    pub raw: String,
    /// `200`.
    pub status: u16,
    /// The lines of its head but for the first, in small letters, sorted.
    pub headers: Vec<String>,
    /// Its body.
    pub body: String,
}

impl Exchange {
    fn parse(text: &str) -> Self {
        let (request, answer) = text
            .split_once("\n<<< response\n")
            .expect("each request has an answer");
        let (head, question) = request.split_once("\r\n\r\n").expect("a head has an end");
        let line = head.lines().next().unwrap_or_default();
        Self {
            asked: line.trim_end_matches(" HTTP/1.1").to_owned(),
            question: question.to_owned(),
            answer: Response::parse(answer),
        }
    }

    /// Asked by upstream's client with this body, of whoever listens on the socket.
    #[track_caller]
    pub fn ask(&self, socket: &Path, question: &str) -> Response {
        request(socket, &self.asked, question)
    }
}

impl Response {
    /// The bytes of an answer.
    #[track_caller]
    pub fn parse(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").expect("a head has an end");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let mut headers: Vec<String> = lines.map(str::to_lowercase).collect();
        headers.sort();
        let length = headers
            .iter()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(body.len(), |length| length.parse().expect("a number"));
        let body = &body[..length];
        Self {
            raw: format!("{head}\r\n\r\n{body}"),
            status: status.expect("a status").parse().expect("a number"),
            headers,
            body: body.to_owned(),
        }
    }

    /// The recorded answer to a request that is none of the runtime's.
    #[track_caller]
    pub fn recorded(name: &str) -> Self {
        let path = root().join("thick").join(name).with_extension("http");
        let text = fs::read_to_string(path).expect("a recording can be read");
        Self::parse(&text)
    }
}

/// The recorded body of a request that is none of the runtime's.
#[track_caller]
pub fn recorded_question(name: &str) -> Value {
    read_json(&root().join("thick").join(name))
}

/// Asks as upstream's client does: `POST /cni`, with this body.
#[track_caller]
pub fn request(socket: &Path, asked: &str, question: &str) -> Response {
    let mut stream = UnixStream::connect(socket).expect("somebody listens");
    let text = format!(
        "{asked} HTTP/1.1\r\nHost: dummy\r\nUser-Agent: Go-http-client/1.1\r\nContent-Length: {}\r\n\
         Content-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n{question}",
        question.len()
    );
    stream.write_all(text.as_bytes()).expect("it can be asked");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("it answers and closes");
    Response::parse(&answer)
}

/// A recorded text with the namespace of this test.
pub fn here(node: &ClusterNode, text: &str) -> String {
    let own = &node.namespace;
    text.replace("vectors/", &format!("{own}/"))
        .replace("\"vectors\"", &format!("\"{own}\""))
        .replace("(vectors)", &format!("({own})"))
        .replace("=vectors;", &format!("={own};"))
}

/// A status without gateways, which upstream writes as `<nil>`, or where they are not (Q3, Q22).
pub fn without_gateways(mut status: Value) -> Value {
    for entry in status.as_array_mut().into_iter().flatten() {
        let entry = entry.as_object_mut().expect("an entry is an object");
        entry.remove("gateway");
    }
    status
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
