use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::exec::{SpawnError, Status, search_path};
use crate::{CacheEntry, CniResult, Version};

mod adding;
mod deleting;
mod others;

/// Plugins by type and verb: what they print and how they end; unknown ones are not installed.
#[derive(Default)]
struct Plugins {
    answers: BTreeMap<(String, String), Output>,
    installed: Vec<String>,
    calls: RefCell<Vec<Seen>>,
}

/// One call as a plugin saw it.
#[derive(Debug, Clone)]
struct Seen {
    plugin: String,
    env: BTreeMap<String, String>,
    stdin: Value,
}

impl Plugins {
    fn new(installed: &[&str]) -> Self {
        Self {
            installed: installed.iter().map(ToString::to_string).collect(),
            ..Self::default()
        }
    }

    /// Sets what a plugin does on a verb; otherwise it prints `{}`.
    fn on(mut self, plugin: &str, verb: &str, exit: i32, stdout: &str) -> Self {
        let output = Output {
            status: Status::Exited(exit),
            stdout: stdout.into(),
            stdout_cut: false,
            stderr: Vec::new(),
        };
        self.answers.insert((plugin.into(), verb.into()), output);
        self
    }

    /// `ADD a`, `DEL b`, …
    fn log(&self) -> Vec<String> {
        self.calls
            .borrow()
            .iter()
            .map(|seen| format!("{} {}", seen.env["CNI_COMMAND"], seen.plugin))
            .collect()
    }

    fn call(&self, index: usize) -> Seen {
        self.calls.borrow()[index].clone()
    }
}

impl Exec for Plugins {
    fn find(&self, plugin_type: &str, path: &[PathBuf]) -> Result<PathBuf, FindError> {
        if self.installed.iter().any(|plugin| plugin == plugin_type) {
            return Ok(path[0].join(plugin_type));
        }
        Err(FindError::NotFound {
            plugin: plugin_type.into(),
            path: path.to_vec(),
        })
    }

    fn run_beside(&self, call: &Call<'_>, meanwhile: &dyn Fn()) -> Result<Output, SpawnError> {
        meanwhile();
        let plugin = call
            .program
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let env: BTreeMap<_, _> = call.env.iter().cloned().collect();
        let answer = self
            .answers
            .get(&(plugin.clone(), env["CNI_COMMAND"].clone()))
            .cloned();
        let stdin = serde_json::from_slice(call.stdin).unwrap();
        self.calls.borrow_mut().push(Seen { plugin, env, stdin });
        let fine = Output {
            status: Status::Exited(0),
            stdout: b"{}".to_vec(),
            stdout_cut: false,
            stderr: Vec::new(),
        };
        Ok(answer.unwrap_or(fine))
    }
}

/// Files in memory; full after the first failure that a test asks for.
#[derive(Default)]
struct Files {
    files: RefCell<BTreeMap<String, Vec<u8>>>,
    is_full: bool,
}

impl CacheStore for Files {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.is_full {
            return Err(io::Error::other("no space left"));
        }
        self.files.borrow_mut().insert(name.into(), bytes.into());
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.borrow().get(name).cloned())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.borrow_mut().remove(name);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.borrow().keys().cloned().collect())
    }
}

fn runtime<'a>(plugins: &'a Plugins, files: &'a Files) -> Runtime<'a> {
    Runtime::new(plugins, files, search_path("/opt/cni/bin:/usr/lib/cni"))
}

fn list(version: &str, types: &[&str]) -> NetworkConf {
    let members: Vec<_> = types
        .iter()
        .map(|plugin| json!({"type": plugin, "capabilities": {"mac": true}}))
        .collect();
    conf(json!({"cniVersion": version, "name": "net", "plugins": members}))
}

fn conf(value: Value) -> NetworkConf {
    NetworkConf::parse(value.to_string().as_bytes()).unwrap()
}

fn at() -> Attachment {
    Attachment {
        container_id: ContainerId::parse("c1").unwrap(),
        netns: "/run/netns/x".into(),
        ifname: IfName::parse("eth0").unwrap(),
        args: vec![("A".into(), "1".into())],
        capability_args: Map::from_iter([("mac".into(), json!("m"))]),
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

/// A cached result as an ADD would have left it.
fn cached(files: &Files, network: &str, container: &str, result: Value) {
    let entry = CacheEntry {
        container_id: container.into(),
        config: b"{}".to_vec(),
        if_name: "eth0".into(),
        network_name: network.into(),
        netns: "/run/netns/cached".into(),
        cni_args: vec![("CACHED".into(), "1".into())],
        capability_args: Map::new(),
        result: Some(CniResult::from_value(result, Version::LATEST).unwrap()),
    };
    files
        .write(
            &format!("{network}-{container}-eth0"),
            &entry.encode().unwrap(),
        )
        .unwrap();
}
