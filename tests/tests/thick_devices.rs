//! The cases of the suite `devices` over `multus-shim` and `multus-daemon`.

#[path = "devices/allocated.rs"]
mod allocated;
#[path = "devices/claims.rs"]
mod claims;
#[path = "devices/information.rs"]
mod information;
#[path = "devices/kubelet.rs"]
mod kubelet;
#[path = "devices/stage.rs"]
mod stage;
