//! A node's life: how it comes up, what is done with it, how it goes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::files::Files;
use super::left::GROUP;
use super::program::{API, CONTAINERD, KUBELET_HEALTH, Program};
use super::{PACKAGES, image};
use crate::apiserver::{free_port, own};
use crate::kube::{Client, User, wait};
use crate::process::Server;
use crate::tools::{self, Part};
use crate::world::{Relay, Run, World};

/// The name of a cluster's first node.
pub const NAME: &str = "node1";
/// That of the second one.
pub const SECOND: &str = "node2";
/// The addresses that the cluster has for pods.
pub const POD_RANGE: &str = "10.244.0.0/16";

const HOLD: &str = include_str!("hold.sh");
const NETWORK: &str = include_str!("network.sh");
/// Makes one wire of the bridges of two nodes. $1: a process of the other one. $2: what to call it.
const WIRE: &str = r#"
set -e
ip link add "$2" type veth peer name "$2" netns "$1"
for node in "" "nsenter --net=/proc/$1/ns/net"; do
    $node ip link set "$2" master nodebr
    $node ip link set "$2" up
done
"#;

/// How long a server may take until it answers, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a server that was asked to end may take.
const STOP_GRACE: Duration = Duration::from_secs(20);

/// A node; see the module's documentation. Taken down when dropped.
#[derive(Debug)]
pub struct Node {
    /// To the API; a further node has none.
    _relay: Option<Relay>,
    /// In the order of their start.
    servers: Mutex<Vec<(Program, Server)>>,
    kubeconfig: PathBuf,
    client: Client,
    files: Files,
    world: World,
}

impl Node {
    /// Brings a node up, except for what pods need: a CNI configuration in `/etc/cni/net.d` makes it ready.
    ///
    /// Its programs are built first, if they are not there.
    pub fn start() -> Result<Self> {
        tools::debian(&PACKAGES)?;
        for program in Program::ALL {
            program.path()?;
        }
        let (world, group) = namespaces(1)?;
        let outside = free_port(own())?;
        let files = Files::write(world.directory(), &group, *outside.ip())?;
        let admin = User::Certificate(files.admin());
        let node = Self {
            _relay: Some(world.relay_outward(outside.into(), API.into())?),
            servers: Mutex::default(),
            kubeconfig: files.kubeconfig("admin.kubeconfig", outside.into(), &admin)?,
            client: Client::new(&format!("https://{outside}"), files.ca(), &admin)?,
            files,
            world,
        };
        for program in Program::ALL {
            if program == Program::Controllers {
                node.import_own_images()?;
            }
            node.launch(program)?;
        }
        node.install_plugins()?;
        Ok(node)
    }

    /// Brings up the second node of this one's cluster, on the same wire. It may not outlive this one.
    pub fn join(&self) -> Result<Self> {
        let (world, group) = namespaces(2)?;
        world
            .command("sh")
            .args(["-c", WIRE, "sh", &self.world.pid().to_string(), "wire"])
            .check()
            .context("make a wire between two nodes")?;
        let node = Self {
            _relay: None,
            servers: Mutex::default(),
            kubeconfig: self.kubeconfig.clone(),
            client: self.client.clone(),
            files: self.files.write_further(2, world.directory(), &group)?,
            world,
        };
        for program in Program::FOR_PODS {
            node.launch(program)?;
        }
        node.import_own_images()?;
        node.install_plugins()?;
        Ok(node)
    }

