//! The ways that are compared.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::measure::{Call, Sample, peak_memory, run};
use super::scenario::{Kind, POD, Scenario, interface};
use super::stage::Stage;

/// A pause before each call: what the call before it left for others to do (watches, events) is done by then. What many calls at
/// once cost is measured by the loops and the burst.
pub(super) const SETTLING: Duration = Duration::from_millis(25);

/// A way to attach a sandbox, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arm {
    /// The delegates one after the other, called by the bench itself.
    Direct,
    /// `multus` with manifests.
    Local,
    /// The same with its state on a disk.
    Disk,
    /// `multus` with the Kubernetes API.
    Api,
    /// `multus-shim` and a daemon.
    Thick,
    /// The requests of that alone, made by the bench itself.
    Client,
    /// The same requests by a process of its own.
    ClientProcess,
}

/// What a runtime asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Del,
}

impl Verb {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Del => "DEL",
        }
    }
}

impl Arm {
    pub(super) const ALL: [Self; 7] = [
        Self::Direct,
        Self::Local,
        Self::Disk,
        Self::Api,
        Self::Thick,
        Self::Client,
        Self::ClientProcess,
    ];

    /// Whether it attaches anything, and therefore detaches it too.
    pub(super) fn attaches(self) -> bool {
        !matches!(self, Self::Client | Self::ClientProcess)
    }

    /// Whether it measures scenarios of this kind: the daemon has one default network for all.
    pub(super) fn fits(self, kind: Kind) -> bool {
        self != Self::Thick || kind == Kind::Noop
    }

    /// Whether it is `multus`.
    pub(super) fn is_multus(self) -> bool {
        matches!(self, Self::Local | Self::Disk | Self::Api | Self::Thick)
    }

    /// For names of files and containers.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Local => "local",
            Self::Disk => "disk",
            Self::Api => "api",
            Self::Thick => "thick",
            Self::Client => "client",
            Self::ClientProcess => "client-process",
        }
    }

    /// Its sandbox.
    pub(super) fn netns(self) -> String {
        format!("/run/netns/{}", self.id())
    }
}

/// The results of the delegates that were called directly: their DEL is given them.
pub(super) type Results = Vec<Value>;

impl Stage {
    /// Attaches.
    pub(super) fn add(&self, index: usize, arm: Arm) -> Result<(Sample, Results)> {
        let scenario = &self.scenarios[index];
        let session = match arm {
            Arm::Client | Arm::ClientProcess => Some(self.api.session(index, scenario)?),
            _ => None,
        };
        self.prepare(index, arm)?;
        sleep(SETTLING);
        match arm {
            Arm::Direct => self.direct_add(scenario),
            Arm::Local | Arm::Disk | Arm::Api | Arm::Thick => {
                let (sample, stdout) = self.multus(index, arm, Verb::Add, run)?;
                let result = serde_json::from_slice(&stdout).context("read the result")?;
                Ok((sample, vec![result]))
            }
            Arm::Client | Arm::ClientProcess => {
                let session = session.context("a client without requests")?;
                Ok((self.ask(arm, &session)?, Vec::new()))
            }
        }
    }

    /// Takes the last status off the pod, where this way writes one.
    fn prepare(&self, index: usize, arm: Arm) -> Result<()> {
        match arm {
            Arm::Direct | Arm::Local | Arm::Disk => Ok(()),
            Arm::Api | Arm::Thick | Arm::Client | Arm::ClientProcess => {
                self.api.forget_status(&self.scenarios[index])
            }
        }
    }

    /// Detaches.
    pub(super) fn del(&self, index: usize, arm: Arm, results: &[Value]) -> Result<Sample> {
        sleep(SETTLING);
        match arm {
            Arm::Direct => self.direct_del(&self.scenarios[index], results),
            _ => Ok(self.multus(index, arm, Verb::Del, run)?.0),
        }
    }

    /// Attaches or detaches with `multus` and looks at its memory.
    pub(super) fn peak(&self, index: usize, arm: Arm, verb: Verb) -> Result<u64> {
        if verb == Verb::Add {
            self.prepare(index, arm)?;
        }
        self.multus(index, arm, verb, peak_memory)
    }

