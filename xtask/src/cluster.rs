//! `cargo xtask cluster`: a node with Multus, left running for a developer to play with, and one command to take it down.
//!
//! The node lives in a process of its own, which waits for the word on its socket and then takes the node down. From the start of
//! `up` until the node is gone one lock is held, so that there is one node at a time.

use std::fs::{self, File, TryLockError};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use testkit::kube::Client;
use testkit::tools::{self, Part};

use crate::dist;
use crate::site::{PARENT, Site};
use crate::workspace::target_directory;

/// What the holding process prints when the node is up.
const READY: &str = "ready";

/// The word that takes the node down.
const DOWN: &[u8] = b"down\n";

/// How long the node waits for a further piece of the word.
const PATIENCE: Duration = Duration::from_secs(1);

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
    let Some(lock) = lock(&folder)? else {
        bail!(
            "a node runs already, comes up or goes down; `cargo xtask cluster down` takes it down"
        );
    };
    let programs = dist::programs()?;
    let log = File::create(folder.join("log")).context("create a log")?;
    let mut holder = Command::new(std::env::current_exe().context("find this program")?)
        .args(["cluster", "hold"])
        .arg(&programs)
        // Held as long as one of the two lives.
        .stdin(lock)
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
    let ctr = tools::program(Part::Containerd, "ctr")?;
    println!(
        "\nexport KUBECONFIG={kubeconfig}\n\
        {kubectl} get pods --all-namespaces\n\
        {kubectl} apply -f {example}      # a pod with two more networks\n\
        PATH={programs}:$PATH nsenter -t {pid} -n -m --wd=.  # a shell on the node, with its ctr\n\
        cargo xtask cluster down",
        kubeconfig = folder.join("kubeconfig").display(),
        kubectl = kubectl.display(),
        example = folder.join("example.json").display(),
        pid = pid.trim(),
        programs = ctr.parent().unwrap_or(Path::new("/")).display(),
    );
    Ok(())
}

fn hold(programs: &Path) -> Result<()> {
    let folder = folder()?;
    let socket = folder.join("socket");
    let _lock = take_lock()?;
    let site = Site::start(programs)?;
    fs::copy(site.node().kubeconfig(), folder.join("kubeconfig")).context("write a kubeconfig")?;
    fs::write(folder.join("example.json"), example().to_string()).context("write an example")?;
    define(site.client())?;
    // Only a node that is gone leaves its socket.
    let _ = fs::remove_file(&socket);
    let listener =
        UnixListener::bind(&socket).with_context(|| format!("listen on {}", socket.display()))?;
    // Where nobody waits for it any more, there is to be no node.
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{READY} {}", site.node().world().pid())
        .and_then(|()| stdout.flush())
        .context("tell that the node is up")?;
    let mut asked = wait_for_the_word(&listener)?;
    drop(listener);
    let _ = fs::remove_file(&socket);
    drop(site);
    asked
        .write_all(b"gone\n")
        .context("tell that the node is gone")
}

/// The lock of a folder, unless somebody has it.
fn lock(folder: &Path) -> Result<Option<File>> {
    let path = folder.join("lock");
    let lock = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("lock {}", path.display()))
        }
    }
}

/// The lock that `up` handed over, for this process alone: what it starts shall not hold it.
fn take_lock() -> Result<OwnedFd> {
    let stdin = std::io::stdin();
    let lock = stdin
        .as_fd()
        .try_clone_to_owned()
        .context("take the lock")?;
    let nothing = File::open("/dev/null").context("open /dev/null")?;
    rustix::stdio::dup2_stdin(&nothing).context("take the lock")?;
    Ok(lock)
}

/// Waits until somebody says it. Others who connect, say something else or nothing, change nothing.
fn wait_for_the_word(listener: &UnixListener) -> Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().context("wait for the end")?;
        if says_the_word(&stream) {
            return Ok(stream);
        }
    }
}

fn says_the_word(stream: &UnixStream) -> bool {
    let mut said = [0; DOWN.len()];
    let mut stream = stream;
    let heard = stream
        .set_read_timeout(Some(PATIENCE))
        .and_then(|()| stream.read_exact(&mut said));
    heard.is_ok() && said == DOWN
}

fn down() -> Result<()> {
    let folder = folder()?;
    let Ok(mut stream) = UnixStream::connect(folder.join("socket")) else {
        if lock(&folder)?.is_none() {
            bail!("a node comes up or goes down just now; try again when it is there");
        }
        println!("no node runs");
        return Ok(());
    };
    stream.write_all(DOWN).context("tell the node to go down")?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_who_bring_a_node_up_at_once_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap().unwrap();
        assert!(lock(folder.path()).unwrap().is_none());
        // As the process that holds the node has it, which outlives `up`.
        let handed_over = first.try_clone().unwrap();
        drop(first);
        assert!(lock(folder.path()).unwrap().is_none());
        drop(handed_over);
        assert!(lock(folder.path()).unwrap().is_some());
    }

    #[test]
    fn only_the_word_takes_a_node_down() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        let connect = || UnixStream::connect(&socket).unwrap();
        let silent = connect();
        drop(connect());
        connect().write_all(b"up?\n\n").unwrap();
        let mut asking = connect();
        asking.write_all(DOWN).unwrap();
        let mut asked = wait_for_the_word(&listener).unwrap();
        asked.write_all(b"gone\n").unwrap();
        drop(asked);
        let mut said = String::new();
        asking.read_to_string(&mut said).unwrap();
        assert_eq!(said, "gone\n");
        drop(silent);
    }
}