    /// The node's name in its cluster.
    pub fn name(&self) -> &'static str {
        self.files.name()
    }

    /// Starts a server that was stopped or killed, and waits until it answers.
    pub fn launch(&self, program: Program) -> Result<()> {
        let command = program.command(&self.world, &self.files)?;
        let mut server = Server::start(program.name(), command, &self.log(program))?;
        let waited = wait::until(
            &format!("{} to answer", program.name()),
            START_LIMIT,
            || match server.ensure_running() {
                Err(ended) => Ok(Some(Err(ended))),
                Ok(()) => self.answers(program).map(|()| Some(Ok(()))),
            },
        );
        self.servers().push((program, server));
        waited?
    }

    /// Asks a server to end, and waits until it has.
    pub fn stop(&self, program: Program) -> Result<()> {
        self.take(program)?.stop(STOP_GRACE).map(drop)
    }

    /// Kills a server.
    pub fn kill(&self, program: Program) -> Result<()> {
        self.take(program)?.kill().map(drop)
    }

    /// Waits until the node is ready for pods.
    pub fn wait_until_ready(&self) -> Result<()> {
        wait::until_true("the node to be ready", START_LIMIT, || {
            let node = self.client.get(&format!("/api/v1/nodes/{}", self.name()))?;
            let conditions = node["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let ready =
                |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
            // Taints are taken away a moment after the node is ready.
            let taints = node["spec"]["taints"]
                .as_array()
                .is_some_and(|taints| !taints.is_empty());
            Ok(conditions.iter().any(ready) && !taints)
        })
    }

    /// Makes an image known that pods can name.
    pub fn import(&self, archive: &Path) -> Result<()> {
        let ctr = tools::program(Part::Containerd, "ctr")?;
        self.world
            .command(ctr)
            .args(["-a", CONTAINERD, "-n", "k8s.io", "images", "import"])
            .arg(archive)
            .check()
            .map(drop)
    }

    /// A client of this process that may do everything.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A kubeconfig that may do everything, good on the machine.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// A kubeconfig that may do everything, good on the node.
    pub fn kubeconfig_inside(&self) -> Result<PathBuf> {
        let name = "inside.kubeconfig";
        let path = self.files.directory().join(name);
        if !path.exists() {
            let admin = User::Certificate(self.files.admin());
            self.files.kubeconfig(name, API.into(), &admin)?;
        }
        Ok(path)
    }

    /// A kubeconfig for programs on the node, with a token of a service account.
    pub fn kubeconfig_for(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let user = User::Token(self.client.token(namespace, name)?);
        self.files
            .kubeconfig(&format!("{namespace}-{name}.kubeconfig"), API.into(), &user)
    }

    /// The node's namespaces, to look around and to run programs in.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// `kubectl` with these words, which may do everything.
    pub fn kubectl<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Result<Run> {
        let kubectl = tools::program(Part::Kubectl, "kubectl")?;
        Ok(self
            .world
            .command(kubectl)
            .env("KUBECONFIG", self.kubeconfig_inside()?)
            .env("HOME", "/run")
            .args(words))
    }

    /// Starts a program of the caller's own on the node. Killed when dropped.
    pub fn server(
        &self,
        name: &str,
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Server> {
        let mut command = self.world.server(program, &[]);
        command.args(arguments).envs(environment.iter().copied());
        Server::start(name, command, &self.logs().join(format!("{name}.log")))
    }

    /// Where the servers' logs are.
    pub fn logs(&self) -> &Path {
        self.files.directory()
    }

    fn log(&self, program: Program) -> PathBuf {
        self.logs().join(format!("{}.log", program.name()))
    }

    fn answers(&self, program: Program) -> Result<()> {
        match program {
            Program::ApiServer => self.client.text("/readyz").map(drop),
            Program::Containerd => {
                UnixStream::connect(self.world.outside(Path::new(CONTAINERD)))?;
                Ok(())
            }
            Program::Kubelet => {
                let answer = self.world.node().inside(|| -> std::io::Result<String> {
                    let mut stream = TcpStream::connect(KUBELET_HEALTH)?;
                    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n")?;
                    let mut answer = String::new();
                    stream.read_to_string(&mut answer)?;
                    Ok(answer)
                })??;
                anyhow::ensure!(
                    answer.contains(" 200 "),
                    "the kubelet is not well: {answer}"
                );
                Ok(())
            }
            Program::Etcd | Program::Controllers | Program::Scheduler => Ok(()),
        }
    }

    fn import_own_images(&self) -> Result<()> {
        let folder = self.files.directory().join("images");
        for archive in image::archives(&folder)? {
            self.import(&archive)?;
        }
        std::fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))
    }

    /// The reference CNI plugins, where a node has them.
    fn install_plugins(&self) -> Result<()> {
        let plugins = tools::ensure(Part::CniPlugins)?;
        let script = r#"cp "$1"/* /opt/cni/bin/"#;
        self.world
            .command("sh")
            .args(["-ec", script, "sh"])
            .arg(plugins)
            .check()
            .map(drop)
    }

    fn take(&self, program: Program) -> Result<Server> {
        let mut servers = self.servers();
        let place = servers.iter().position(|(other, _)| *other == program);
        let place = place.with_context(|| format!("{} does not run", program.name()))?;
        Ok(servers.remove(place).1)
    }

    fn servers(&self) -> MutexGuard<'_, Vec<(Program, Server)>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The namespaces of a node with its network, and the name of its control group.
fn namespaces(number: u8) -> Result<(World, String)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let group = format!("{GROUP}{}-{count}", std::process::id());
    let world = World::held_by(HOLD, &[&group]).context("hold a node's namespaces")?;
    world
        .command("sh")
        .args(["-c", NETWORK, "sh", &number.to_string()])
        .check()
        .context("make the node's network")?;
    Ok((world, group))
}

/// A node's name.
pub(super) fn name(number: u8) -> &'static str {
    if number == 1 { NAME } else { SECOND }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut servers = self.servers();
        // The last one first: a kubelet would start again what is being taken down.
        while servers.pop().is_some() {}
    }
}
