//! Devices of device plugins and of dynamic resource allocation, on their way into attachments; device information, on its
//! way into the network status.

#[path = "devices/allocated.rs"]
mod allocated;
#[path = "devices/claims.rs"]
mod claims;
#[path = "devices/information.rs"]
mod information;
#[path = "devices/kubelet.rs"]
mod kubelet;
#[path = "devices/local.rs"]
mod local;
#[path = "devices/stage.rs"]
mod stage;
