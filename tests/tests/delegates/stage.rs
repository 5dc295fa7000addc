//! A node whose plugins write down what they are given.

use serde_json::{Map, Value, json};
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;
use testkit::scripted::{Call, Recorder};

/// The node, and one pod on it: `shop/web`.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) recorder: Recorder,
    _sandbox: Sandbox,
    pub(crate) container: Container,
}

impl Stage {
    /// Plugins `alpha`, `beta` and `gamma`; the pod has no manifest yet.
    pub(crate) fn new() -> Self {
        let node = Node::bare();
        node.install(&["alpha", "beta", "gamma"]);
        let sandbox = node.sandbox("pod");
        Self {
            recorder: Recorder::new(node.world.directory().join("record")),
            container: Container::new(&sandbox).of_pod("shop", "web"),
            _sandbox: sandbox,
            node,
        }
    }

    /// A plugin of a chain that records its calls, with further keys.
    pub(crate) fn plugin(&self, plugin: &str, more: Value) -> Value {
        let mut keys = Map::new();
        keys.insert("type".to_owned(), json!(plugin));
        keys.insert("script".to_owned(), json!({"record": self.recorder.path()}));
        let Value::Object(more) = more else {
            panic!("further keys are no object: {more}")
        };
        for (key, value) in more {
            match (keys.get_mut(&key), value) {
                (Some(Value::Object(known)), Value::Object(value)) => known.extend(value),
                (_, value) => drop(keys.insert(key, value)),
            }
        }
        Value::Object(keys)
    }

    /// A network with one plugin, `alpha`, that records its calls.
    pub(crate) fn network(&self, name: &str, more: Value) -> Value {
        let mut network = self.plugin("alpha", json!({"cniVersion": "1.0.0", "name": name}));
        let (Value::Object(network_keys), Value::Object(more)) = (&mut network, more) else {
            panic!("not an object")
        };
        for (key, value) in more {
            match (network_keys.get_mut(&key), value) {
                (Some(Value::Object(known)), Value::Object(value)) => known.extend(value),
                (_, value) => drop(network_keys.insert(key, value)),
            }
        }
        network
    }

    /// The configuration with the default network `cluster`.
    pub(crate) fn conf(&self) -> Value {
        self.node.conf(&[self.network("cluster", json!({}))])
    }

    /// ADD of the pod with these networks, by this configuration; what the delegates were given.
    #[track_caller]
    pub(crate) fn add(&self, conf: &Value, networks: &str) -> Vec<Call> {
        self.node.pod_with("shop", "web", networks);
        self.recorder.clear().unwrap();
        self.node.add(&self.container, conf);
        self.recorder.calls_of("ADD").unwrap()
    }

    /// DEL of the pod; what the delegates were given.
    #[track_caller]
    pub(crate) fn del(&self, conf: &Value) -> Vec<Call> {
        self.recorder.clear().unwrap();
        self.node.del(&self.container, conf);
        self.recorder.calls_of("DEL").unwrap()
    }
}

/// A request of the runtime as text, `verb network interface` for each call.
pub(crate) fn summary(calls: &[Call]) -> Vec<String> {
    let text = |call: &Call| {
        format!(
            "{} {} {}",
            call.verb,
            call.network(),
            call.variable("CNI_IFNAME")
        )
    };
    calls.iter().map(text).collect()
}
