//! What upstream's program leaves on a node, and what it would read there of ours.
//!
//! Upstream's program itself is no part of the tests. Its files are made of ours as recordings of it are
//! (`tests/fixtures/vectors`), and a comparison with those tells whether that is still so.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Map, Value, json};
use testkit::kube::wait;

use super::builds::no_call_failed;
use super::objects::TWO;
use super::stage::{LIMIT, Stage};
use crate::site::{GENERATED, STATE};

/// A ledger that upstream's program wrote.
const RECORDED: &str = include_str!(
    "../../../tests/fixtures/vectors/thin/short/files-after-ADD/var/lib/cni/multus/0101010101010101010101010101010101010101010101010101010101010101"
);
/// What its daemon writes on this node.
const CONFIGURATION: &str = r#"{"cniVersion":"0.3.1","logLevel":"verbose","logToStderr":true,"name":"multus-cni-network","clusterNetwork":"/host/etc/cni/net.d/10-cluster.conflist","type":"multus-shim"}"#;
/// What its thin plugin leaves, from times before its daemon.
const KUBECONFIG: &str = "/etc/cni/net.d/multus.d/multus.kubeconfig";
const LIST: &str = "/etc/cni/net.d/00-multus.conflist";
const OF_THIN: &str = r#"{"cniVersion":"1.0.0","name":"multus-cni-network","plugins":[{"type":"multus","cniConf":"/host/etc/cni/multus/net.d","kubeconfig":"/etc/cni/net.d/multus.d/multus.kubeconfig","delegates":[{"cniVersion":"1.0.0","name":"gone","plugins":[{"type":"bridge"}]}]}]}"#;
const PLUGIN: &str = "/opt/cni/bin/multus-shim";
/// It is larger than all the memory that may be used while ours takes its place.
const UPSTREAMS_PLUGIN: u64 = 64 << 20;
const SOCKET: &str = "/run/multus/multus.sock";
/// What ours writes into a ledger beside what upstream's does.
const OWN: &str = "multusRs";

/// Pods that upstream's program attached are ours when we come to its node.
pub(super) fn taken_over(stage: &mut Stage) -> Result<()> {
    for (name, networks) in [("two", TWO), ("one", "macvlan"), ("none", "")] {
        stage.pod(name, networks)?;
    }
    stage.ready(3)?;
    stage.site.stop_daemon()?;
    for path in ledgers(stage)? {
        let ledger = upstreams(&read(&path)?)?;
        fs::write(&path, ledger.to_string()).context("write a ledger")?;
    }
    for name in [".lock", ".primary"] {
        fs::remove_file(stage.site.path(format!("{STATE}/{name}")))
            .with_context(|| format!("remove {name}"))?;
    }
    fs::write(stage.site.path(GENERATED), CONFIGURATION).context("write a configuration")?;
    stage
        .site
        .write(KUBECONFIG, "apiVersion: v1\nkind: Config\n")?;
    stage.site.write(LIST, OF_THIN)?;
    let plugin = stage.site.path(PLUGIN);
    fs::remove_file(&plugin).context("remove our plugin")?;
    File::create(&plugin)
        .and_then(|file| {
            file.set_len(UPSTREAMS_PLUGIN)?;
            file.set_permissions(Permissions::from_mode(0o755))
        })
        .context("write a plugin")?;
    leave_socket(stage)?;

    stage.site.launch_daemon()?;
    stage.site.wait_for_daemon()?;
    wait::until_true("what thin left to go", LIMIT, || {
        Ok(!stage.site.has(LIST) && stage.site.has(GENERATED))
    })?;
    stage.pod("new", TWO)?;
    stage.ready(4)?;
    for name in ["two", "one", "none"] {
        stage.delete(name)?;
    }
    stage.ready(1)?;
    let left = ledgers(stage)?;
    ensure!(left.len() == 1, "ledgers of pods that are gone: {left:?}");
    let written = read(&left[0])?;
    same_shape(&upstreams(&written)?)?;
    fs::remove_dir_all(stage.site.path("/etc/cni/net.d/multus.d")).context("remove a folder")?;
    no_call_failed(stage)
}

fn read(path: &PathBuf) -> Result<Value> {
    let text = fs::read(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("read {} as JSON", path.display()))
}

/// The files of this node's pods.
fn ledgers(stage: &Stage) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(stage.site.path(STATE)).context("list the ledgers")? {
        let entry = entry?;
        let is_own = entry.file_name().as_encoded_bytes().starts_with(b".");
        if entry.file_type()?.is_file() && !is_own {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// The ledger as upstream's program would have written it.
fn upstreams(ledger: &Value) -> Result<Value> {
    let mut ledger = ledger.clone();
    for delegate in ledger.as_array_mut().context("a ledger is a list")? {
        let delegate = delegate
            .as_object_mut()
            .context("a delegate is an object")?;
        delegate
            .remove(OWN)
            .context("a delegate has not our part")?;
        if delegate
            .get("ConfList")
            .is_some_and(|list| *list != json!({}))
        {
            delegate.insert("Conf".to_owned(), json!({"ipam": {}}));
        }
    }
    same_shape(&ledger)?;
    Ok(ledger)
}

/// Each delegate has the keys of a recorded one, with values of the same kinds.
fn same_shape(ledger: &Value) -> Result<()> {
    let recorded: Value = serde_json::from_str(RECORDED).context("read a recorded ledger")?;
    let delegates = |ledger: &Value| -> Vec<Map<String, Value>> {
        let all = ledger.as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter_map(|one| one.as_object().cloned())
            .collect()
    };
    let recorded: Map<String, Value> = delegates(&recorded).into_iter().flatten().collect();
    for delegate in delegates(ledger) {
        for (key, value) in &delegate {
            let known = recorded.get(key);
            let is_same = known.is_some_and(|known| {
                std::mem::discriminant(known) == std::mem::discriminant(value)
            });
            ensure!(is_same, "upstream's ledgers have no such {key}: {value}");
        }
    }
    Ok(())
}

/// The name of a socket that nobody listens at.
fn leave_socket(stage: &Stage) -> Result<()> {
    let path = stage.site.path(SOCKET);
    if path.exists() {
        fs::remove_file(&path).context("remove a socket")?;
    }
    UnixListener::bind(path).context("leave a socket").map(drop)
}
