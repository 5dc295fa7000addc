//! A pod on a node whose networks are scripted, so that a test can let any of them go wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::leaks::Snapshot;
use testkit::netns::Sandbox;
use testkit::scripted::{Call, Recorder};
use testkit::world::{Finished, Run, Running};

use crate::multus::{Answer, Container};
use crate::node::Node;

/// Stands in every configuration, and in nothing that `multus` prints.
pub const SECRET: &str = "s3cr3t-m4rk3r";

/// A pod, its sandbox, and what its networks' plugins were asked to do.
#[derive(Debug)]
pub struct Scene {
    /// The node, with the scripted plugin as `scripted`.
    pub node: Node,
    /// The pod's sandbox.
    pub sandbox: Sandbox,
    /// The pod's container.
    pub pod: Container,
    /// What the plugins were given.
    pub recorder: Recorder,
    /// For the files that scripts wait for and touch.
    pub signals: PathBuf,
    before: Snapshot,
}

/// A second verb's keys for a script: `only("DEL", …)`.
pub fn only(verb: &str, keys: Value) -> Value {
    json!({"per_verb": {verb: keys}})
}

impl Scene {
    /// A pod `default/pod` on a node of its own.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "it makes namespaces")]
    pub fn new() -> Self {
        let node = Node::bare();
        node.install(&["scripted"]);
        Self::on(node)
    }

    /// The same on a node that is there already.
    #[track_caller]
    pub fn on(node: Node) -> Self {
        let sandbox = node.sandbox("c1");
        let signals = node.world.folder("signals").expect("folders can be made");
        Self {
            pod: Container::new(&sandbox).of_pod("default", "pod"),
            recorder: Recorder::new(signals.join("record")),
            before: node.snapshot(),
            node,
            sandbox,
            signals,
        }
    }

    /// A network with one scripted plugin, which makes a real link unless the script says otherwise.
    pub fn network(&self, name: &str, script: Value) -> Value {
        let mut network = self.plugin("scripted", script);
        network["cniVersion"] = json!("1.0.0");
        network["name"] = json!(name);
        network
    }

    /// The same as a member of a chain; only the first one of a chain makes a link.
    pub fn plugin(&self, plugin: &str, script: Value) -> Value {
        let mut keys = json!({"record": self.recorder.path(), "create_link": true});
        let own = script.as_object().cloned().unwrap_or_default();
        keys.as_object_mut().expect("this is an object").extend(own);
        json!({"type": plugin, "password": SECRET, "script": keys})
    }

    /// Installs a plugin that is a shell script; it is not recorded.
    #[track_caller]
    pub fn shell_plugin(&self, name: &str, body: &str) {
        let path = self.node.plugins.join(name);
        let script = format!("#!/bin/sh\n{body}\n");
        std::fs::write(&path, script).expect("a plugin can be written");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("a plugin can be made executable");
    }

    /// The configuration of `multus` with these networks: `eth0`, `net1`, `net2` and so on.
    pub fn conf(&self, networks: &[Value]) -> Value {
        self.node.conf(networks)
    }

    /// As [`Scene::conf`], with shorter deadlines: `{"add": "2s"}`.
    pub fn conf_with(&self, networks: &[Value], timeouts: Value) -> Value {
        let mut conf = self.conf(networks);
        conf["timeouts"] = timeouts;
        conf
    }

    /// A file for a script to wait for or to touch.
    pub fn signal(&self, name: &str) -> PathBuf {
        self.signals.join(name)
    }

    /// Makes such a file.
    #[track_caller]
    pub fn give(&self, name: &str) {
        std::fs::write(self.signal(name), "").expect("a signal can be given");
    }

    /// Takes it away.
    #[track_caller]
    pub fn take(&self, name: &str) {
        std::fs::remove_file(self.signal(name)).expect("a signal can be taken back");
    }

    /// `multus`, ready to run for the pod.
    pub fn command(&self, verb: &str, conf: &Value) -> Run {
        self.pod
            .describe(verb, self.node.world.command(&self.node.multus))
            .env("CNI_PATH", &self.node.plugins)
            .working_directory(&self.signals)
            .stdin(conf.to_string())
    }

    /// Calls `multus` for the pod.
    #[track_caller]
    pub fn call(&self, verb: &str, conf: &Value) -> Answer {
        answer(self.command(verb, conf).run().expect("multus ends"))
    }

    /// Starts it.
    #[track_caller]
    pub fn start(&self, verb: &str, conf: &Value) -> Running {
        self.command(verb, conf).spawn().expect("multus starts")
    }

    /// Waits until the plugin of a network has begun with a verb.
    #[track_caller]
    pub fn begun(&self, verb: &str, network: &str) -> Call {
        let fits = |call: &Call| call.verb == verb && call.network() == network;
        self.recorder
            .wait_for(fits)
            .unwrap_or_else(|error| panic!("{verb} of {network}: {error:#}"))
    }

    /// Each call of a plugin so far, as `ADD net-a eth0`.
    #[track_caller]
    pub fn calls(&self) -> Vec<String> {
        self.recorder.summary().expect("the record can be read")
    }

    /// The calls so far, which are forgotten then.
    #[track_caller]
    pub fn take_calls(&self) -> Vec<String> {
        let calls = self.calls();
        self.recorder.clear().expect("the record can be removed");
        calls
    }

    /// Nothing is left of the pod: no link, address, route, rule, file or process.
    #[track_caller]
    pub fn nothing_left(&self) {
        self.node.nothing_left(&self.before, &[]);
    }

    /// The same, but for bridges.
    #[track_caller]
    pub fn nothing_left_but(&self, links: &[&str]) {
        self.node.nothing_left(&self.before, links);
    }

    /// The names of the files in `cniDir` and below, without the locks.
    #[track_caller]
    pub fn books(&self) -> Vec<String> {
        names(&self.node.state)
    }

    /// Processes that run on the node and whose command line has this word.
    pub fn processes(&self, word: &str) -> Vec<(u32, String)> {
        let mut all = self.node.world.processes();
        all.retain(|(_, line)| line.contains(word));
        all
    }
}

/// What `multus` answered; whatever it was, it does not give the secret away.
#[track_caller]
pub fn answer(done: Finished) -> Answer {
    for text in [done.stdout_text(), done.stderr_text()] {
        assert!(!text.contains(SECRET), "gives the secret away: {text}");
    }
    Answer(done)
}

/// The files in a folder and below, sorted, as paths from it, without the node's lock and the primary network's record.
#[track_caller]
pub fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    collect(folder, "", &mut found);
    found.retain(|name| ![".lock", ".primary"].contains(&name.as_str()));
    found.sort();
    found
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), &format!("{name}/"), found);
        } else {
            found.push(name);
        }
    }
}

/// Waits until a process does nothing but ask for a lock again and again.
#[track_caller]
pub fn until_it_waits(running: &Running) {
    let path = format!("/proc/{}/status", running.pid());
    let slept = || -> u64 {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let count = text
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count
            .and_then(|count| count.trim().parse().ok())
            .unwrap_or(0)
    };
    // One that works sleeps a few times; one that waits does it every 20 ms.
    until("the lock is asked for", || slept() >= 30);
}

/// Waits until something holds, a minute at most.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Of two calls of plugins that have both ended, one was over before the other began.
#[track_caller]
pub fn one_after_the_other(calls: &[Call]) {
    for pair in calls.windows(2) {
        assert!(
            pair[0].ended_before(&pair[1]),
            "{} {} ran beside {} {}",
            pair[1].verb,
            pair[1].network(),
            pair[0].verb,
            pair[0].network()
        );
    }
}
