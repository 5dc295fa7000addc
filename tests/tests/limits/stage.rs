//! A pod whose networks are made by the scripted plugin, which makes no links.

use std::ops::Deref;

use serde_json::{Value, json};
use suites::cluster::ClusterNode;
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;
use testkit::scripted::Recorder;
use testkit::world::Run;

/// The pod, its node, and how it is attached.
pub(crate) struct Stage {
    place: Place,
    pub(crate) container: Container,
    conf: Value,
    pub(crate) record: Recorder,
    _sandbox: Sandbox,
}

/// Where pods and definitions are.
enum Place {
    Local(Node),
    Api(Box<ClusterNode>),
}

impl Deref for Place {
    type Target = Node;

    fn deref(&self) -> &Node {
        match self {
            Self::Local(node) => node,
            Self::Api(node) => node,
        }
    }
}

impl Stage {
    /// In local mode, with so many networks beside the default one.
    pub(crate) fn local(networks: usize) -> Self {
        let node = Node::bare();
        node.install(&["scripted"]);
        let record = Recorder::new(node.world.directory().join("record"));
        let names = names(networks);
        for name in &names {
            node.definition("shop", name, &network(name, &record));
        }
        node.pod_with("shop", "web", &names.join(","));
        let sandbox = node.sandbox("sandbox");
        let container = Container::new(&sandbox).of_pod("shop", "web");
        let conf = node.conf(&[network("cluster", &record)]);
        Self::set(Place::Local(node), container, conf, record, sandbox)
    }

    /// By the Kubernetes API, over TLS.
    pub(crate) fn api(networks: usize) -> Self {
        let node = ClusterNode::new("limits");
        let record = Recorder::new(node.record());
        let names = names(networks);
        for name in &names {
            node.define(name, &network(name, &record));
        }
        let pod = node.pod("web", &names.join(","));
        let conf = node.conf(&[network("cluster", &record)]);
        let place = Place::Api(Box::new(node));
        Self::set(place, pod.container, conf, record, pod.sandbox)
    }

    fn set(
        place: Place,
        container: Container,
        conf: Value,
        record: Recorder,
        sandbox: Sandbox,
    ) -> Self {
        Self {
            place,
            container,
            conf,
            record,
            _sandbox: sandbox,
        }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.place
    }

    /// A call of `multus`.
    pub(crate) fn call(&self, verb: &str) -> Run {
        let run = self.place.world.command(&self.place.multus);
        self.describe(verb, run)
    }

    /// A call of `multus` by a program that watches it.
    pub(crate) fn watched(&self, verb: &str, watcher: &str, options: &[&str]) -> Run {
        let run = self.place.world.command(watcher).args(options);
        self.describe(verb, run.arg(&self.place.multus))
    }

    fn describe(&self, verb: &str, run: Run) -> Run {
        let run = self.container.describe(verb, run);
        run.env("CNI_PATH", &self.place.plugins)
            .stdin(self.conf.to_string())
    }
}

fn names(networks: usize) -> Vec<String> {
    (1..=networks)
        .map(|number| format!("net-{number}"))
        .collect()
}

/// With a result that stands in the status.
fn network(name: &str, record: &Recorder) -> Value {
    let interface = json!({"name": "${CNI_IFNAME}", "sandbox": "${CNI_NETNS}"});
    let ip = json!({"address": "10.9.0.2/24", "interface": 0});
    let result = json!({"interfaces": [interface], "ips": [ip]});
    json!({
        "cniVersion": "1.0.0",
        "name": name,
        "type": "scripted",
        "script": {"record": record.path(), "result": result},
    })
}
