//! The cases of the suite `local` over `multus-shim` and `multus-daemon`.

#[path = "local/chains.rs"]
mod chains;
#[path = "local/check.rs"]
mod check;
#[path = "local/crowd.rs"]
mod crowd;
#[path = "local/gc.rs"]
mod gc;
#[path = "local/life.rs"]
mod life;
#[path = "local/routes.rs"]
mod routes;
#[path = "local/teardown.rs"]
mod teardown;
