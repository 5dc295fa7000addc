//! `multus`: the one CNI plugin that the container runtime calls; attaches a sandbox to every network that its pod asks
//! for by calling other CNI plugins.
//!
//! This is the thin plugin: it plans by itself, from the Kubernetes API or from a directory of manifests; [`plugin`] does
//! the rest. It keeps no process running.

mod catalog;
mod local;
mod messages;
mod planner;
mod report;
mod status;

use std::process::ExitCode;

use cni::{CniError, NetworkConf};
use engine::{Container, Engine};
use local::Manifests;
use plan::{NetConf, PlanError, PodRef};
use planner::Catalogued;
use plugin::{Call, Planner, Program};
use sys::heap::Heap;

#[global_allocator]
static HEAP: Heap = Heap;

fn main() -> ExitCode {
    plugin::main(&Multus)
}

struct Multus;

impl Program for Multus {
    fn name(&self) -> &'static str {
        "multus"
    }

    fn conf(&self, config: &[u8]) -> Result<NetConf, PlanError> {
        NetConf::parse(config)
    }

    fn planner(&self, call: &Call<'_>) -> Result<Box<dyn Planner>, CniError> {
        Ok(Box::new(Catalogued::open(call)?))
    }

    fn default_network(&self, call: &Call<'_>) -> Result<Option<NetworkConf>, CniError> {
        status::default_network(call.conf)
    }

    fn primary(&self, call: &Call<'_>) -> Option<NetworkConf> {
        // On a node that was no cluster's before, nobody else has attached anything.
        call.conf.kubeconfig.as_ref()?;
        status::default_network(call.conf).ok()?
    }

    fn detached(&self, call: &Call<'_>, engine: &Engine<'_>, container: &Container, pod: &PodRef) {
        if let Some(directory) = &call.conf.manifest_dir {
            report::remove_status(engine, &Manifests::new(directory), container, pod);
        }
    }
}
