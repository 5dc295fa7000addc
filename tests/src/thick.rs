//! A node with a daemon: `multus-daemon` over a real Kubernetes API, and `multus-shim`, which the runtime calls.

use std::io::Write as _;
use std::ops::Deref;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::Signal;
use testkit::kube::{DAEMON, NODE, Rule};
use testkit::scripted::{self, Recorder};
use testkit::world::{Finished, Run, Running};

use crate::cluster::{ClusterNode, Pod};
use crate::multus::{Answer, Container, program};
use crate::node::{daemon, read_json};
use crate::scene::until;

/// Longer than any test here.
const LIFE: Duration = Duration::from_secs(600);

/// A node with a daemon, which is not started yet.
#[derive(Debug)]
pub struct ThickNode {
    cluster: ClusterNode,
    /// `multusAutoconfigDir`.
    pub primaries: PathBuf,
    /// `cniConfigDir`.
    pub configurations: PathBuf,
    /// `socketDir`.
    pub run: PathBuf,
    /// The daemon's configuration.
    pub config: PathBuf,
}

impl ThickNode {
    /// A node whose primary network is scripted.
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let node = Self::without_primary(name, &json!({}));
        node.add_primary();
        node
    }

    /// The same, with these keys in the daemon's configuration.
    #[track_caller]
    pub fn with(name: &str, keys: &Value) -> Self {
        let node = Self::without_primary(name, keys);
        node.add_primary();
        node
    }

    /// A node whose daemon reaches the API through a proxy, with these rights.
    #[track_caller]
    pub fn behind_proxy(name: &str, rights: &[Rule], keys: &Value) -> Self {
        let node = Self::on(ClusterNode::behind_proxy_with_rights(name, rights), keys);
        node.add_primary();
        node
    }

    /// A node whose API no other test uses, so that it can be taken down.
    #[track_caller]
    pub fn with_api_of_its_own(name: &str) -> Self {
        let cluster = ClusterNode::with_api_of_its_own_and_rights(name, DAEMON);
        let node = Self::on(cluster, &json!({}));
        node.add_primary();
        node
    }

    /// A node whose primary network is not there yet.
    #[track_caller]
    pub fn without_primary(name: &str, keys: &Value) -> Self {
        Self::on(ClusterNode::with_rights(name, DAEMON), keys)
    }

    #[track_caller]
    fn on(mut cluster: ClusterNode, keys: &Value) -> Self {
        cluster.node.multus = program("multus-shim");
        let folder = |name| {
            let made = cluster.node.world.folder(name);
            made.expect("folders can be made")
        };
        let node = Self {
            primaries: folder("primaries"),
            configurations: folder("etc"),
            run: folder("run"),
            config: cluster.node.world.directory().join("daemon-config.json"),
            cluster,
        };
        let mut config = json!({
            "cniVersion": "1.0.0",
            "socketDir": node.run,
            "daemonSocketDir": node.run,
            "cniConfigDir": node.configurations,
            "multusAutoconfigDir": node.primaries,
            "kubeconfig": node.kubeconfig,
            "cniDir": node.state,
            "binDir": node.plugins,
            "confDir": node.node.configurations,
            "logLevel": "verbose",
            "logToStderr": true,
        });
        let more = keys.as_object().cloned().unwrap_or_default();
        config
            .as_object_mut()
            .expect("this is an object")
            .extend(more);
        std::fs::write(&node.config, config.to_string()).expect("files can be written");
        node
    }

    /// Puts the primary network's configuration where it belongs.
    #[track_caller]
    pub fn add_primary(&self) {
        let primary = self.scripted("cluster", "10.9.0.2/24").to_string();
        std::fs::write(self.primaries.join("10-cluster.conf"), primary)
            .expect("files can be written");
    }

    /// Puts scripted plugins in the place of real ones.
    #[track_caller]
    pub fn replace_plugins(&self, names: &[&str]) {
        for name in names {
            let _none = std::fs::remove_file(self.plugins.join(name));
        }
        scripted::install(&self.plugins, names).expect("plugins can be installed");
    }

    /// Starts the daemon; it may not be ready yet.
    #[track_caller]
    pub fn start(&self) -> Daemon {
        self.start_with(&[])
    }

    /// The same, with more variables in its environment.
    #[track_caller]
    pub fn start_with(&self, variables: &[(&str, &Path)]) -> Daemon {
        let command = self.world.command(program("multus-daemon"));
        let command = variables
            .iter()
            .fold(command, |command, (name, value)| command.env(*name, *value));
        self.start_by(command)
    }

    /// The same by another program, which starts it with the arguments that it gets.
    #[track_caller]
    pub fn start_by(&self, command: Run) -> Daemon {
        let command = command
            .arg("-config")
            .arg(&self.config)
            .env("MULTUS_NODE_NAME", NODE)
            .timeout(LIFE);
        Daemon(command.spawn().expect("the daemon can be started"))
    }

    /// Starts the daemon, and waits until it is ready.
    #[track_caller]
    pub fn started(&self) -> Daemon {
        let daemon = self.start();
        self.until_ready();
        daemon
    }

    /// Waits until the daemon is ready.
    #[track_caller]
    pub fn until_ready(&self) {
        until("the daemon is ready", || {
            self.ask("/readyz").is_some_and(|(status, _)| status == 200)
        });
    }

    /// The configuration that the daemon keeps for the runtime.
    #[track_caller]
    pub fn generated(&self) -> Value {
        read_json(&self.own_file())
    }

    /// Its file.
    pub fn own_file(&self) -> PathBuf {
        self.configurations.join("00-multus.conf")
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.run.join("multus.sock")
    }

    /// What the daemon answers to a person with `curl`; `None` without a daemon.
    pub fn ask(&self, path: &str) -> Option<(u16, String)> {
        daemon::ask(&self.run, path)
    }

    /// What upstream's programs ask for a container over `/cni` and `/delegate`: the body.
    pub fn question(&self, container: &Container, verb: &str, config: &Value) -> String {
        let question = json!({
            "env": {
                "CNI_COMMAND": verb,
                "CNI_CONTAINERID": container.id,
                "CNI_NETNS": container.netns,
                "CNI_IFNAME": container.ifname,
                "CNI_ARGS": container.args,
                "CNI_PATH": self.plugins,
            },
            "config": BASE64.encode(config.to_string()),
        });
        question.to_string()
    }

    /// Asks, and does not wait for the answer. Dropped, whoever asks goes away.
    #[track_caller]
    pub fn begin_asking(&self, endpoint: &str, question: &str) -> UnixStream {
        let mut stream = UnixStream::connect(self.socket()).expect("somebody listens");
        let text = format!(
            "POST {endpoint} HTTP/1.1\r\nHost: d\r\nContent-Length: {}\r\n\r\n{question}",
            question.len()
        );
        stream.write_all(text.as_bytes()).expect("it can be asked");
        stream
    }

    /// STATUS, which needs the newest version.
    #[track_caller]
    pub fn status_call(&self, pod: &Pod, conf: &Value) -> Answer {
        let mut conf = conf.clone();
        conf["cniVersion"] = json!("1.1.0");
        self.call("STATUS", &pod.container, &conf)
    }

    /// Starts a verb of a program.
    #[track_caller]
    pub fn begin(&self, program: &Path, verb: &str, pod: &Pod, conf: &Value) -> Running {
        let command = pod.container.describe(verb, self.world.command(program));
        command
            .env("CNI_PATH", &self.plugins)
            .stdin(conf.to_string())
            .timeout(LIFE)
            .spawn()
            .expect("the plugin can be started")
    }

    /// Starts an ADD.
    #[track_caller]
    pub fn begin_add(&self, pod: &Pod, conf: &Value) -> Running {
        self.begin(&self.multus, "ADD", pod, conf)
    }

    /// The scripted network `slow`, whose ADD waits for the file that is returned.
    #[track_caller]
    pub fn define_slow(&self) -> PathBuf {
        let go = self.world.directory().join("go");
        let mut network = self.scripted("slow", "10.1.0.2/24");
        network["script"]["per_verb"] = json!({"ADD": {"wait_for_file": go}});
        self.define("slow", &network);
        go
    }

    /// Waits until so many ADDs of a network have begun.
    #[track_caller]
    pub fn begun(&self, network: &str, count: usize) {
        let recorder = Recorder::new(self.record());
        until("ADDs begin", || {
            let calls = recorder.calls().unwrap_or_default();
            let begun = calls
                .iter()
                .filter(|call| call.verb == "ADD" && call.network() == network);
            begun.count() >= count
        });
    }

    /// Name and interface of each entry of the network status, once there is one: nobody waits for that of a pod without
    /// networks of its own but this.
    #[track_caller]
    pub fn attachments_once(&self, pod: &Pod) -> Vec<(String, String)> {
        until("the status is written", || !self.status_of(pod).is_empty());
        self.attachments_of(pod)
    }

    /// The events about a pod, once there are so many: nobody waits for them but this.
    #[track_caller]
    pub fn events_once(&self, pod: &Pod, count: usize) -> Vec<String> {
        until("the pod is told", || self.events_of(pod).len() >= count);
        self.events_of(pod)
    }
}

impl Deref for ThickNode {
    type Target = ClusterNode;

    fn deref(&self) -> &ClusterNode {
        &self.cluster
    }
}

/// A daemon that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Daemon(pub Running);

impl Daemon {
    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub fn stop(self) -> Finished {
        self.0.signal(Signal::TERM).expect("signals can be sent");
        self.0.wait().expect("the daemon ends")
    }

    /// Kills it.
    #[track_caller]
    pub fn kill(self) {
        self.0.signal(Signal::KILL).expect("signals can be sent");
        self.0.wait().expect("the daemon ends");
    }
}

/// What a plugin that was begun answers.
#[track_caller]
pub fn answer(running: Running) -> Answer {
    Answer(running.wait().expect("the plugin ends"))
}
