//! Plans from a catalog, and tells it what became of the pod.

use cni::CniError;
use engine::{Attached, EngineError, Unwritten};
use plan::{Plan, PodRef};
use plugin::messages::of_pod;
use plugin::{Call, Planned, Planner};

use crate::catalog::{Store, Timed};
use crate::{messages, report};

/// A planner with a catalog.
pub(crate) struct Catalogued {
    store: Store,
}

impl Catalogued {
    pub(crate) fn open(call: &Call<'_>) -> Result<Self, CniError> {
        let store = Store::open(call.conf).map_err(|error| {
            of_pod(
                error.code(),
                &call.args.pod,
                format_args!("error getting k8s client: {error}"),
            )
        })?;
        Ok(Self { store })
    }

    fn timed<'a>(&'a self, call: &Call<'a>) -> Timed<'a> {
        Timed {
            store: &self.store,
            conf: call.conf,
            deadline: call.deadline,
        }
    }
}

impl Planner for Catalogued {
    fn plan(&self, call: &Call<'_>) -> Result<Planned, CniError> {
        let request = call.to_plan(self.store.kind(), false);
        let outcome = plan::drive(call.conf, &request, &self.timed(call)).map_err(|error| {
            let pod = &call.args.pod;
            let (reason, text) = messages::refusal(&error);
            let event = report::warning(reason, text);
            report::post(&self.store, call.conf, pod, &[event]);
            messages::planning(pod, &error)
        })?;
        Ok(Planned::Outcome(outcome))
    }

    fn commit(
        &self,
        call: &Call<'_>,
        pod: &PodRef,
        attached: &Attached,
        _: &mut dyn FnMut(),
    ) -> Result<(), Unwritten> {
        report::write_status(&self.timed(call), pod, attached)
    }

    fn failed(&self, call: &Call<'_>, pod: &PodRef, error: &EngineError) {
        let event = report::warning(plugin::messages::FAILED, error.to_string());
        report::post(&self.store, call.conf, pod, &[event]);
    }

    fn attached(&self, call: &Call<'_>, pod: &PodRef, plan: &Plan, attached: &Attached) {
        let events = report::success_events(attached, &plan.warnings);
        report::post(&self.store, call.conf, pod, &events);
    }
}
