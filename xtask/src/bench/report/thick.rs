//! The daemon and its plugin.

use anyhow::{Result, bail};

use super::table::Table;
use super::{column, differences, median, milliseconds, networks, number, of};
use crate::bench::arm::{Arm, Verb};
use crate::bench::measure::Sample;
use crate::bench::run::Measured;
use crate::bench::run::WARM_UP;
use crate::bench::scenario::{Kind, Scenario};
use crate::bench::scenes::{Alone, Beside, LITTLE, LOOPS, MEGABYTES, NETWORKS, Scenes};
use crate::bench::stage::Stage;

/// What the two may add to an ADD, beyond the delegates and the API's own time for the status (none, where it answers at once), in
/// milliseconds.
const ADD_BOUND: f64 = 2.0;
/// And to a DEL.
const DEL_BOUND: f64 = 1.5;
/// What they may use of the processor for an ADD, in milliseconds.
const CPU_BOUND: f64 = 3.0;
/// Pods in a second, at least: with a real API, and with one that answers at once.
const REAL_BOUND: f64 = 60.0;
const STUB_BOUND: f64 = 150.0;
/// How much later the last one of a burst may be done than by its delegates alone, in seconds.
const BURST_BOUND: f64 = 5.0;

/// One pod after the other.
///
/// # Errors
/// The audit log does not have one status write for each ADD.
pub(super) fn alone(stage: &Stage, measured: &Measured) -> Result<String> {
    let mut table = Table::new(
        "multus-shim and multus-daemon, no-op delegates: what they add",
        &[
            "networks",
            "delegates",
            "ADD",
            "status write",
            "added",
            "at most",
            "DEL",
            "added",
            "at most",
            "CPU of the shim's ADD",
        ],
    );
    for (index, scenario) in of(stage, Kind::Noop) {
        let row = |arm, verb| measured.samples(index, arm, verb);
        let (direct, thick) = (row(Arm::Direct, Verb::Add), row(Arm::Thick, Verb::Add));
        if thick.is_empty() {
            continue;
        }
        let writes = status_writes(stage, scenario, thick.len())?;
        let exited = |samples: &[Sample]| median(column(samples, |one| milliseconds(one.exited)));
        let added = thick.iter().zip(direct).zip(&writes);
        let added = added.map(|((thick, direct), write)| {
            milliseconds(thick.exited) - milliseconds(direct.exited) - write
        });
        let (undone, directly) = (row(Arm::Thick, Verb::Del), row(Arm::Direct, Verb::Del));
        let undoing = undone.iter().zip(directly);
        let undoing =
            undoing.map(|(thick, direct)| milliseconds(thick.exited) - milliseconds(direct.exited));
        let cpu = thick.iter().zip(direct);
        let cpu = cpu.map(|(thick, direct)| milliseconds(thick.cpu) - milliseconds(direct.cpu));
        table.row(&[
            networks(scenario),
            number(exited(direct)),
            number(exited(thick)),
            number(median(writes.clone())),
            number(median(added.collect())),
            format!("{ADD_BOUND:.0}"),
            number(exited(undone)),
            number(median(undoing.collect())),
            format!("{DEL_BOUND:.1}"),
            number(median(cpu.collect())),
        ]);
    }
    Ok(table.text())
}

/// One pod after the other, with an API that answers at once. Its time is in what is added.
pub(super) fn at_once(scenes: &Scenes) -> String {
    let mut table = Table::new(
        "multus-shim and multus-daemon, with an API that answers at once, by plain HTTP: all that is more than the delegates",
        &[
            "networks",
            "delegates",
            "ADD",
            "added",
            "at most",
            "DEL",
            "added",
            "at most",
            "CPU of the shim's ADD",
        ],
    );
    let exited = |sample: &Sample| sample.exited;
    let time = |row: &[Sample]| number(median(column(row, |one| milliseconds(one.exited))));
    let added = |row: &Beside| number(median(differences(&row.through, &row.directly, exited)));
    for Alone { extra, add, del } in &scenes.alone {
        table.row(&[
            format!("1 + {extra}"),
            time(&add.directly),
            time(&add.through),
            added(add),
            format!("{ADD_BOUND:.0}"),
            time(&del.through),
            added(del),
            format!("{DEL_BOUND:.1}"),
            number(median(differences(&add.through, &add.directly, |one| {
                one.cpu
            }))),
        ]);
    }
    let mut text = table.text();
    text.push_str("\nThe pods come again and again: each ADD waits for its status, also without networks of its own.\n");
    text
}

/// The API's own time for the status in each measured ADD. That of a pod without networks of its own is written behind, but
/// these pods come again and again: what is not a pod's first status is written at once.
fn status_writes(stage: &Stage, scenario: &Scenario, count: usize) -> Result<Vec<f64>> {
    let times = stage.api.status_times(scenario)?;
    // ADDs for the warmth of the caches come before those that are measured, ADDs for their memory after them.
    match times.get(WARM_UP..WARM_UP + count) {
        Some(times) => Ok(times.to_vec()),
        None => bail!(
            "{}: {} status writes for {count} ADDs",
            scenario.namespace,
            times.len()
        ),
    }
}

/// Many at once.
pub(super) fn together(scenes: &Scenes) -> String {
    let mut table = Table::new(
        &format!("{LOOPS} loops of ADD and DEL at once, 1 + {NETWORKS} no-op networks"),
        &[
            "API",
            "pods/s",
            "at least",
            "CPU of the daemon for a pod, ms",
            "CPU of plugins and delegates, ms",
        ],
    );
    for (api, rate, bound) in [
        (
            "kube-apiserver on the same processors",
            scenes.real,
            REAL_BOUND,
        ),
        ("answers at once", scenes.stub, STUB_BOUND),
    ] {
        table.row(&[
            api.to_owned(),
            number(Some(rate.pods)),
            format!("{bound:.0}"),
            number(Some(rate.daemon)),
            number(Some(rate.plugins)),
        ]);
    }
    let mut text = table.text();
    text.push_str(&format!(
        "\nOf the shim and the daemon an ADD may take {CPU_BOUND:.0} ms of the processor. Resident memory of the daemon: {:.1} MB \
         before the loops, {:.1} MB after them.\n",
        scenes.memory.0 as f64 / 1e6,
        scenes.memory.1 as f64 / 1e6
    ));
    if let Some(burst) = scenes.burst {
        let mut table = Table::new(
            &format!(
                "{} ADDs at once, delegates of {MEGABYTES} MB each, the daemon in {} MiB and {} % of a processor",
                burst.pods,
                LITTLE.0 >> 20,
                LITTLE.1
            ),
            &[
                "delegates alone, s",
                "through the shim, s",
                "later, s",
                "at most",
                "most memory of the daemon, MB",
                "at its limit",
            ],
        );
        let (alone, through) = (burst.alone.as_secs_f64(), burst.through.as_secs_f64());
        table.row(&[
            number(Some(alone)),
            number(Some(through)),
            number(Some(through - alone)),
            format!("{BURST_BOUND:.0}"),
            number(Some(burst.memory.0 as f64 / 1e6)),
            burst.memory.1.to_string(),
        ]);
        text.push_str(&table.text());
    }
    text
}
