//! Where plans come from, and who is told what became of them.

use std::time::Instant;

use cni::{CniError, CniResult};
use engine::{Attached, EngineError, Unwritten};
use plan::{Catalog, NetConf, Outcome, Plan, PodArgs, PodRef, Request};

use crate::Runs;

/// A call of the runtime, decoded.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// As the runtime made it.
    pub request: &'a cni::Request,
    /// Its configuration.
    pub conf: &'a NetConf,
    /// Its `CNI_ARGS`.
    pub args: &'a PodArgs,
    /// When it has to be over, undo not counted.
    pub deadline: Instant,
    /// What its delegates did so far.
    pub runs: &'a Runs,
}

impl Call<'_> {
    /// The container; empty where the runtime names none.
    #[must_use]
    pub fn container_id(&self) -> String {
        text(self.request.container_id.as_ref())
    }

    /// Its interface; empty where the runtime names none.
    #[must_use]
    pub fn ifname(&self) -> String {
        text(self.request.ifname.as_ref())
    }

    /// What is to be planned for it.
    #[must_use]
    pub fn to_plan(&self, catalog: Catalog, may_owe_status: bool) -> Request {
        Request {
            container_id: self.container_id(),
            ifname: self.ifname(),
            args: self.args.clone(),
            catalog,
            may_owe_status,
        }
    }
}

fn text(name: Option<&impl ToString>) -> String {
    name.map(ToString::to_string).unwrap_or_default()
}

/// What a planner came to.
#[derive(Debug)]
pub enum Planned {
    /// How to attach the container.
    Outcome(Outcome),
    /// Somebody else has attached it, and this is the result: a daemon that carries out by itself.
    CarriedOut(CniResult),
}

/// Plans, for one call; is told how it went.
pub trait Planner {
    /// How the container is to be attached. A refusal is told to the pod too.
    ///
    /// # Errors
    /// Why it cannot be attached as it asks.
    fn plan(&self, call: &Call<'_>) -> Result<Planned, CniError>;

    /// Everything is attached: the pod's status is written. The ADD is undone where that fails. Who waits for an answer may do
    /// `meanwhile` in that time.
    ///
    /// # Errors
    /// Why the status could not be written.
    fn commit(
        &self,
        call: &Call<'_>,
        pod: &PodRef,
        attached: &Attached,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<(), Unwritten>;

    /// The plan could not be carried out; what had been attached is undone.
    fn failed(&self, call: &Call<'_>, pod: &PodRef, error: &EngineError);

    /// The result of what somebody else carried out cannot be given to the runtime: he is told to take it back.
    fn take_back(&self, _: &Call<'_>) {}

    /// The runtime has the result.
    fn attached(&self, call: &Call<'_>, pod: &PodRef, plan: &Plan, attached: &Attached);
}
