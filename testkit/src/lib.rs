//! Real servers, namespaces and a scripted CNI plugin for tests and for the demo

pub mod process;
pub mod tools;
