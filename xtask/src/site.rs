//! A node in a box (`testkit::node`) with Multus on it, installed by our image and manifests: for people to play with, and for the
//! node suite. Or two nodes.

mod flannel;
mod forms;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::kube::{Client, wait};
use testkit::node::{Node, POD_RANGE};
use testkit::process::Server;
use testkit::tools::{self, Part};

use crate::image;
pub(crate) use forms::Form;

/// The cluster network, as a network's own installer would leave it on the node.
pub(crate) const PRIMARY: &str = "/etc/cni/net.d/10-cluster.conflist";
/// What the daemon keeps for the runtime.
pub(crate) const GENERATED: &str = "/etc/cni/net.d/00-multus.conf";
/// Where ledgers and results are.
pub(crate) const STATE: &str = "/var/lib/cni/multus";
/// The end of a veth pair that macvlan interfaces can be made on.
pub(crate) const PARENT: &str = "up1";

/// How long Multus may take to come or to go, on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);

const DAEMON_SET: &str = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-multus-ds";
const CONFIG_MAP: &str = "/api/v1/namespaces/kube-system/configmaps/multus-daemon-config";
const PODS: &str = "/api/v1/namespaces/kube-system/pods?labelSelector=name%3Dmultus";

/// A node with Multus, or two.
#[derive(Debug)]
pub(crate) struct Site {
    /// What carries the cluster network from node to node, where there are two.
    overlay: Vec<Server>,
    second: Option<Node>,
    node: Node,
    /// What is in the image.
    programs: PathBuf,
}

impl Site {
    /// Brings up a node, and Multus on it: an image of the programs in this folder, the cluster network, our manifest.
    pub(crate) fn start(programs: &Path) -> Result<Self> {
        let site = Self {
            overlay: Vec::new(),
            second: None,
            node: Node::start()?,
            programs: programs.to_owned(),
        };
        let network = primary("cni0", POD_RANGE);
        write(&site.node, PRIMARY, &network.to_string())?;
        site.install()?;
        Ok(site)
    }

    /// Brings up two nodes on one wire, with flannel as their cluster network, and Multus on them.
    pub(crate) fn start_two(programs: &Path) -> Result<Self> {
        let node = Node::start()?;
        let second = node.join()?;
        let mut site = Self {
            overlay: Vec::new(),
            second: Some(second),
            node,
            programs: programs.to_owned(),
        };
        site.overlay = site.nodes().map(overlay).collect::<Result<_>>()?;
        site.install()?;
        Ok(site)
    }

    /// Multus, from our image and our manifest.
    fn install(&self) -> Result<()> {
        self.import(image::Kind::Plain)?;
        self.apply(Form::Thick)?;
        self.wait_for_daemon()?;
        self.nodes().try_for_each(Node::wait_until_ready)
    }

