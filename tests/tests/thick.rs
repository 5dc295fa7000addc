//! `multus-shim` and `multus-daemon` over a real Kubernetes API: the daemon plans, the plugin carries out.

#[path = "thick/alone.rs"]
mod alone;
#[path = "thick/attaching.rs"]
mod attaching;
#[path = "thick/authority.rs"]
mod authority;
#[path = "thick/certificates.rs"]
mod certificates;
#[path = "thick/delegate.rs"]
mod delegate;
#[path = "thick/ends.rs"]
mod ends;
#[path = "thick/faults.rs"]
mod faults;
#[path = "thick/foreign.rs"]
mod foreign;
#[path = "thick/inside.rs"]
mod inside;
#[path = "thick/keeper.rs"]
mod keeper;
#[path = "thick/lacking.rs"]
mod lacking;
#[path = "thick/metrics.rs"]
mod metrics;
#[path = "thick/newest.rs"]
mod newest;
#[path = "thick/primary.rs"]
mod primary;
#[path = "thick/queue.rs"]
mod queue;
#[path = "thick/recorded.rs"]
mod recorded;
#[path = "thick/rest.rs"]
mod rest;
#[path = "thick/restarts.rs"]
mod restarts;
#[path = "thick/slow.rs"]
mod slow;
#[path = "thick/starts.rs"]
mod starts;
#[path = "thick/status.rs"]
mod status;
#[path = "thick/uninstalled.rs"]
mod uninstalled;
