//! Local mode: `multus` with a directory of manifests in place of a cluster, real plugins, real namespaces.

#[path = "local/chains.rs"]
mod chains;
#[path = "local/check.rs"]
mod check;
#[path = "local/crowd.rs"]
mod crowd;
#[path = "local/gc.rs"]
mod gc;
#[path = "local/hostile.rs"]
mod hostile;
#[path = "local/life.rs"]
mod life;
#[path = "local/manifests.rs"]
mod manifests;
#[path = "local/refusals.rs"]
mod refusals;
#[path = "local/rests.rs"]
mod rests;
#[path = "local/routes.rs"]
mod routes;
#[path = "local/status.rs"]
mod status;
#[path = "local/teardown.rs"]
mod teardown;
