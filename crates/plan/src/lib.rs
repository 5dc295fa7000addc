//! From a request, a configuration, a pod and its definitions to a plan: which networks a sandbox is attached to, in
//! which order, with which bytes, under which interface names and with which arguments.
//!
//! Everything here is pure. [`plan`] is a function of what is known so far ([`Facts`]); where something is missing it
//! says what ([`Need`]), and whoever called it fetches that and asks again. [`drive`] is that loop for callers that
//! fetch synchronously.
//!
//! Never in here: files, sockets, clocks, processes, async.

mod another;
mod arguments;
mod attachment;
mod devices;
mod drive;
mod error;
mod facts;
mod go;
mod limits;
mod log_options;
mod netconf;
mod own;
mod plain;
mod pod;
mod primary;
mod recorded;
mod resolve;
mod routes;
mod runtime_config;
mod selected;
mod status;
mod timeouts;
mod warning;

pub use another::{Asked, another};
pub use arguments::{PodArgs, add_device_info, capability_args, cni_args, generated_ifname};
pub use attachment::{Attachment, Requests};
pub use devices::{AllocatedDevice, Claim, ClaimError, DeviceMap, PublishedDevice};
pub use drive::{DriveError, Inquiry, Source, drive};
pub use error::PlanError;
pub use facts::{Catalog, Fact, Facts, Need, PathFact};
pub use go::{go_boolean, go_duration};
pub use log_options::LogOptions;
pub use netconf::NetConf;
pub use own::{Whose, is_multus, whose};
pub use plain::{NotPlain, POD_ANNOTATIONS, plain};
pub use pod::{ExtendedClaim, Pod, PodClaim, PodClaims, PodRef};
pub use primary::{Candidate, Refusal};
pub use recorded::{PRIMARY_RECORD, PrimaryRecord};
pub use resolve::{Outcome, Plan, Planned, Request, default_network, plan};
pub use routes::RouteChange;
pub use runtime_config::RuntimeConfig;
pub use status::{empty_result, network_statuses};
pub use timeouts::Timeouts;
pub use warning::Warning;
