//! A node for programs under test: a network and a mount namespace of its own, with `tmpfs` on `/run`, and on `/var/lib/cni` where
//! the machine has that.
//!
//! Programs run inside see the machine's files but none of its network. Everything ends with the [`World`]: processes,
//! namespaces, files; also when the test panics or is killed. Needs root, or the root of a user namespace
//! (`unshare --user --map-root-user`).

pub(crate) mod holder;
mod reaper;
mod relay;
mod run;
mod running;

pub use relay::Relay;
pub use run::Run;
pub(crate) use run::search_path;
pub use running::{Finished, Running};

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::leaks::{Leak, Snapshot};
use crate::netns::{Network, Sandbox};
use holder::Holder;

/// A node of its own; see the module's documentation.
#[derive(Debug, Clone)]
pub struct World {
    holder: Arc<Holder>,
    node: Network,
}

impl World {
    /// A new node: loopback is up, nothing else is there.
    pub fn new() -> Result<Self> {
        Self::held_by(holder::SCRIPT, &[])
    }

    /// A world whose holder runs this script with the scratch folder and these arguments.
    pub(crate) fn held_by(script: &str, arguments: &[&str]) -> Result<Self> {
        let holder = Arc::new(Holder::start(script, arguments)?);
        let node = Network::new(holder.clone(), holder.own("ns/net"));
        Ok(Self { holder, node })
    }

    /// The process whose namespaces are the world's, for `nsenter`.
    pub fn pid(&self) -> u32 {
        self.holder.pid()
    }

    /// A command for a server that runs on the node, see [`crate::process::Server`]. Its environment holds `PATH`, which `folders`
    /// are added to.
    pub(crate) fn server(&self, program: &Path, folders: &[&Path]) -> std::process::Command {
        let mut path = std::ffi::OsString::new();
        for folder in folders {
            path.push(folder);
            path.push(":");
        }
        path.push(search_path());
        let mut command = crate::process::dies_with_us("nsenter");
        command
            .arg(format!("--net={}", self.holder.own("ns/net").display()))
            .arg(format!("--mount={}", self.holder.own("ns/mnt").display()))
            .arg(format!("--wd={}", self.holder.own("root").display()))
            .arg("--")
            .arg(program)
            .env_clear()
            .env("PATH", path);
        command
    }

    /// A scratch folder, the same inside and outside, removed with the world.
    pub fn directory(&self) -> &Path {
        self.holder.directory()
    }

    /// A folder in the scratch folder; created if it is not there.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory().join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(path)
    }

    /// The node's network: queries, `ip`, and commands that run in it.
    pub fn node(&self) -> &Network {
        &self.node
    }

    /// A command to run on the node.
    pub fn command(&self, program: impl Into<std::ffi::OsString>) -> Run {
        self.node.command(program)
    }

    /// Makes a network namespace as a runtime does for a pod, at `/run/netns/<name>`.
    pub fn sandbox(&self, name: &str) -> Result<Sandbox> {
        self.sandbox_at(name, &Path::new("/run/netns").join(name))
    }

    /// Makes a network namespace that is mounted at `path` (a path inside the world).
    pub fn sandbox_at(&self, name: &str, path: &Path) -> Result<Sandbox> {
        Sandbox::create(self.holder.clone(), name, path)
    }

    /// The network namespaces of all sandboxes, with their paths inside.
    pub(crate) fn sandboxes(&self) -> Vec<(PathBuf, Network)> {
        let network = |path: PathBuf| {
            (
                path.clone(),
                Network::new(self.holder.clone(), self.holder.outside(&path)),
            )
        };
        self.holder.sandboxes().into_iter().map(network).collect()
    }

    /// Makes a veth pair on the node, both ends up. Either can be the parent of macvlan interfaces.
    pub fn veth(&self, one: &str, other: &str) -> Result<()> {
        self.node
            .ip(&format!("link add {one} type veth peer name {other}"))?;
        self.node.ip(&format!("link set {one} up"))?;
        self.node.ip(&format!("link set {other} up"))
    }

    /// Makes a TCP server of this process's network reachable inside the world under the same address (a loopback one).
    pub fn relay(&self, server: SocketAddr) -> Result<Relay> {
        Relay::inward(&self.node, server)
    }

    /// Makes a TCP server inside the world reachable in this process's network, at `listen`.
    pub(crate) fn relay_outward(&self, listen: SocketAddr, server: SocketAddr) -> Result<Relay> {
        Relay::outward(&self.node, listen, server)
    }

    /// The processes that run inside, by id and command line.
    pub fn processes(&self) -> Vec<(u32, String)> {
        reaper::inside(self.holder.pid())
    }

    /// Where a path inside the world is found from outside.
    pub fn outside(&self, path: &Path) -> PathBuf {
        self.holder.outside(path)
    }

    /// What there is now: links, addresses, routes, rules, processes, and the files below `folders`.
    pub fn snapshot(&self, folders: &[&Path]) -> Result<Snapshot> {
        Snapshot::take(self, folders)
    }

    /// What is there now and was not when `before` was taken.
    pub fn leaks(&self, before: &Snapshot) -> Result<Vec<Leak>> {
        before.leaks(self)
    }
}