    /// The node; the first one, where there are two.
    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.node).chain(&self.second)
    }

    /// A client that may do everything.
    pub(crate) fn client(&self) -> &Client {
        self.node.client()
    }

    /// Where a path of the node is found from here.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.node.world().outside(path.as_ref())
    }

    /// Writes a file of the node.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        write(&self.node, path, text)
    }

    /// Waits until Multus' pod is the one that its DaemonSet describes, and ready.
    pub(crate) fn wait_for_daemon(&self) -> Result<()> {
        let nodes = self.nodes().count();
        wait::until_true("Multus' pod to be ready", LIMIT, || {
            pause();
            let set = self.client().get(DAEMON_SET)?;
            let status = &set["status"];
            let is_seen = status["observedGeneration"] == set["metadata"]["generation"];
            let are_all = |key: &str| status[key] == nodes;
            let are_new = are_all("updatedNumberScheduled") && are_all("numberReady");
            let are_wanted = are_all("desiredNumberScheduled");
            Ok(is_seen && are_new && are_wanted && self.pods()?.len() == nodes)
        })
    }

    /// Takes Multus' pod away, and leaves everything else.
    pub(crate) fn stop_daemon(&self) -> Result<()> {
        self.select(&json!("nowhere"))?;
        self.wait_for_no_daemon()
    }

    /// Brings the pod back; it may not be ready yet.
    pub(crate) fn launch_daemon(&self) -> Result<()> {
        self.select(&Value::Null)
    }

    /// Replaces the pod by another one, as an upgrade does, and waits until that is ready.
    pub(crate) fn renew_daemon(&self) -> Result<()> {
        let words = [
            "-n",
            "kube-system",
            "rollout",
            "restart",
            "daemonset/kube-multus-ds",
        ];
        self.node.kubectl(words)?.check()?;
        self.wait_for_daemon()
    }

    /// Kills the daemon in its container; the kubelet starts another one.
    pub(crate) fn kill_daemon(&self) -> Result<()> {
        let container = self.container()?;
        self.ctr(&["tasks", "kill", "-s", "SIGKILL", &container])?;
        wait::until_true("another container of Multus' pod", LIMIT, || {
            pause();
            Ok(self.container()? != container)
        })?;
        self.wait_for_daemon()
    }

    /// Puts these keys into the configuration that the manifest gives to the daemon, and restarts it.
    pub(crate) fn reconfigure(&self, keys: &Value) -> Result<()> {
        // What is there without them.
        self.apply(Form::Thick)?;
        let map = self.client().get(CONFIG_MAP)?;
        let text = map["data"]["daemon-config.json"]
            .as_str()
            .context("there is no configuration of the daemon")?;
        let mut config: Value =
            serde_json::from_str(text).context("read the daemon's configuration")?;
        if let (Some(config), Some(keys)) = (config.as_object_mut(), keys.as_object()) {
            config.extend(keys.clone());
        }
        let data = json!({"daemon-config.json": config.to_string()});
        self.client().patch(CONFIG_MAP, &json!({"data": data}))?;
        self.renew_daemon()
    }

    /// Puts an image of the programs on each node; its name.
    pub(crate) fn import(&self, kind: image::Kind) -> Result<String> {
        let name = kind.name();
        let archive = image::of_this_machine(&self.programs, self.node.logs(), kind, &name)?;
        self.nodes().try_for_each(|node| node.import(&archive))?;
        Ok(name)
    }

    /// The same of another build: its programs have other bytes, for they end with `mark`.
    pub(crate) fn import_another_build(&self, mark: &[u8]) -> Result<String> {
        let folder = self.node.world().folder("another-build")?;
        for name in image::FILES {
            let path = self.programs.join(name);
            let mut program =
                fs::read(&path).with_context(|| format!("read {}", path.display()))?;
            program.extend(mark);
            fs::write(folder.join(name), program).context("write a program of another build")?;
        }
        let kind = image::Kind::Plain;
        let name = format!("{}-another", kind.name());
        let archive = image::of_this_machine(&folder, &folder, kind, &name)?;
        self.nodes().try_for_each(|node| node.import(&archive))?;
        Ok(name)
    }

    /// The image that Multus' pod has.
    pub(crate) fn image(&self) -> Result<String> {
        let set = self.client().get(DAEMON_SET)?;
        let image = &set["spec"]["template"]["spec"]["containers"][0]["image"];
        image
            .as_str()
            .map(str::to_owned)
            .context("Multus' pod has no image")
    }

    /// Lets the DaemonSet replace Multus' pod by one of this image.
    pub(crate) fn use_image(&self, image: &str) -> Result<()> {
        let of = |container: &str| format!("{container}={image}");
        let (plugin, daemon) = (of("install-multus-binary"), of("kube-multus"));
        let words = [
            "-n",
            "kube-system",
            "set",
            "image",
            "daemonset/kube-multus-ds",
            &plugin,
            &daemon,
        ];
        self.node.kubectl(words)?.check().map(drop)
    }

    fn ctr(&self, words: &[&str]) -> Result<()> {
        let ctr = tools::program(Part::Containerd, "ctr")?;
        let before = ["-a", testkit::node::CONTAINERD, "-n", "k8s.io"];
        self.node
            .world()
            .command(ctr)
            .args(before)
            .args(words)
            .check()
            .map(drop)
    }

    fn select(&self, nowhere: &Value) -> Result<()> {
        let selector = json!({"nodeSelector": {"multus-rs.test/nowhere": nowhere}});
        let template = json!({"spec": {"template": {"spec": selector}}});
        self.client().patch(DAEMON_SET, &template).map(drop)
    }

    fn pods(&self) -> Result<Vec<Value>> {
        let list = self.client().get(PODS)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    /// The id of the container that runs.
    fn container(&self) -> Result<String> {
        let pods = self.pods()?;
        let [pod] = pods.as_slice() else {
            bail!("there are {} pods of Multus'", pods.len());
        };
        let status = &pod["status"]["containerStatuses"][0];
        let id = status["containerID"]
            .as_str()
            .and_then(|id| id.strip_prefix("containerd://"));
        let is_running = status["state"]["running"].is_object();
        id.filter(|_| is_running)
            .map(str::to_owned)
            .context("the container of Multus' pod does not run")
    }
}

/// A node's part of a cluster network that goes from node to node.
fn overlay(node: &Node) -> Result<Server> {
    let (server, network) = flannel::start(node)?;
    write(node, PRIMARY, &network.to_string())?;
    Ok(server)
}

/// Writes a file of a node.
fn write(node: &Node, path: &str, text: &str) -> Result<()> {
    let outside = node.world().outside(Path::new(path));
    if let Some(folder) = outside.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create the folder of {path}"))?;
    }
    fs::write(outside, text).with_context(|| format!("write {path}"))
}

/// Objects of the API are not looked at more often than this.
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

/// A cluster network: a bridge, and addresses that are kept in files.
pub(crate) fn primary(bridge: &str, subnet: &str) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "cluster",
        "plugins": [{
            "type": "bridge",
            "bridge": bridge,
            "isDefaultGateway": true,
            "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}]]},
        }],
    })
}
