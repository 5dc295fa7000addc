//! The Kubernetes multi-network de-facto standard (NPWG), for anyone who reads or writes its objects.
//!
//! What this crate promises:
//!
//! - [`selection`]: the annotations by which a pod asks for networks, in both of their formats, with everything that can
//!   be wrong in them found before anything runs;
//! - [`definition`]: a `NetworkAttachmentDefinition` as the API or `kubectl -o json` gives it;
//! - [`status`]: the `network-status` annotation, byte for byte as its readers are used to;
//! - [`device_info`]: the device information object and the names of its files;
//! - [`capability`]: the two structured capability arguments, port mappings and bandwidth;
//! - [`names`]: annotation names and the coordinates of the custom resource.
//!
//! What it never does: read files, environment or clock, talk to anyone, or panic on what somebody else wrote. Objects
//! are decoded with the habits of Go's decoder (keys in any case, `null` as absent), since every other program that reads
//! them has these habits.
//!
//! Ids in comments (`B3.23`, `MN-050`, `Q29`) are those of the behaviour reference of the project.

pub mod capability;
mod check;
pub mod definition;
pub mod device_info;
pub mod names;
pub mod selection;
pub mod status;
mod text;

pub use capability::{Bandwidth, PortMapping};
pub use check::ValueError;
pub use definition::{Definition, DefinitionError};
pub use device_info::{DeviceInfo, DeviceInfoError};
pub use selection::{SelectionElement, SelectionError};
pub use status::{NetworkStatus, StatusError};
