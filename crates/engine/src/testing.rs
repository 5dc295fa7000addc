//! Doubles of the ports, in memory, that record what they were asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cni::{
    CacheStore, Call, ContainerId, Exec, FindError, NetworkConf, Output, Runtime, SpawnError,
    Status, Version,
};
use plan::{Attachment, Plan, PodArgs, PodRef, Requests, RouteChange, RuntimeConfig};
use serde_json::{Value, json};

use crate::{
    Container, DeviceInfoFiles, Engine, Event, LedgerStore, Netns, Observer, Pending, Remembered,
    Stage,
};

/// Everything that an engine stands on.
#[derive(Default)]
pub(crate) struct Bench {
    /// `VERB network ifname` of each run, in order; with `(gone)` behind it for a DEL without sandbox.
    pub(crate) runs: RefCell<Vec<String>>,
    /// What each of them was given on stdin.
    pub(crate) requests: RefCell<Vec<(String, Value)>>,
    /// Until when each of them had time.
    pub(crate) deadlines: RefCell<Vec<Instant>>,
    /// Runs that fail, with the plugin's code.
    pub(crate) failing: RefCell<BTreeMap<String, u32>>,
    /// Runs that answer with this instead of a result with an interface and an address.
    pub(crate) answers: RefCell<BTreeMap<String, Value>>,
    pub(crate) missing_plugins: BTreeSet<String>,
    pub(crate) cache: RefCell<BTreeMap<String, Vec<u8>>>,
    /// Runs that do not come to be.
    pub(crate) unstartable: BTreeSet<String>,
    /// What the cache does not take.
    pub(crate) unstorable: BTreeSet<String>,
    pub(crate) ledgers: RefCell<BTreeMap<String, Vec<u8>>>,
    /// What plugins write of their attachment: run, file and text.
    pub(crate) leaves: Vec<(&'static str, &'static str, &'static str)>,
    /// `dp/…` and `cni/…`.
    pub(crate) device_info: RefCell<BTreeMap<String, Vec<u8>>>,
    pub(crate) disk_full: bool,
    /// Ledgers are written, and do not come to the disk.
    pub(crate) disk_broken: bool,
    /// What lies in the ledgers' places is none of ours.
    pub(crate) foreign: bool,
    /// Ledgers cannot be read.
    pub(crate) disk_dead: bool,
    pub(crate) existing: Vec<String>,
    pub(crate) dead: bool,
    pub(crate) routes: RefCell<Vec<(String, RouteChange)>>,
    /// `VERB name ifname` of what was told to begin, and with `done` behind it of what was told to have ended well.
    pub(crate) told: RefCell<Vec<String>>,
}

impl Exec for Bench {
    fn find(&self, plugin_type: &str, path: &[PathBuf]) -> Result<PathBuf, FindError> {
        if self.missing_plugins.contains(plugin_type) {
            return Err(FindError::NotFound {
                plugin: plugin_type.to_owned(),
                path: path.to_vec(),
            });
        }
        Ok(Path::new("/bin").join(plugin_type))
    }

