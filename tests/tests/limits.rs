//! What `multus` may cost where that does not depend on the machine: size, memory, processes, threads, descriptors,
//! instructions. The numbers are those of `docs/SPECIFICATION.md`; times are measured by `cargo xtask bench`.

#[path = "limits/build.rs"]
mod build;
#[path = "limits/instructions.rs"]
mod instructions;
#[path = "limits/memory.rs"]
mod memory;
#[path = "limits/processes.rs"]
mod processes;

use serde_json::{Value, json};
use suites::multus::Container;
use suites::node::Node;
use testkit::netns::Sandbox;
use testkit::scripted::Recorder;
use testkit::world::Run;

/// A node in local mode, and a pod whose networks are made by the scripted plugin, which makes no links.
struct Stage {
    node: Node,
    container: Container,
    conf: Value,
    record: Recorder,
    _sandbox: Sandbox,
}

impl Stage {
    /// With so many networks beside the default one.
    fn new(networks: usize) -> Self {
        let node = Node::bare();
        node.install(&["scripted"]);
        let record = Recorder::new(node.world.directory().join("record"));
        let network = |name: &str| json!({"cniVersion": "1.0.0", "name": name, "type": "scripted", "script": {"record": record.path()}});
        let names: Vec<String> = (1..=networks)
            .map(|number| format!("net-{number}"))
            .collect();
        for name in &names {
            node.definition("shop", name, &network(name));
        }
        node.pod_with("shop", "web", &names.join(","));
        let sandbox = node.sandbox("sandbox");
        Self {
            container: Container::new(&sandbox).of_pod("shop", "web"),
            conf: node.conf(&[network("cluster")]),
            record,
            node,
            _sandbox: sandbox,
        }
    }

    /// A call of `multus`.
    fn call(&self, verb: &str) -> Run {
        let run = self.node.world.command(&self.node.multus);
        self.describe(verb, run)
    }

    /// A call of `multus` by a program that watches it.
    fn watched(&self, verb: &str, watcher: &str, options: &[&str]) -> Run {
        let run = self.node.world.command(watcher).args(options);
        self.describe(verb, run.arg(&self.node.multus))
    }

    fn describe(&self, verb: &str, run: Run) -> Run {
        let run = self.container.describe(verb, run);
        run.env("CNI_PATH", &self.node.plugins)
            .stdin(self.conf.to_string())
    }
}
