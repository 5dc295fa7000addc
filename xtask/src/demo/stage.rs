//! The demo's node: its networks, the manifests, and the configuration of `multus`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::leaks::{Leak, Snapshot};
use testkit::world::World;

use super::Parts;
use super::parts::CNI_VERSION;

/// The annotation that asks for networks.
pub(super) const ANNOTATION: &str = "k8s.v1.cni.cncf.io/networks:";

/// What the pods ask for, beside the cluster's network that each pod gets.
pub(super) const NETWORKS: &str = "lan, storage";

/// The bridges that the bridge plugin makes.
pub(super) const BRIDGES: [&str; 2] = ["cluster0", "storage0"];

/// A pod of the demo.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pod {
    pub(super) name: &'static str,
    /// The id that a runtime would give its sandbox.
    pub(super) container: &'static str,
}

impl Pod {
    /// Namespace and name.
    pub(super) fn full_name(&self) -> String {
        format!("demo/{}", self.name)
    }

    /// What a runtime passes in `CNI_ARGS`.
    pub(super) fn arguments(&self) -> String {
        let Self { name, container } = self;
        format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID={container}"
        )
    }
}

/// The node, with everything that `multus` needs in place.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) parts: Parts,
    pub(super) manifests: PathBuf,
    /// Where `multus` keeps its state.
    pub(super) state: PathBuf,
    /// Where host-local keeps its reservations.
    pub(super) addresses: PathBuf,
    /// What the runtime passes to `multus`.
    pub(super) configuration: Value,
}

impl Stage {
    /// Makes the node and writes the manifests.
    pub(super) fn set(parts: &Parts) -> Result<Self> {
        let world = World::new().context("make a node for the demo")?;
        // The parent of the macvlan interfaces: one end of a cable, whose other end is nowhere.
        world
            .veth("uplink", "cable")
            .context("make the parent of the macvlan network")?;
        let manifests = world.folder("manifests")?;
        let (state, addresses) = (world.folder("state")?, world.folder("addresses")?);
        std::fs::create_dir_all(state.join("results")).context("create the folder of results")?;
        let configuration = json!({
            "cniVersion": CNI_VERSION,
            "name": "multus",
            "type": "multus",
            "manifestDir": manifests,
            "binDir": parts.plugins,
            "cniDir": state,
            "confDir": world.folder("net.d")?,
            "delegates": [bridge("cluster", BRIDGES[0], "10.88.0.0/24", "0.0.0.0/0", &addresses)],
        });
        write_manifests(&manifests, &addresses)?;
        Ok(Self {
            world,
            parts: parts.clone(),
            manifests,
            state,
            addresses,
            configuration,
        })
    }

    /// What there is before the first pod.
    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        self.world
            .snapshot(&[&self.manifests, &self.state, &self.addresses])
    }

    /// What there is now and was not.
    pub(super) fn leaks(&self, before: &Snapshot) -> Result<Vec<Leak>> {
        self.world.leaks(before)
    }
}

/// A bridge network whose bridge is the gateway towards `destination`.
fn bridge(name: &str, device: &str, subnet: &str, destination: &str, addresses: &Path) -> Value {
    json!({
        "cniVersion": CNI_VERSION,
        "name": name,
        "type": "bridge",
        "bridge": device,
        "isGateway": true,
        "ipam": {"type": "host-local", "dataDir": addresses, "subnet": subnet, "routes": [{"dst": destination}]},
    })
}

fn macvlan(name: &str, subnet: &str, addresses: &Path) -> Value {
    json!({
        "cniVersion": CNI_VERSION,
        "name": name,
        "type": "macvlan",
        "master": "uplink",
        "mode": "bridge",
        "ipam": {"type": "host-local", "dataDir": addresses, "subnet": subnet},
    })
}

fn write_manifests(folder: &Path, addresses: &Path) -> Result<()> {
    let lan = macvlan("lan", "192.168.77.0/24", addresses);
    let storage = bridge(
        "storage",
        BRIDGES[1],
        "172.30.0.0/24",
        "172.31.0.0/16",
        addresses,
    );
    for (name, text) in [
        ("lan.yaml", definition("lan", &lan)?),
        ("storage.yaml", definition("storage", &storage)?),
        (
            "pods.yaml",
            super::PODS
                .iter()
                .map(pod)
                .collect::<Vec<_>>()
                .join("---\n"),
        ),
    ] {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn definition(name: &str, config: &Value) -> Result<String> {
    let json = serde_json::to_string_pretty(config).context("encode a network's configuration")?;
    let indented: String = json.lines().map(|line| format!("    {line}\n")).collect();
    Ok(format!(
        "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: {name}\n  namespace: demo\n\
         spec:\n  config: |\n{indented}"
    ))
}

fn pod(pod: &Pod) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {}\n  namespace: demo\n  annotations:\n    {ANNOTATION} {NETWORKS}\n\
         spec:\n  containers:\n  - name: main\n    image: example.invalid/none\n",
        pod.name
    )
}
