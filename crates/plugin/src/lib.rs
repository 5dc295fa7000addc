//! What the CNI plugins of this project have in common: the way of a verb, from what the runtime says to what it is told.
//!
//! A program says what it is ([`Program`]) and where its plans come from ([`Planner`]); flags, locks, the engine's run, the
//! log and the words of errors are the same for all of them.
//!
//! Never in here: Kubernetes, async, what a plan is made from.

mod flags;
mod ground;
mod journal;
pub mod messages;
mod planner;
mod program;
mod runs;
mod verbs;

pub use flags::version;
pub use ground::{Ground, Site};
pub use journal::{LOG, LogTo, log_to};
pub use planner::{Call, Planned, Planner};
pub use program::{Program, main};
pub use runs::{Run, Runs};
pub use verbs::one::{PlanOne, run_one};
pub use verbs::{Give, run};