    fn run_beside(&self, call: &Call<'_>, meanwhile: &dyn Fn()) -> Result<Output, SpawnError> {
        let env = |key: &str| {
            call.env
                .iter()
                .find(|(name, _)| name == key)
                .unwrap()
                .1
                .clone()
        };
        let conf: Value = serde_json::from_slice(call.stdin).unwrap();
        let ifname = env("CNI_IFNAME");
        let gone = if env("CNI_COMMAND") == "DEL" && env("CNI_NETNS").is_empty() {
            "(gone)"
        } else {
            ""
        };
        let network = conf["name"].as_str().unwrap().to_owned();
        let words = [env("CNI_COMMAND"), network, ifname.clone(), gone.into()];
        let run = words.join(" ").trim().to_owned();
        self.runs.borrow_mut().push(run.clone());
        if self.unstartable.contains(&run) {
            return Err(SpawnError {
                program: call.program.to_owned(),
                source: io::ErrorKind::OutOfMemory.into(),
                attempts: 2,
                started: false,
            });
        }
        meanwhile();
        self.deadlines.borrow_mut().push(call.deadline);
        self.requests.borrow_mut().push((run.clone(), conf.clone()));
        for (_, file, text) in self.leaves.iter().filter(|(of, ..)| *of == run) {
            DeviceInfoFiles::write(self, file, text.as_bytes()).unwrap();
        }
        let ipam = conf["ipam"]["type"].as_str().unwrap_or_default();
        let failed = |code: &u32, msg: &str| (Status::Exited(1), json!({"code": code, "msg": msg}));
        let (status, stdout) = match self.failing.borrow().get(&run) {
            Some(code) => failed(code, "as scripted"),
            None if self.missing_plugins.contains(ipam) => failed(
                &999,
                &format!("failed to find plugin \"{ipam}\" in path [/bin]"),
            ),
            None => {
                let usual = || {
                    json!({
                        "cniVersion": conf["cniVersion"],
                        "interfaces": [{"name": ifname, "sandbox": env("CNI_NETNS")}],
                        "ips": [{"version": "4", "address": "10.0.0.2/24", "gateway": "10.0.0.1", "interface": 0}],
                        "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}],
                    })
                };
                let scripted = self.answers.borrow().get(&run).cloned();
                (Status::Exited(0), scripted.unwrap_or_else(usual))
            }
        };
        let stdout = stdout.to_string().into_bytes();
        Ok(Output {
            status,
            stdout,
            stdout_cut: false,
            stderr: Vec::new(),
        })
    }
}

impl CacheStore for Bench {
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if self.unstorable.contains(name) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.cache
            .borrow_mut()
            .insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.cache.borrow().get(name).cloned())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.cache.borrow_mut().remove(name);
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.cache.borrow().keys().cloned().collect())
    }
}

impl LedgerStore for Bench {
    fn read(&self, container: &ContainerId) -> io::Result<Option<Vec<u8>>> {
        if self.foreign {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if self.disk_dead {
            return Err(io::ErrorKind::Other.into());
        }
        Ok(self.ledgers.borrow().get(container.as_str()).cloned())
    }

    fn write(&self, container: &ContainerId, bytes: &[u8]) -> io::Result<Pending> {
        if self.disk_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.ledgers
            .borrow_mut()
            .insert(container.to_string(), bytes.to_vec());
        let broken = self.disk_broken;
        Ok(Box::new(move || match broken {
            true => Err(io::ErrorKind::Other.into()),
            false => Ok(()),
        }))
    }

    fn rewrite(&self, container: &ContainerId, bytes: &[u8]) -> io::Result<()> {
        LedgerStore::write(self, container, bytes).map(drop)
    }

    fn remove(&self, container: &ContainerId) -> io::Result<()> {
        self.ledgers.borrow_mut().remove(container.as_str());
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<ContainerId>> {
        Ok(self
            .ledgers
            .borrow()
            .keys()
            .map(|id| ContainerId::parse(id).unwrap())
            .collect())
    }
}

impl DeviceInfoFiles for Bench {
    fn of_device(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self
            .device_info
            .borrow()
            .get(&format!("dp/{name}"))
            .cloned())
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self
            .device_info
            .borrow()
            .get(&format!("cni/{name}"))
            .cloned())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.device_info.borrow_mut();
        files.insert(format!("cni/{name}"), bytes.to_vec());
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.device_info.borrow_mut().remove(&format!("cni/{name}"));
        Ok(())
    }
}

impl Netns for Bench {
    fn is_live(&self, netns: &str) -> bool {
        !netns.is_empty() && !self.dead
    }

    fn existing(&self, _: &str, ifnames: &[&str]) -> io::Result<Vec<String>> {
        Ok(self
            .existing
            .iter()
            .filter(|name| ifnames.contains(&name.as_str()))
            .cloned()
            .collect())
    }

    fn change_routes(&self, _: &str, ifname: &str, change: &RouteChange) -> io::Result<()> {
        self.routes
            .borrow_mut()
            .push((ifname.to_owned(), change.clone()));
        Ok(())
    }
}

impl Observer for Bench {
    fn happened(&self, event: &Event<'_>) {
        let (name, ifname) = (&event.record.name, event.record.ifname.as_str());
        let done = match event.stage {
            Stage::Begins => String::new(),
            Stage::Done(_) => " done".to_owned(),
            Stage::Failed => " failed".to_owned(),
            Stage::DeviceInfo(problem) => format!(": {problem}"),
        };
        let verb = event.verb.as_str();
        self.told
            .borrow_mut()
            .push(format!("{verb} {name} {ifname}{done}"));
    }
}

