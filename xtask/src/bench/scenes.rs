//! The daemon apart from the rounds: one pod after the other with an API that answers at once, many loops at once with the real
//! API and with that one, and a burst while the daemon has little memory and little time.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::stub::{Objects, Stub};

use super::arm::{Arm, SETTLING};
use super::measure::{Call, Sample, run};
use super::options::Options;
use super::run::WARM_UP;
use super::scenario::{Kind, Scenario};
use super::stage::Stage;
use super::thick::{Burst, Daemon, Group, Place, Rate, burst, parallel};

/// Loops at once, and how long.
pub(super) const LOOPS: usize = 32;
const TIME: Duration = Duration::from_secs(10);
/// Networks of each of their pods, beside the default one.
pub(super) const NETWORKS: usize = 2;
/// Pods of the burst, and what each delegate uses.
const PODS: usize = 250;
pub(super) const MEGABYTES: u64 = 50;
/// What the daemon has in a burst: bytes, and hundredths of a processor.
pub(super) const LITTLE: (u64, u32) = (32 << 20, 10);
/// What the delegates of a burst must leave of the machine's memory.
const RESERVE: u64 = 4 << 30;

/// Round by round: the delegates called directly, and through the shim.
#[derive(Debug, Default)]
pub(super) struct Beside {
    pub(super) directly: Vec<Sample>,
    pub(super) through: Vec<Sample>,
}

/// The rounds of one scenario with an API that answers at once.
#[derive(Debug)]
pub(super) struct Alone {
    /// Networks beside the default one.
    pub(super) extra: usize,
    pub(super) add: Beside,
    pub(super) del: Beside,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Scenes {
    pub(super) alone: Vec<Alone>,
    pub(super) real: Rate,
    pub(super) stub: Rate,
    /// `None` where there are no control groups of version 1.
    pub(super) burst: Option<Burst>,
    /// What the daemon had resident: when it began, after the loops; in bytes.
    pub(super) memory: (u64, u64),
}

/// Where the pods of a scene are.
struct Cast<'a> {
    stage: &'a Stage,
    daemon: &'a Daemon,
    namespace: &'a str,
    names: Vec<String>,
}

pub(super) fn measure(stage: &Stage, options: &Options) -> Result<Scenes> {
    eprintln!("{} rounds with an API that answers at once", options.noop);
    let scenarios = stage.scenarios.iter();
    let scenarios = scenarios.filter(|one| one.kind == Kind::Noop);
    let alone = scenarios
        .map(|scenario| alone(stage, scenario, options))
        .collect::<Result<_>>()?;
    let (begun, _) = stage.daemon.memory()?;
    eprintln!("{LOOPS} loops at once, with the Kubernetes API");
    let mut scenarios = stage.scenarios.iter();
    let scenario = scenarios
        .find(|one| one.kind == Kind::Noop && one.extra == NETWORKS)
        .context("no such scenario")?;
    let cast = Cast {
        stage,
        daemon: &stage.daemon,
        namespace: &scenario.namespace,
        names: stage.api.more_pods(scenario, LOOPS)?,
    };
    let real = cast.parallel()?;
    let (ended, _) = stage.daemon.memory()?;
    eprintln!("{LOOPS} loops at once, with an API that answers at once");
    let stub = with_stub(stage, "stub", NETWORKS, &noop(), None, |cast| {
        cast.parallel()
    })?;
    Ok(Scenes {
        alone,
        real,
        stub,
        burst: bursting(stage)?,
        memory: (begun, ended),
    })
}

fn noop() -> Value {
    json!({"cniVersion": "1.0.0", "name": "noop", "type": "noop-cni"})
}

/// One pod after the other. Nothing is left out of what the shim takes.
fn alone(stage: &Stage, scenario: &Scenario, options: &Options) -> Result<Alone> {
    let name = format!("alone-{}", scenario.extra);
    let mut alone = Alone {
        extra: scenario.extra,
        add: Beside::default(),
        del: Beside::default(),
    };
    let begun = Instant::now();
    with_stub(stage, &name, scenario.extra, &noop(), None, |cast| {
        for number in 0..options.noop + WARM_UP {
            if begun.elapsed() > options.share() {
                break;
            }
            // Once the one is first, once the other.
            for turn in 0..2 {
                let direct = (number + turn).is_multiple_of(2);
                let (added, deleted) = if direct {
                    directly(stage, scenario)?
                } else {
                    cast.through()?
                };
                if number < WARM_UP {
                    continue;
                }
                let row = |beside: &mut Beside, sample| match direct {
                    true => beside.directly.push(sample),
                    false => beside.through.push(sample),
                };
                row(&mut alone.add, added);
                row(&mut alone.del, deleted);
            }
        }
        Ok(())
    })?;
    Ok(alone)
}

