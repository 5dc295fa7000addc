//! What the bench prints: Markdown that can be read as it is.

mod table;
mod thick;

use std::fmt::Write;

use anyhow::{Context, Result};

use super::api::Requests;
use super::arm::{Arm, Verb};
use super::facts;
use super::measure::Sample;
use super::run::Measured;
use super::scenario::{Kind, Scenario};
use super::scenes::Scenes;
use super::stage::Stage;
use super::statistics::{median, milliseconds, summary};
use table::Table;

/// What `multus` may add in local mode, in milliseconds.
const LOCAL_BOUND: f64 = 2.0;
/// What it may add to an ADD by the API, beyond the delegates and a minimal client's requests, in milliseconds.
const API_BOUND: f64 = 8.0;
/// How much memory it may need.
const MEMORY_BOUND: f64 = 12.0;

/// Everything, ready to be printed. `load` is the machine's load before the bench began.
pub(super) fn whole(
    stage: &Stage,
    measured: &Measured,
    requests: &[Requests],
    scenes: Option<&Scenes>,
    load: &str,
) -> Result<String> {
    let mut text = String::from("\n# What multus adds\n\n");
    text.push_str(&circumstances(stage, measured, load)?);
    for kind in Kind::ALL {
        for verb in [Verb::Add, Verb::Del] {
            text.push_str(&times(stage, measured, kind, verb));
        }
        text.push_str(&api(stage, measured, kind));
        text.push_str(&disk(stage, measured, kind));
    }
    text.push_str(&thick::alone(stage, measured)?);
    text.push_str(&scenes.map(thick::at_once).unwrap_or_default());
    text.push_str(&scenes.map(thick::together).unwrap_or_default());
    text.push_str(&memory(stage, measured));
    text.push_str(&counted(stage, measured, requests));
    Ok(text)
}

fn circumstances(stage: &Stage, measured: &Measured, load: &str) -> Result<String> {
    let size = std::fs::metadata(stage.parts.program("multus"))
        .context("find multus")?
        .len();
    let mut text = format!(
        "{}; load {load} before, {} after; state on tmpfs, or on {}.\nmultus: {:.2} MB, as it ships.\n",
        facts::machine(),
        facts::load(),
        facts::file_system(&stage.parts.disk),
        size as f64 / 1e6
    );
    for kind in Kind::ALL {
        let rounds = indices(stage, kind)
            .map(|index| measured.samples(index, Arm::Direct, Verb::Add).len())
            .max();
        if let Some(rounds @ 1..) = rounds {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{} delegates: {rounds} rounds.", kind.word());
        }
    }
    text.push_str(
        "Times in ms, from the start of a process to its end. \"Added\" is the median of the differences within a round: \
         beside the delegates; by the API, beside the delegates and a minimal client's reads and status write over one new \
         TLS connection.\n",
    );
    Ok(text)
}

/// Every way beside the delegates that are called directly.
fn times(stage: &Stage, measured: &Measured, kind: Kind, verb: Verb) -> String {
    let mut table = Table::new(
        &format!("{}, {} delegates", verb.word(), kind.word()),
        &[
            "networks", "called", "median", "p95", "least", "ratio", "added", "at most", "CPU",
        ],
    );
    for (index, scenario) in of(stage, kind) {
        let direct = measured.samples(index, Arm::Direct, verb);
        let base = median(column(direct, |sample| milliseconds(sample.exited)));
        for arm in Arm::ALL.into_iter().filter(|arm| arm.attaches()) {
            let samples = measured.samples(index, arm, verb);
            let Some(all) = summary(column(samples, |sample| milliseconds(sample.exited))) else {
                continue;
            };
            let added = median(differences(samples, direct, |sample| sample.exited));
            let bound = match arm {
                Arm::Local => format!("{LOCAL_BOUND:.0}"),
                _ => String::new(),
            };
            let cpu = median(column(samples, |sample| milliseconds(sample.cpu)));
            let is_base = arm == Arm::Direct;
            table.row(&[
                networks(scenario),
                way(arm).to_owned(),
                number(Some(all.median)),
                number(Some(all.p95)),
                number(Some(all.least)),
                number(base.filter(|_| !is_base).map(|base| all.median / base)),
                number(added.filter(|_| !is_base)),
                bound,
                number(cpu),
            ]);
        }
    }
    table.text()
}

