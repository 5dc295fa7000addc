//! Real servers, namespaces and a scripted CNI plugin for tests and for the demo

pub mod apiserver;
pub mod kube;
pub mod kubelet;
pub mod leaks;
pub mod manifests;
pub mod netns;
pub mod node;
pub mod process;
pub mod proxy;
pub mod scripted;
pub mod stub;
pub mod tools;
pub mod world;

pub use rustix::process::Signal;