    fn multus<T>(
        &self,
        index: usize,
        arm: Arm,
        verb: Verb,
        how: impl FnOnce(Call<'_>) -> Result<T>,
    ) -> Result<T> {
        let scenario = &self.scenarios[index];
        let mut args = pod_arguments(scenario, arm);
        if matches!(arm, Arm::Api | Arm::Thick) {
            args.push_str(&format!(";K8S_POD_UID={}", self.api.uid(index)));
        }
        let environment = self.environment(arm, verb, "eth0", args);
        let conf = self.configuration(arm, scenario).to_string();
        let program = self.parts.program(match arm {
            Arm::Thick => "multus-shim",
            _ => "multus",
        });
        how(Call {
            program: &program,
            arguments: &[],
            environment: &environment,
            stdin: conf.as_bytes(),
        })
        .with_context(|| {
            format!(
                "{} {} in {} mode",
                verb.word(),
                scenario.namespace,
                arm.id()
            )
        })
    }

    /// What a minimal runtime does: each plugin in turn, its result kept.
    pub(super) fn direct_add(&self, scenario: &Scenario) -> Result<(Sample, Results)> {
        let mut total = Sample::default();
        let mut outputs = Vec::new();
        for (index, conf) in scenario.networks.iter().enumerate() {
            let (sample, stdout) = self.direct(scenario, Verb::Add, index, conf)?;
            total = total.then(sample);
            outputs.push(stdout);
        }
        let results = outputs
            .iter()
            .map(|stdout| serde_json::from_slice(stdout).context("read a result"));
        Ok((total, results.collect::<Result<_>>()?))
    }

    /// The same backwards.
    pub(super) fn direct_del(&self, scenario: &Scenario, results: &[Value]) -> Result<Sample> {
        let mut total = Sample::default();
        for (index, (conf, result)) in scenario.networks.iter().zip(results).enumerate().rev() {
            let mut conf = conf.clone();
            conf["prevResult"] = result.clone();
            total = total.then(self.direct(scenario, Verb::Del, index, &conf)?.0);
        }
        Ok(total)
    }

    fn direct(
        &self,
        scenario: &Scenario,
        verb: Verb,
        index: usize,
        conf: &Value,
    ) -> Result<(Sample, Vec<u8>)> {
        let args = pod_arguments(scenario, Arm::Direct);
        let environment = self.environment(Arm::Direct, verb, &interface(index), args);
        let program = self
            .plugins
            .join(conf["type"].as_str().context("a network without a type")?);
        run(Call {
            program: &program,
            arguments: &[],
            environment: &environment,
            stdin: conf.to_string().as_bytes(),
        })
        .with_context(|| format!("{} of network {index}, called directly", verb.word()))
    }

    /// The requests alone.
    fn ask(&self, arm: Arm, session: &super::client::Session) -> Result<Sample> {
        if arm == Arm::Client {
            let (read, exited) = session.perform()?;
            return Ok(Sample {
                // Its result is what it has read: what is left is the status write.
                printed: read,
                exited,
                ..Sample::default()
            });
        }
        let file = self.home.join("session.json");
        session.write(&file)?;
        let own: PathBuf = std::env::current_exe().context("find the running program")?;
        let arguments = ["bench", "--client", &file.to_string_lossy()].map(str::to_owned);
        let call = Call {
            program: &own,
            arguments: &arguments,
            environment: &[],
            stdin: &[],
        };
        Ok(run(call)?.0)
    }

    fn environment(
        &self,
        arm: Arm,
        verb: Verb,
        interface: &str,
        args: String,
    ) -> Vec<(&'static str, String)> {
        vec![
            ("CNI_COMMAND", verb.word().to_owned()),
            ("CNI_CONTAINERID", format!("bench-{}", arm.id())),
            ("CNI_NETNS", arm.netns()),
            ("CNI_IFNAME", interface.to_owned()),
            ("CNI_ARGS", args),
            ("CNI_PATH", text(&self.plugins)),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ]
    }
}

fn pod_arguments(scenario: &Scenario, arm: Arm) -> String {
    format!(
        "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={POD};K8S_POD_INFRA_CONTAINER_ID=bench-{}",
        scenario.namespace,
        arm.id()
    )
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