impl Bench {
    /// A run that fails with this code of the plugin.
    pub(crate) fn fail(&self, run: &str, code: u32) {
        self.failing.borrow_mut().insert(run.to_owned(), code);
    }

    /// A run that ends well with this answer.
    pub(crate) fn answer(&self, run: &str, answer: Value) {
        self.answers.borrow_mut().insert(run.to_owned(), answer);
    }

    /// What was run since the last time.
    pub(crate) fn take_runs(&self) -> Vec<String> {
        self.runs.borrow_mut().drain(..).collect()
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&Engine<'_>) -> T) -> T {
        let runtime = Runtime::new(self, self, vec!["/bin".into()]);
        work(&Engine {
            runtime: &runtime,
            ledgers: self,
            device_info: self,
            netns: self,
            observer: self,
        })
    }

    /// ADD of these networks, with a status that is always written.
    pub(crate) fn add(&self, plan: &Plan) -> Result<crate::Attached, crate::EngineError> {
        self.add_to(&container("c1"), plan)
    }

    /// The same for any container.
    pub(crate) fn add_to(
        &self,
        container: &Container,
        plan: &Plan,
    ) -> Result<crate::Attached, crate::EngineError> {
        let commit = &mut |_: &crate::Attached, _: &mut dyn FnMut()| Ok(());
        let undo = Duration::from_secs(5);
        self.with(|engine| engine.add(container, plan, Version::V1_0_0, soon(), undo, commit))
    }

    /// GC of the configuration `multus`, where nobody works on any container.
    pub(crate) fn gc(&self, valid: &[&str]) -> crate::GcReport {
        let valid: Vec<String> = valid.iter().map(|id| (*id).to_owned()).collect();
        self.with(|engine| engine.gc("multus", &valid, soon(), &free))
            .unwrap()
    }

    /// DEL of a container.
    pub(crate) fn del(&self, id: &str) -> Result<crate::DelReport, crate::EngineError> {
        let (container, args, config) =
            (container(id), PodArgs::default(), RuntimeConfig::default());
        let remembered = Remembered {
            container: &container,
            args: &args,
            runtime_config: &config,
        };
        self.with(|engine| engine.del(&remembered, soon()))
    }

    /// Nothing is left of any container.
    pub(crate) fn is_clean(&self) -> bool {
        self.ledgers.borrow().is_empty() && self.cache.borrow().is_empty()
    }
}

/// Nobody works on any container.
pub(crate) fn free(_: &ContainerId) -> Result<crate::Claim, String> {
    Ok(Box::new(()))
}

pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

pub(crate) fn container(id: &str) -> Container {
    Container {
        id: ContainerId::parse(id).unwrap(),
        netns: "/run/netns/x".into(),
        ifname: "eth0".into(),
        pod: PodRef {
            namespace: "ns".into(),
            name: "pod".into(),
            uid: "u".into(),
        },
        cni_args: "IgnoreUnknown=1".into(),
        configuration: "multus".into(),
        time: 1,
    }
}

/// One attachment for each network, `eth0`, `net1`, …
pub(crate) fn plan(networks: &[&str]) -> Plan {
    let attachments = networks
        .iter()
        .enumerate()
        .map(|(index, network)| attachment(index, network))
        .collect();
    Plan {
        pod: None,
        attachments,
        warnings: Vec::new(),
        owes_status: false,
        earlier_status: None,
    }
}

fn attachment(index: usize, network: &str) -> Attachment {
    let conf = json!({"cniVersion": "1.1.0", "name": network, "plugins": [{"type": format!("type-{network}")}]});
    Attachment {
        name: format!("ns/{network}"),
        conf: NetworkConf::parse(conf.to_string().as_bytes()).unwrap(),
        ifname: cni::IfName::parse(&plan::generated_ifname(index, None, "eth0")).unwrap(),
        args: vec![("IgnoreUnknown".into(), "true".into())],
        capability_args: serde_json::Map::new(),
        requests: Requests::default(),
        routes: RouteChange::default(),
    }
}
