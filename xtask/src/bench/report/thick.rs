//! The daemon and its plugin.

use super::table::Table;
use super::{column, median, milliseconds, networks, number, of};
use crate::bench::arm::{Arm, Verb};
use crate::bench::measure::Sample;
use crate::bench::run::Measured;
use crate::bench::scenario::Kind;
use crate::bench::scenes::{LITTLE, LOOPS, MEGABYTES, NETWORKS, Scenes};
use crate::bench::stage::Stage;

/// What the two may add to an ADD, beyond the delegates and the API's own time for the status, in milliseconds.
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
pub(super) fn alone(stage: &Stage, measured: &Measured) -> String {
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
        let client = row(Arm::Client, Verb::Add);
        if thick.is_empty() {
            continue;
        }
        let exited = |samples: &[Sample]| median(column(samples, |one| milliseconds(one.exited)));
        // That of a pod without networks of its own is written behind, but these pods come again and again: what is not a
        // pod's first status is written at once.
        let write = |sample: &Sample| milliseconds(sample.exited - sample.printed);
        let added = thick
            .iter()
            .zip(direct)
            .zip(client)
            .map(|((thick, direct), client)| {
                milliseconds(thick.exited) - milliseconds(direct.exited) - write(client)
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
            number(median(column(client, write))),
            number(median(added.collect())),
            format!("{ADD_BOUND:.0}"),
            number(exited(undone)),
            number(median(undoing.collect())),
            format!("{DEL_BOUND:.1}"),
            number(median(cpu.collect())),
        ]);
    }
    table.text()
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
