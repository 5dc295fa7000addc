//! A node without a cluster: reference plugins, a folder of manifests, and `multus` over both; in suites of the daemon,
//! `multus-shim` over a daemon whose API are the manifests.

pub(crate) mod daemon;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::leaks::{self, Snapshot};
use testkit::netns::Sandbox;
use testkit::scripted;
use testkit::tools::{self, Part};
use testkit::world::World;

use crate::multus::{Answer, Container, program};
use daemon::{NodeDaemon, Place};

/// The parent of macvlan interfaces: one end of a cable, whose other end is [`CABLE`].
pub const UPLINK: &str = "uplink0";

/// The other end of [`UPLINK`].
pub const CABLE: &str = "cable0";

/// A node of its own, with everything that `multus` needs in place.
#[derive(Debug)]
pub struct Node {
    /// Its namespaces.
    pub world: World,
    /// `cniDir`.
    pub state: PathBuf,
    /// `manifestDir`.
    pub manifests: PathBuf,
    /// `dataDir` of the address allocators.
    pub addresses: PathBuf,
    /// `binDir`.
    pub plugins: PathBuf,
    /// `confDir`.
    pub configurations: PathBuf,
    /// The program under test.
    pub multus: PathBuf,
    daemon: Option<Box<NodeDaemon>>,
}

impl Node {
    /// A node with the reference plugins, and the scripted one as `scripted`.
    #[track_caller]
    pub fn with_plugins() -> Self {
        Self::bare().furnished()
    }

    /// The same for a cluster, which is not that of the node's manifests.
    #[track_caller]
    pub(crate) fn of_cluster() -> Self {
        Self::build(false).furnished()
    }

    #[track_caller]
    fn furnished(self) -> Self {
        let node = self;
        let reference = tools::ensure(Part::CniPlugins).expect("the reference plugins are there");
        for entry in fs::read_dir(&reference).expect("the reference plugins can be listed") {
            let path = entry.expect("the reference plugins can be listed").path();
            let name = path.file_name().expect("a file has a name");
            symlink(&path, node.plugins.join(name)).expect("plugins can be linked");
        }
        node.install(&["scripted"]);
        node.world
            .veth(UPLINK, CABLE)
            .expect("the node gets its uplink");
        node
    }

    /// A node without plugins and without links.
    #[track_caller]
    pub fn bare() -> Self {
        Self::build(daemon::plans_here())
    }

    #[track_caller]
    fn build(with_daemon: bool) -> Self {
        let world = World::new().expect("namespaces can be made");
        let folder = |name| world.folder(name).expect("folders can be made");
        let (state, manifests, plugins) = (folder("state"), folder("manifests"), folder("bin"));
        let place = Place {
            world: &world,
            state: &state,
            plugins: &plugins,
        };
        let daemon = with_daemon.then(|| Box::new(NodeDaemon::start(&place, &manifests)));
        Self {
            addresses: folder("addresses"),
            configurations: folder("net.d"),
            multus: match &daemon {
                Some(_) => program("multus-shim"),
                None => program("multus"),
            },
            state,
            manifests,
            plugins,
            daemon,
            world,
        }
    }

