//! `multus` over a real Kubernetes API: what pods get, what the API is asked, and what happens when it does not answer as it should.

#[path = "api/alone.rs"]
mod alone;
#[path = "api/annotations.rs"]
mod annotations;
#[path = "api/attaching.rs"]
mod attaching;
#[path = "api/cases.rs"]
mod cases;
#[path = "api/configured.rs"]
mod configured;
#[path = "api/credentials.rs"]
mod credentials;
#[path = "api/definitions.rs"]
mod definitions;
#[path = "api/faults.rs"]
mod faults;
#[path = "api/identity.rs"]
mod identity;
#[path = "api/optional.rs"]
mod optional;
#[path = "api/outage.rs"]
mod outage;
#[path = "api/quiet.rs"]
mod quiet;
#[path = "api/recorded.rs"]
mod recorded;
#[path = "api/requests.rs"]
mod requests;
#[path = "api/rights.rs"]
mod rights;
#[path = "api/status.rs"]
mod status;
#[path = "api/told.rs"]
mod told;
