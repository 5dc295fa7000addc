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

/// How often the planner may ask again. Each round brings at least one new fact; seven kinds of look-up follow from
/// each other (pod, definitions, paths, sub-directories, auxiliary chain, devices and claims, slices), the rest is room.
pub const ROUNDS: usize = 16;

/// Asks [`plan`] until it is complete, fetching each thing once.
///
/// # Errors
/// What the planner refuses, or what the source could not tell.
pub fn drive<S: Source>(
    conf: &NetConf,
    request: &Request,
    source: &S,
) -> Result<Outcome, DriveError<S::Error>> {
    let mut facts = Facts::default();
    let mut room = Room::new();
    for _ in 0..ROUNDS {
        match plan(conf, request, &facts).map_err(DriveError::Plan)? {
            Planned::Ready(outcome) => return Ok(outcome),
            Planned::Needs(needs) => {
                for need in needs {
                    let fact = fetch(source, &need).map_err(DriveError::Source)?;
                    if let Fact::Definition(Some(definition)) = &fact {
                        room.take(definition.config.len())
                            .map_err(DriveError::Plan)?;
                    }
                    facts.insert(need, fact);
                }
            }
        }
    }
    Err(DriveError::Plan(PlanError::NoEnd))
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
