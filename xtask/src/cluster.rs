//! `cargo xtask cluster`: a node with Multus, left running for a developer to play with, and one command to take it down.
//!
//! The node lives in a process of its own, which waits for somebody to connect to its socket and then takes the node down.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use testkit::kube::Client;
use testkit::tools::{self, Part};

use crate::site::{self, PARENT, Site};
use crate::workspace::target_directory;

/// What the holding process prints when the node is up.
const READY: &str = "ready";

/// Runs the chore.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [] | ["up"] => up(),
        ["down"] => down(),
        // What `up` starts.
        ["hold", programs] => hold(Path::new(programs)),
        _ => bail!("usage: cargo xtask cluster [up|down]"),
    }
}

fn up() -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("a node needs root: network and mount namespaces, control groups, containers");
    }
    let folder = folder()?;
    if UnixStream::connect(folder.join("socket")).is_ok() {
        bail!("a node runs already; `cargo xtask cluster down` takes it down");
    }
    let programs = site::programs()?;
    let log = File::create(folder.join("log")).context("create a log")?;
    let mut holder = Command::new(std::env::current_exe().context("find this program")?)
        .args(["cluster", "hold"])
        .arg(&programs)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        // Ctrl-C here is not meant for the node.
        .process_group(0)
        .spawn()
        .context("start a process for the node")?;
    println!(
        "bringing up a node (the first time builds Kubernetes and containerd, a quarter of an hour)"
    );
    let mut said = String::new();
    if let Some(stdout) = holder.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut said)
            .context("wait for the node")?;
    }
    let Some(pid) = said.trim().strip_prefix(READY) else {
        // It has ended, or is about to.
        let _ = holder.wait();
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        bail!("the node did not come up:\n{}", log.trim());
    };
    let kubectl = tools::program(Part::Kubectl, "kubectl")?;
    println!(
        "\nexport KUBECONFIG={kubeconfig}\n\
        {kubectl} get pods --all-namespaces\n\
        {kubectl} apply -f {example}      # a pod with two more networks\n\
        nsenter -t {pid} -n -m            # a shell on the node\n\
        cargo xtask cluster down",
        kubeconfig = folder.join("kubeconfig").display(),
        kubectl = kubectl.display(),
        example = folder.join("example.json").display(),
        pid = pid.trim(),
    );
    Ok(())
}

fn hold(programs: &Path) -> Result<()> {
    let folder = folder()?;
    let socket = folder.join("socket");
    let site = Site::start(programs)?;
    fs::copy(site.node().kubeconfig(), folder.join("kubeconfig")).context("write a kubeconfig")?;
    fs::write(folder.join("example.json"), example().to_string()).context("write an example")?;
    define(site.client())?;
    // Only a node that is gone leaves its socket.
    let _ = fs::remove_file(&socket);
    let listener =
        UnixListener::bind(&socket).with_context(|| format!("listen on {}", socket.display()))?;
    println!("{READY} {}", site.node().world().pid());
    std::io::stdout()
        .flush()
        .context("tell that the node is up")?;
    let (mut asked, _) = listener.accept().context("wait for the end")?;
    drop(listener);
    let _ = fs::remove_file(&socket);
    drop(site);
    asked
        .write_all(b"gone\n")
        .context("tell that the node is gone")
}

fn down() -> Result<()> {
    let socket = folder()?.join("socket");
    let Ok(mut stream) = UnixStream::connect(&socket) else {
        println!("no node runs");
        return Ok(());
    };
    let mut said = String::new();
    stream
        .read_to_string(&mut said)
        .context("wait for the end of the node")?;
    if said.trim() != "gone" {
        bail!("the node's process has ended before it could say that nothing is left");
    }
    println!("the node is gone, and nothing of it is left");
    Ok(())
}

/// Where kubeconfig, log and socket are.
fn folder() -> Result<PathBuf> {
    let folder = target_directory()?.join("cluster");
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    Ok(folder)
}

/// Two networks to play with.
fn define(client: &Client) -> Result<()> {
    let macvlan = format!(
        r#"{{"cniVersion": "1.0.0", "type": "macvlan", "master": "{PARENT}", "mode": "bridge",
            "ipam": {{"type": "host-local", "subnet": "10.1.0.0/24"}}}}"#
    );
    client.create_definition("default", "macvlan", &macvlan, &[])?;
    let bridge = r#"{"cniVersion": "1.0.0", "type": "bridge", "bridge": "br-storage",
        "ipam": {"type": "host-local", "subnet": "10.2.0.0/24"}}"#;
    client.create_definition("default", "storage", bridge, &[])
}

fn example() -> serde_json::Value {
    let container = serde_json::json!({
        "name": "main", "image": testkit::node::BUSYBOX, "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", "trap exit TERM; sleep 2000000000 & wait"],
    });
    serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "example", "annotations": {"k8s.v1.cni.cncf.io/networks": "macvlan,storage@data0"}},
        "spec": {"containers": [container]},
    })
}
