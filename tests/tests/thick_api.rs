//! The cases of the suite `api` over `multus-shim` and `multus-daemon`.

#[path = "api/annotations.rs"]
mod annotations;
#[path = "api/attaching.rs"]
mod attaching;
#[path = "api/cases.rs"]
mod cases;
#[path = "api/configured.rs"]
mod configured;
#[path = "api/definitions.rs"]
mod definitions;
#[path = "api/faults.rs"]
mod faults;
#[path = "api/identity.rs"]
mod identity;
#[path = "api/optional.rs"]
mod optional;
#[path = "api/quiet.rs"]
mod quiet;
#[path = "api/recorded.rs"]
mod recorded;
#[path = "api/rights.rs"]
mod rights;
#[path = "api/status.rs"]
mod status;
#[path = "api/told.rs"]
mod told;
