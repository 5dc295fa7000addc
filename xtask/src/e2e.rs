//! `cargo xtask e2e`: a whole node from nothing, Multus on it, and what happens to pods there.

mod builds;
mod configurations;
mod faults;
mod going;
mod guard;
mod image;
mod lacking;
mod left;
mod objects;
mod report;
mod restarts;
mod stage;
mod swap;
mod two_nodes;
mod upstream;
mod workloads;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use testkit::node::left_on_machine;

use crate::dist;
use crate::site::Site;
use report::Outcome;
use stage::{Scenario, Stage};

/// Those on one node, in their order.
const SCENARIOS: [Scenario; 29] = [
    Scenario {
        name: "plain pod",
        run: upstream::plain_pod,
    },
    Scenario {
        name: "requested addresses",
        run: upstream::requested_addresses,
    },
    Scenario {
        name: "static pod",
        run: upstream::static_pod,
    },
    Scenario {
        name: "default route",
        run: upstream::default_route,
    },
    Scenario {
        name: "connection limit",
        run: upstream::connection_limit,
    },
    Scenario {
        name: "chain of the cluster network",
        run: upstream::chain_of_the_cluster_network,
    },
    Scenario {
        name: "auxiliary chain",
        run: upstream::auxiliary_chain,
    },
    Scenario {
        name: "Multus comes later",
        run: lacking::before_multus,
    },
    Scenario {
        name: "upgrade and rollback",
        run: builds::upgrade,
    },
    Scenario {
        name: "after upstream",
        run: swap::taken_over,
    },
    Scenario {
        name: "debug image",
        run: image::debug_image,
    },
    Scenario {
        name: "daemon comes last",
        run: restarts::daemon_last,
    },
    Scenario {
        name: "taken away",
        run: going::taken_away,
    },
    Scenario {
        name: "applied anew",
        run: going::applied_anew,
    },
    Scenario {
        name: "uninstalled",
        run: going::uninstalled,
    },
    Scenario {
        name: "daemon restarts",
        run: restarts::daemon,
    },
    Scenario {
        name: "containerd restarts",
        run: restarts::containerd,
    },
    Scenario {
        name: "kubelet restarts",
        run: restarts::kubelet,
    },
    Scenario {
        name: "API restarts",
        run: restarts::api,
    },
    Scenario {
        name: "primary replaced",
        run: configurations::primary_replaced,
    },
    Scenario {
        name: "configuration renamed",
        run: lacking::renamed_configuration,
    },
    Scenario {
        name: "thin and back",
        run: going::thin_and_back,
    },
    Scenario {
        name: "StatefulSet",
        run: workloads::stateful_set,
    },
    Scenario {
        name: "rolling update",
        run: workloads::rolling_update,
    },
    Scenario {
        name: "host network",
        run: workloads::host_network,
    },
    Scenario {
        name: "deleted while starting",
        run: workloads::deleted_while_starting,
    },
    Scenario {
        name: "seeded faults",
        run: faults::seeded,
    },
    Scenario {
        name: "100 pods",
        run: workloads::hundred_pods,
    },
    Scenario {
        name: "beside the primary alone",
        run: workloads::beside_the_primary_alone,
    },
];

/// Those on two nodes.
const ON_TWO_NODES: [Scenario; 2] = [
    Scenario {
        name: "two nodes",
        run: two_nodes::both_networks,
    },
    Scenario {
        name: "64 pods on each of two nodes",
        run: two_nodes::many_on_each,
    },
];

/// Runs the scenarios whose names have one of these words in them; all without words.
pub(crate) fn run(words: &[&str]) -> Result<()> {
    play(words)?.verdict()
}

/// What all scenarios came to.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// What each took.
    pub(crate) steps: Vec<(String, Duration)>,
    /// What the node has left on this machine.
    left: Vec<String>,
}

impl Summary {
    /// Whether that is good.
    pub(crate) fn verdict(&self) -> Result<()> {
        ensure!(
            self.left.is_empty(),
            "the node has left something on this machine: {:?}",
            self.left
        );
        ensure!(self.failed == 0, "{} of the scenarios", self.failed);
        Ok(())
    }
}

/// Builds what ships, and runs the scenarios that the words choose: first those on one node, then those on two.
pub(crate) fn play(words: &[&str]) -> Result<Summary> {
    let [on_one, on_two] = choose(words)?;
    if !rustix::process::geteuid().is_root() {
        bail!("a node needs root: network and mount namespaces, control groups, containers");
    }
    let mut steps = Vec::new();
    let begun = Instant::now();
    let programs = dist::programs()?;
    steps.push(("building what ships".to_owned(), begun.elapsed()));
    let before = left_on_machine();
    let begun = Instant::now();
    let mut outcomes: Vec<Outcome> = Vec::new();
    if !on_one.is_empty() {
        let start = || Site::start(&programs);
        outcomes.extend(play_on("a node", start, on_one, &mut steps)?);
    }
    if !on_two.is_empty() {
        let start = || Site::start_two(&programs);
        outcomes.extend(play_on("two nodes", start, on_two, &mut steps)?);
    }
    let left = left_on_machine().difference(&before).cloned().collect();
    let count = |failed: bool| {
        let of = |outcome: &&Outcome| outcome.failure.is_some() == failed;
        outcomes.iter().filter(of).count() as u64
    };
    let (passed, failed) = (count(false), count(true));

    print!("{}", report::table(&outcomes));
    println!(
        "\n{} scenarios, {failed} failed, {:.0} s",
        outcomes.len(),
        begun.elapsed().as_secs_f64()
    );
    Ok(Summary {
        passed,
        failed,
        steps,
        left,
    })
}

/// The scenarios that the words choose, on one node and on two.
fn choose(words: &[&str]) -> Result<[Vec<&'static Scenario>; 2]> {
    let is_chosen = |scenario: &&Scenario| {
        words.is_empty() || words.iter().any(|word| scenario.name.contains(word))
    };
    let chosen = [&SCENARIOS[..], &ON_TWO_NODES]
        .map(|scenarios| scenarios.iter().filter(is_chosen).collect::<Vec<_>>());
    if chosen.iter().all(Vec::is_empty) {
        let all = SCENARIOS.iter().chain(&ON_TWO_NODES);
        let names: Vec<&str> = all.map(|scenario| scenario.name).collect();
        bail!(
            "no scenario is called like {words:?}; there are: {}",
            names.join(", ")
        );
    }
    Ok(chosen)
}

/// Brings up a stage, runs scenarios there, and takes it down.
fn play_on(
    what: &str,
    start: impl FnOnce() -> Result<Site>,
    scenarios: Vec<&Scenario>,
    steps: &mut Vec<(String, Duration)>,
) -> Result<Vec<Outcome>> {
    let begun = Instant::now();
    println!("bringing up {what} (the first time builds the servers, a quarter of an hour)");
    let mut stage = Stage::new(start()?)?;
    steps.push((format!("bringing up {what}"), begun.elapsed()));
    println!("up after {:.1} s", begun.elapsed().as_secs_f64());

    let mut outcomes = Vec::new();
    for (number, scenario) in scenarios.into_iter().enumerate() {
        println!("── {}", scenario.name);
        let outcome = stage.play(number, scenario);
        if let Some(failure) = &outcome.failure {
            println!("   FAILED: {failure}");
        }
        steps.push((format!("scenario {}", outcome.name), outcome.took));
        outcomes.push(outcome);
    }
    if outcomes.iter().any(|outcome| outcome.failure.is_some()) {
        stage.keep_logs()?;
    }
    Ok(outcomes)
}
