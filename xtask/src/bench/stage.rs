//! Everything that is measured, in place: plugins, sandboxes, manifests, configurations, an API.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::Parts;
use super::api::Api;
use super::arm::Arm;
use super::room::HOME;
use super::scenario::{self, POD, Scenario, UPLINK};
use super::thick::{Daemon, Place};

/// The other end of [`UPLINK`].
const CABLE: &str = "cable0";

/// The stage.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) parts: Parts,
    pub(super) scenarios: Vec<Scenario>,
    pub(super) api: Api,
    pub(super) home: PathBuf,
    /// The daemon of [`Arm::Thick`].
    pub(super) daemon: Daemon,
    /// Where all plugins are.
    pub(super) plugins: PathBuf,
}

impl Stage {
    pub(super) fn set(parts: &Parts) -> Result<Self> {
        let home = PathBuf::from(HOME);
        let plugins = install(parts, &home)?;
        ip(&format!("link add {UPLINK} type veth peer name {CABLE}"))?;
        ip(&format!("link set {UPLINK} up"))?;
        ip(&format!("link set {CABLE} up"))?;
        for arm in Arm::ALL.into_iter().filter(|arm| arm.attaches()) {
            sandbox(&arm.netns())?;
        }
        let scenarios = Scenario::all(&home);
        for scenario in &scenarios {
            write_manifests(&manifests(&home, scenario), scenario)?;
        }
        eprintln!("starting a Kubernetes API");
        let api = Api::start(&home, &scenarios)?;
        let primary = scenarios.first().and_then(|one| one.networks.first());
        let daemon = Daemon::start(&Place {
            program: &parts.program("multus-daemon"),
            home: home.join("thick"),
            kubeconfig: &api.daemon_kubeconfig,
            plugins: &plugins,
            primary: primary.context("there is no scenario")?,
            group: None,
        })?;
        Ok(Self {
            daemon,
            parts: parts.clone(),
            scenarios,
            api,
            home,
            plugins,
        })
    }

    /// What the runtime gives `multus`.
    pub(super) fn configuration(&self, arm: Arm, scenario: &Scenario) -> Value {
        if arm == Arm::Thick {
            return self.daemon.configuration.clone();
        }
        let state = match arm {
            Arm::Disk => self.parts.disk.join("state"),
            _ => self.home.join(format!("state-{}", arm.id())),
        };
        let mut conf = json!({
            "cniVersion": "1.0.0",
            "name": "multus-cni-network",
            "type": "multus",
            "binDir": self.plugins,
            "confDir": self.home.join("net.d"),
            "cniDir": state,
            "delegates": [scenario.networks.first()],
        });
        match arm {
            Arm::Api => conf["kubeconfig"] = json!(self.api.kubeconfig),
            _ => conf["manifestDir"] = json!(manifests(&self.home, scenario)),
        }
        conf
    }
}

/// Each scenario has a folder of manifests for itself: all of a folder is read.
fn manifests(home: &Path, scenario: &Scenario) -> PathBuf {
    home.join("manifests").join(&scenario.namespace)
}

fn install(parts: &Parts, home: &Path) -> Result<PathBuf> {
    let plugins = home.join("bin");
    for folder in ["bin", "net.d", "addresses"] {
        fs::create_dir_all(home.join(folder)).with_context(|| format!("create {folder}"))?;
    }
    for entry in fs::read_dir(&parts.plugins).context("list the reference plugins")? {
        let path = entry?.path();
        let name = path.file_name().context("a plugin without a name")?;
        symlink(&path, plugins.join(name)).context("link a plugin")?;
    }
    symlink(&parts.noop, plugins.join("noop-cni")).context("link a plugin")?;
    Ok(plugins)
}

/// Makes a network namespace as a runtime does.
fn sandbox(path: &str) -> Result<()> {
    fs::write(path, "").with_context(|| format!("create {path}"))?;
    let made = Command::new("unshare")
        .arg(format!("--net={path}"))
        .args(["ip", "link", "set", "lo", "up"])
        .status();
    if !made.context("start unshare")?.success() {
        bail!("the network namespace {path} could not be made");
    }
    Ok(())
}

fn ip(words: &str) -> Result<()> {
    let done = Command::new("ip")
        .args(words.split(' '))
        .output()
        .context("start ip")?;
    if !done.status.success() {
        bail!("ip {words}: {}", String::from_utf8_lossy(&done.stderr));
    }
    Ok(())
}

/// As `kubectl get -o yaml` prints them, as far as it matters.
fn write_manifests(folder: &Path, scenario: &Scenario) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    let namespace = &scenario.namespace;
    let annotations = if scenario.extra == 0 {
        String::new()
    } else {
        format!(
            "  annotations:\n    k8s.v1.cni.cncf.io/networks: {}\n",
            scenario.annotation()
        )
    };
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {POD}\n  namespace: {namespace}\n{annotations}\
         spec:\n  containers:\n  - name: main\n    image: example.invalid/none\n"
    );
    fs::write(folder.join("pod.yaml"), pod).context("write a manifest")?;
    for conf in scenario.networks.iter().skip(1) {
        let name = scenario::name(conf);
        let definition = format!(
            "apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata:\n  name: {name}\n  \
             namespace: {namespace}\nspec:\n  config: '{conf}'\n"
        );
        fs::write(folder.join(format!("{name}.yaml")), definition).context("write a manifest")?;
    }
    Ok(())
}