/// ADD and DEL of the delegates, called directly.
fn directly(stage: &Stage, scenario: &Scenario) -> Result<(Sample, Sample)> {
    sleep(SETTLING);
    let (added, results) = stage.direct_add(scenario)?;
    sleep(SETTLING);
    Ok((added, stage.direct_del(scenario, &results)?))
}

/// A daemon whose API is a stub.
fn with_stub<T>(
    stage: &Stage,
    name: &str,
    networks: usize,
    primary: &Value,
    group: Option<&Group>,
    scene: impl FnOnce(&Cast<'_>) -> Result<T>,
) -> Result<T> {
    let asked: Vec<String> = (0..networks)
        .map(|number| format!("net-{number}"))
        .collect();
    let stub = Stub::start(Objects {
        namespace: "stub".to_owned(),
        pods: PODS,
        networks: asked.join(","),
        definitions: networks,
        plugin: "noop-cni".to_owned(),
    })?;
    let home = stage.home.join(name);
    std::fs::create_dir_all(&home).context("create a folder")?;
    let kubeconfig = home.join("kubeconfig");
    stub.write_kubeconfig(&kubeconfig)?;
    let daemon = Daemon::start(&Place {
        program: &stage.parts.program("multus-daemon"),
        home,
        kubeconfig: &kubeconfig,
        plugins: &stage.plugins,
        primary,
        group,
    })?;
    scene(&Cast {
        stage,
        daemon: &daemon,
        namespace: "stub",
        names: (0..PODS).map(|number| format!("pod-{number}")).collect(),
    })
}

/// Many pods at once, with large delegates.
fn bursting(stage: &Stage) -> Result<Option<Burst>> {
    let Some(group) = Group::new("multus-bench", LITTLE.0, LITTLE.1) else {
        eprintln!("no burst: it takes root and control groups of version 1");
        return Ok(None);
    };
    let room = available().saturating_sub(RESERVE) / (MEGABYTES << 20);
    let pods = PODS.min(usize::try_from(room).unwrap_or(PODS));
    eprintln!("{pods} pods at once, delegates of {MEGABYTES} MB");
    let primary =
        json!({"cniVersion": "1.0.0", "name": "large", "type": "noop-cni", "megabytes": MEGABYTES});
    let (alone, through) = with_stub(stage, "burst", 0, &primary, Some(&group), |cast| {
        let text = primary.to_string();
        let alone = burst(pods, &|number| {
            cast.call(number, "ADD", &stage.plugins.join("noop-cni"), &text)
                .map(drop)
        })?;
        let through = burst(pods, &|number| cast.shim(number, "ADD").map(drop))?;
        Ok((alone, through))
    })?;
    Ok(Some(Burst {
        pods,
        alone,
        through,
        memory: group.memory(),
    }))
}

impl Cast<'_> {
    fn parallel(&self) -> Result<Rate> {
        parallel(self.daemon, LOOPS, TIME, &|number, verb| {
            self.shim(number, verb).map(drop)
        })
    }

    /// ADD and DEL of the shim.
    fn through(&self) -> Result<(Sample, Sample)> {
        sleep(SETTLING);
        let added = self.shim(0, "ADD")?;
        sleep(SETTLING);
        Ok((added, self.shim(0, "DEL")?))
    }

    fn shim(&self, number: usize, verb: &str) -> Result<Sample> {
        let program = self.stage.parts.program("multus-shim");
        let conf = self.daemon.configuration.to_string();
        self.call(number, verb, &program, &conf)
    }

    fn call(&self, number: usize, verb: &str, program: &Path, conf: &str) -> Result<Sample> {
        let name = self.names.get(number).context("no such pod")?;
        let id = format!("scene-{name}");
        let args = format!(
            "IgnoreUnknown=1;K8S_POD_NAMESPACE={};K8S_POD_NAME={name};K8S_POD_INFRA_CONTAINER_ID={id}",
            self.namespace
        );
        let environment = [
            ("CNI_COMMAND", verb.to_owned()),
            ("CNI_CONTAINERID", id),
            ("CNI_NETNS", Arm::Thick.netns()),
            ("CNI_IFNAME", "eth0".to_owned()),
            ("CNI_ARGS", args),
            (
                "CNI_PATH",
                self.stage.plugins.to_string_lossy().into_owned(),
            ),
            ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ];
        run(Call {
            program,
            arguments: &[],
            environment: &environment,
            stdin: conf.as_bytes(),
        })
        .map(|(sample, _)| sample)
        .with_context(|| format!("{verb} of {name}"))
    }
}

/// What the machine's memory has room for, in bytes.
fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes =
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or_default() << 10
}