/// An ADD by the API, taken apart.
fn api(stage: &Stage, measured: &Measured, kind: Kind) -> String {
    let mut table = Table::new(
        &format!("ADD by the API, {} delegates: the parts", kind.word()),
        &[
            "networks",
            "delegates",
            "reads",
            "status write",
            "multus, until its result",
            "added",
            "at most",
            "events",
            "client, own process",
        ],
    );
    for (index, scenario) in of(stage, kind) {
        let row = |arm| measured.samples(index, arm, Verb::Add);
        let (direct, client, api) = (row(Arm::Direct), row(Arm::Client), row(Arm::Api));
        let exited = |samples: &[Sample]| median(column(samples, |one| milliseconds(one.exited)));
        let added = api
            .iter()
            .zip(direct)
            .zip(client)
            .map(|((api, direct), client)| {
                milliseconds(api.printed)
                    - milliseconds(direct.exited)
                    - milliseconds(client.exited)
            });
        // What follows the result: multus' events, the client's write of the status.
        let after = |samples: &[Sample]| {
            median(column(samples, |one| {
                milliseconds(one.exited - one.printed)
            }))
        };
        let printed = |samples: &[Sample]| median(column(samples, |one| milliseconds(one.printed)));
        if api.is_empty() {
            continue;
        }
        table.row(&[
            networks(scenario),
            number(exited(direct)),
            number(printed(client)),
            number(after(client)),
            number(printed(api)),
            number(median(added.collect())),
            format!("{API_BOUND:.0}"),
            number(after(api)),
            number(exited(row(Arm::ClientProcess))),
        ]);
    }
    table.text()
}

/// What waiting for the disk costs.
fn disk(stage: &Stage, measured: &Measured, kind: Kind) -> String {
    let mut table = Table::new(
        &format!(
            "Waiting for the disk, {} delegates, local mode",
            kind.word()
        ),
        &["networks", "ADD", "DEL"],
    );
    for (index, scenario) in of(stage, kind) {
        let wait = |verb| {
            let (disk, memory) = (
                measured.samples(index, Arm::Disk, verb),
                measured.samples(index, Arm::Local, verb),
            );
            number(median(differences(disk, memory, |sample| sample.exited)))
        };
        if !measured.samples(index, Arm::Disk, Verb::Add).is_empty() {
            table.row(&[networks(scenario), wait(Verb::Add), wait(Verb::Del)]);
        }
    }
    table.text()
}

fn memory(stage: &Stage, measured: &Measured) -> String {
    let mut table = Table::new(
        "Peak memory of multus, MB",
        &["delegates", "networks", "called", "ADD", "DEL", "at most"],
    );
    for peak in measured.memory.iter().filter(|peak| peak.verb == Verb::Add) {
        let scenario = &stage.scenarios[peak.scenario];
        let del = measured.memory.iter().find(|other| {
            other.verb == Verb::Del && other.scenario == peak.scenario && other.arm == peak.arm
        });
        let megabytes = |bytes: u64| number(Some(bytes as f64 / 1e6));
        table.row(&[
            scenario.kind.word().to_owned(),
            networks(scenario),
            way(peak.arm).to_owned(),
            megabytes(peak.bytes),
            del.map(|del| megabytes(del.bytes)).unwrap_or_default(),
            format!("{MEMORY_BOUND:.0}"),
        ]);
    }
    table.text()
}

fn counted(stage: &Stage, measured: &Measured, requests: &[Requests]) -> String {
    let mut table = Table::new(
        "Requests of one ADD, by the API server's audit log (DEL makes none)",
        &[
            "delegates",
            "networks",
            "GET pod",
            "GET definition",
            "PATCH status",
            "POST event",
            "others",
        ],
    );
    for (index, (scenario, counted)) in stage.scenarios.iter().zip(requests).enumerate() {
        if measured.api_adds.get(index).copied().unwrap_or_default() == 0 {
            continue;
        }
        let Requests {
            pods,
            definitions,
            patches,
            events,
            others,
        } = *counted;
        let mut row = vec![scenario.kind.word().to_owned(), networks(scenario)];
        row.extend([pods, definitions, patches, events, others].map(|count| number(Some(count))));
        table.row(&row);
    }
    table.text()
}

fn indices(stage: &Stage, kind: Kind) -> impl Iterator<Item = usize> {
    of(stage, kind).map(|(index, _)| index)
}

fn of(stage: &Stage, kind: Kind) -> impl Iterator<Item = (usize, &Scenario)> {
    stage
        .scenarios
        .iter()
        .enumerate()
        .filter(move |(_, scenario)| scenario.kind == kind)
}

fn column(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> Vec<f64> {
    samples.iter().map(value).collect()
}

/// Round by round, how much longer the one took.
fn differences(
    samples: &[Sample],
    base: &[Sample],
    value: impl Fn(&Sample) -> std::time::Duration,
) -> Vec<f64> {
    samples
        .iter()
        .zip(base)
        .map(|(one, other)| milliseconds(value(one)) - milliseconds(value(other)))
        .collect()
}

fn networks(scenario: &Scenario) -> String {
    format!("1 + {}", scenario.extra)
}

fn way(arm: Arm) -> &'static str {
    match arm {
        Arm::Direct => "directly",
        Arm::Local => "multus, local",
        Arm::Disk => "multus, local, disk",
        Arm::Api => "multus, API, with events",
        Arm::Thick => "multus-shim, daemon",
        Arm::Client => "requests",
        Arm::ClientProcess => "requests, own process",
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| format!("{value:.2}"))
}