    /// Where a daemon finds what it works with.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            world: &self.world,
            state: &self.state,
            plugins: &self.plugins,
        }
    }

    /// Installs the scripted plugin under these names.
    #[track_caller]
    pub fn install(&self, names: &[&str]) {
        scripted::install(&self.plugins, names).expect("the scripted plugin can be installed");
    }

    /// A sandbox, as the runtime makes it for a pod.
    #[track_caller]
    pub fn sandbox(&self, name: &str) -> Sandbox {
        self.world.sandbox(name).expect("a sandbox can be made")
    }

    /// Takes a sandbox away as a runtime does, and waits until the kernel has: the other ends of its cables go some time later.
    #[track_caller]
    pub fn destroy(&self, sandbox: Sandbox) {
        let links = sandbox.ip_json("link").expect("links can be listed");
        let cables = links
            .iter()
            .filter(|link| link["linkinfo"]["info_kind"] == "veth");
        let ends: Vec<Value> = cables.map(|link| link["link_index"].clone()).collect();
        sandbox.destroy().expect("the sandbox can be removed");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let links = self.world.node().ip_json("link");
            let links = links.expect("links can be listed");
            if !links.iter().any(|link| ends.contains(&link["ifindex"])) {
                return;
            }
            assert!(Instant::now() < deadline, "still there: {links:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The configuration of `multus` with these delegates.
    pub fn conf(&self, delegates: &[Value]) -> Value {
        let mut conf = json!({
            "cniVersion": "1.0.0",
            "name": "multus-cni-network",
            "type": "multus",
            "cniDir": self.state,
            "binDir": self.plugins,
            "confDir": self.configurations,
            "delegates": delegates,
        });
        match &self.daemon {
            Some(daemon) => {
                conf["daemonSocketDir"] = json!(daemon.planning.run);
                conf["logToStderr"] = json!(true);
            }
            None => conf["manifestDir"] = json!(self.manifests),
        }
        conf
    }

    /// Calls `multus`.
    #[track_caller]
    pub fn call(&self, verb: &str, container: &Container, conf: &Value) -> Answer {
        let run = container.describe(verb, self.world.command(&self.multus));
        let run = run
            .env("CNI_PATH", &self.plugins)
            .stdin(conf.to_string())
            .run();
        Answer(run.expect("multus ends"))
    }

    /// ADD that has to succeed; the printed result.
    #[track_caller]
    pub fn add(&self, container: &Container, conf: &Value) -> Value {
        self.call("ADD", container, conf).result()
    }

    /// CHECK that has to succeed.
    #[track_caller]
    pub fn check(&self, container: &Container, conf: &Value) {
        self.call("CHECK", container, conf).silent();
    }

    /// DEL that has to succeed.
    #[track_caller]
    pub fn del(&self, container: &Container, conf: &Value) {
        self.call("DEL", container, conf).silent();
    }

    /// Writes a file into the folder of manifests.
    #[track_caller]
    pub fn manifest(&self, file: &str, text: &str) {
        fs::write(self.manifests.join(file), text).expect("a manifest can be written");
    }

    /// Writes a definition's manifest.
    #[track_caller]
    pub fn definition(&self, namespace: &str, name: &str, config: &Value) {
        let manifest = json!({
            "apiVersion": "k8s.cni.cncf.io/v1",
            "kind": "NetworkAttachmentDefinition",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"config": config.to_string()},
        });
        self.manifest(
            &format!("definition-{namespace}-{name}.json"),
            &manifest.to_string(),
        );
    }

    /// Writes a pod's manifest, with these annotations.
    #[track_caller]
    pub fn pod(&self, namespace: &str, name: &str, annotations: &[(&str, &str)]) {
        let annotations: serde_json::Map<_, _> = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let manifest = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
            "spec": {"containers": [{"name": "main", "image": "example.invalid/none"}]},
        });
        self.manifest(
            &format!("pod-{namespace}-{name}.json"),
            &manifest.to_string(),
        );
    }

    /// Writes the manifest of a pod that asks for these networks.
    #[track_caller]
    pub fn pod_with(&self, namespace: &str, name: &str, networks: &str) {
        self.pod(namespace, name, &[(NETWORKS, networks)]);
    }

    /// Where a pod's status is.
    pub fn status_file(&self, namespace: &str, pod: &str) -> PathBuf {
        let folder = match &self.daemon {
            Some(daemon) => daemon.statuses.clone(),
            None => self.manifests.join(".status"),
        };
        folder.join(format!("{namespace}_{pod}.json"))
    }

    /// A pod's status as JSON.
    #[track_caller]
    pub fn status(&self, namespace: &str, pod: &str) -> Value {
        read_json(&self.status_file(namespace, pod))
    }

    /// The ledger of a container.
    #[track_caller]
    pub fn ledger(&self, id: &str) -> Value {
        read_json(&self.state.join(id))
    }

    /// The cached result of an attachment.
    #[track_caller]
    pub fn cached(&self, network: &str, id: &str, ifname: &str) -> Value {
        read_json(
            &self
                .state
                .join("results")
                .join(format!("{network}-{id}-{ifname}")),
        )
    }

    /// What there is now.
    #[track_caller]
    pub fn snapshot(&self) -> Snapshot {
        self.world
            .snapshot(&[&self.state, &self.manifests, &self.addresses])
            .expect("the node can be looked at")
    }

    /// Nothing is there that was not there before, but these links: the bridge plugin means its bridges to stay.
    #[track_caller]
    pub fn nothing_left(&self, before: &Snapshot, but_links: &[&str]) {
        let left = self.world.leaks(before).expect("the node can be looked at");
        let left = leaks::without_links(left, but_links);
        assert!(left.is_empty(), "left behind:\n{}", leaks::lines(&left));
    }
}

/// The annotation that asks for networks.
pub const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";

/// The annotation that replaces the default network.
pub const DEFAULT_NETWORK: &str = "v1.multus-cni.io/default-network";

/// Reads a JSON file.
#[track_caller]
pub fn read_json(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{}: {error}: {text}", path.display()))
}
