//! The loop between the planner and a source that answers at once.

use std::path::Path;

use npwg::Definition;

use crate::limits::Room;
use crate::{
    Claim, DeviceMap, Fact, Facts, Need, NetConf, Outcome, PathFact, PlanError, Planned, Pod,
    PodRef, PublishedDevice, Request, plan,
};

/// Who fetches pods, definitions and files, synchronously.
pub trait Source {
    /// Why a fetch failed.
    type Error;

    /// The pod, `None` where it does not exist.
    ///
    /// # Errors
    /// What kept the source from telling.
    fn pod(&self, namespace: &str, name: &str) -> Result<Option<Pod>, Self::Error>;

    /// The definition, `None` where it does not exist.
    ///
    /// # Errors
    /// What kept the source from telling.
    fn definition(&self, namespace: &str, name: &str) -> Result<Option<Definition>, Self::Error>;

    /// What lies at a path of the host.
    fn path(&self, path: &Path) -> PathFact;

    /// The devices that the kubelet gave to the pod; the UID is the kubelet's.
    ///
    /// # Errors
    /// What kept the source from telling.
    fn devices(&self, pod: &PodRef) -> Result<DeviceMap, Self::Error>;

    /// The ResourceClaim, `None` where it does not exist.
    ///
    /// # Errors
    /// What kept the source from telling.
    fn claim(&self, namespace: &str, name: &str) -> Result<Option<Claim>, Self::Error>;

    /// The devices that the driver publishes for the node; without one, for all nodes.
    ///
    /// # Errors
    /// What kept the source from telling.
    fn slices(&self, driver: &str, node: Option<&str>)
    -> Result<Vec<PublishedDevice>, Self::Error>;
}

/// Why no plan came out.
#[derive(Debug, thiserror::Error)]
pub enum DriveError<E> {
    /// The planner refused.
    #[error(transparent)]
    Plan(PlanError),
    /// The source could not tell.
    #[error("{0}")]
    Source(E),
}

/// One plan in the making: what was told so far, and how much more may be asked and told. For callers that fetch in a way
/// of their own; [`drive`] is the loop for those that fetch synchronously.
#[derive(Debug)]
pub struct Inquiry {
    facts: Facts,
    room: Room,
    rounds: usize,
}

impl Default for Inquiry {
    fn default() -> Self {
        Self {
            facts: Facts::default(),
            room: Room::new(),
            rounds: 0,
        }
    }
}

impl Inquiry {
    /// What is asked for ([`plan`], [`another`](crate::another) or [`default_network`](crate::default_network)), or what has
    /// to be told before there can be an answer.
    ///
    /// # Errors
    /// What the planner refuses.
    pub fn ask<T>(
        &mut self,
        ask: impl FnOnce(&Facts) -> Result<Planned<T>, PlanError>,
    ) -> Result<Planned<T>, PlanError> {
        if self.rounds == ROUNDS {
            return Err(PlanError::NoEnd);
        }
        self.rounds += 1;
        ask(&self.facts)
    }

    /// Takes an answer.
    ///
    /// # Errors
    /// It is more than a pod may ask for.
    pub fn tell(&mut self, need: Need, fact: Fact) -> Result<(), PlanError> {
        if let Fact::Definition(Some(definition)) = &fact {
            self.room.take(definition.config.len())?;
        }
        self.facts.insert(need, fact);
        Ok(())
    }
}

/// How often [`plan`] may ask again. Each round brings at least one new fact; seven kinds of look-up follow from
/// each other (pod, definitions, paths, sub-directories, auxiliary chain, devices and claims, slices), the rest is room.
const ROUNDS: usize = 16;

/// Asks [`plan`] until it is complete, fetching each thing once.
///
/// # Errors
/// What the planner refuses, or what the source could not tell.
pub fn drive<S: Source>(
    conf: &NetConf,
    request: &Request,
    source: &S,
) -> Result<Outcome, DriveError<S::Error>> {
    let mut inquiry = Inquiry::default();
    loop {
        let planned = inquiry.ask(|facts| plan(conf, request, facts));
        match planned.map_err(DriveError::Plan)? {
            Planned::Ready(outcome) => return Ok(outcome),
            Planned::Needs(needs) => {
                for need in needs {
                    let fact = fetch(source, &need).map_err(DriveError::Source)?;
                    inquiry.tell(need, fact).map_err(DriveError::Plan)?;
                }
            }
        }
    }
}

fn fetch<S: Source>(source: &S, need: &Need) -> Result<Fact, S::Error> {
    Ok(match need {
        Need::Pod { namespace, name } => Fact::Pod(source.pod(namespace, name)?),
        Need::Definition { namespace, name } => {
            Fact::Definition(source.definition(namespace, name)?)
        }
        Need::Path(path) => Fact::Path(source.path(path)),
        Need::Devices(pod) => Fact::Devices(source.devices(pod)?),
        Need::Claim { namespace, name } => Fact::Claim(source.claim(namespace, name)?),
        Need::Slices { driver, node } => Fact::Slices(source.slices(driver, node.as_deref())?),
    })
}
