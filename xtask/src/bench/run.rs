//! Rounds: in each, every way attaches and detaches every scenario once, one after the other, each time another one
//! first.

use std::time::Instant;

use anyhow::Result;

use super::arm::{Arm, Verb};
use super::measure::Sample;
use super::options::Options;
use super::scenario::Kind;
use super::stage::Stage;

/// Rounds before anything counts: caches warm up, folders come into being, the status is there.
pub(super) const WARM_UP: usize = 2;

/// How often memory is looked at.
const LOOKS: usize = 3;

/// Everything that was measured.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) series: Vec<Series>,
    pub(super) memory: Vec<Peak>,
    /// How often `multus` attached by the API, for each scenario.
    pub(super) api_adds: Vec<usize>,
}

/// The runs of one verb of one scenario in one way; the same index is the same round in all of them.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) scenario: usize,
    pub(super) arm: Arm,
    pub(super) verb: Verb,
    pub(super) samples: Vec<Sample>,
}

/// The most memory that was seen.
#[derive(Debug)]
pub(super) struct Peak {
    pub(super) scenario: usize,
    pub(super) arm: Arm,
    pub(super) verb: Verb,
    pub(super) bytes: u64,
}

impl Measured {
    /// The runs of one verb of one scenario in one way.
    pub(super) fn samples(&self, scenario: usize, arm: Arm, verb: Verb) -> &[Sample] {
        let fits = |one: &&Series| one.scenario == scenario && one.arm == arm && one.verb == verb;
        self.series
            .iter()
            .find(fits)
            .map_or(&[], |one| &one.samples)
    }

    fn push(&mut self, scenario: usize, arm: Arm, verb: Verb, sample: Sample) {
        let fits =
            |one: &&mut Series| one.scenario == scenario && one.arm == arm && one.verb == verb;
        match self.series.iter_mut().find(fits) {
            Some(series) => series.samples.push(sample),
            None => self.series.push(Series {
                scenario,
                arm,
                verb,
                samples: vec![sample],
            }),
        }
    }
}

/// Does all rounds.
pub(super) fn measure(stage: &Stage, options: &Options) -> Result<Measured> {
    let mut measured = Measured {
        api_adds: vec![0; stage.scenarios.len()],
        ..Measured::default()
    };
    let begun = Instant::now();
    for (kind, rounds) in [(Kind::Noop, options.noop), (Kind::Real, options.real)] {
        if rounds == 0 {
            continue;
        }
        eprintln!("{rounds} rounds with {} delegates", kind.word());
        // The second kind finds at least half of the time.
        let share = match kind {
            Kind::Noop if options.real > 0 => options.budget / 2,
            _ => options.budget,
        };
        for number in 0..rounds + WARM_UP {
            round(stage, kind, number, &mut measured)?;
            if begun.elapsed() > share {
                let done = (number + 1).saturating_sub(WARM_UP);
                eprintln!("time is up after {done} rounds");
                break;
            }
        }
        memory(stage, kind, &mut measured)?;
    }
    Ok(measured)
}

/// One round of all scenarios of a kind.
fn round(stage: &Stage, kind: Kind, number: usize, measured: &mut Measured) -> Result<()> {
    for index in scenarios(stage, kind) {
        for turn in 0..Arm::ALL.len() {
            // The first round goes by the list, so that the status is there before the client needs it.
            let arm = Arm::ALL[(turn + number) % Arm::ALL.len()];
            if !arm.fits(kind) {
                continue;
            }
            let (added, results) = stage.add(index, arm)?;
            if arm == Arm::Api {
                measured.api_adds[index] += 1;
            }
            let deleted = match arm.attaches() {
                true => Some(stage.del(index, arm, &results)?),
                false => None,
            };
            if number < WARM_UP {
                continue;
            }
            measured.push(index, arm, Verb::Add, added);
            if let Some(deleted) = deleted {
                measured.push(index, arm, Verb::Del, deleted);
            }
        }
    }
    Ok(())
}

fn memory(stage: &Stage, kind: Kind, measured: &mut Measured) -> Result<()> {
    for index in scenarios(stage, kind) {
        for arm in Arm::ALL
            .into_iter()
            .filter(|arm| arm.is_multus() && arm.fits(kind))
        {
            let (mut add, mut del) = (0, 0);
            for _ in 0..LOOKS {
                add = stage.peak(index, arm, Verb::Add)?.max(add);
                del = stage.peak(index, arm, Verb::Del)?.max(del);
                if arm == Arm::Api {
                    measured.api_adds[index] += 1;
                }
            }
            for (verb, bytes) in [(Verb::Add, add), (Verb::Del, del)] {
                measured.memory.push(Peak {
                    scenario: index,
                    arm,
                    verb,
                    bytes,
                });
            }
        }
    }
    Ok(())
}

fn scenarios(stage: &Stage, kind: Kind) -> impl Iterator<Item = usize> + use<> {
    let indices: Vec<usize> = stage
        .scenarios
        .iter()
        .enumerate()
        .filter(|(_, scenario)| scenario.kind == kind)
        .map(|(index, _)| index)
        .collect();
    indices.into_iter()
}
