//! What suites that run whole programs share.

pub mod cluster;
pub mod errors;
pub mod kubelet;
pub mod multus;
pub mod networks;
pub mod node;
pub mod podman;
pub mod recordings;
pub mod scene;
pub mod thick;
