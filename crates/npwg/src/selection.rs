//! The selection annotations: which networks a pod asks for, and how.

mod comma;
mod json;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::capability::{Bandwidth, PortMapping};
use crate::check::ValueError;

/// One attachment that the pod asks for (B3.31). Every value in it has been checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SelectionElement {
    /// Namespace of the definition.
    pub namespace: String,
    /// Name of the definition.
    pub name: String,
    /// Name that the interface shall get in the pod.
    pub interface: Option<String>,
    /// Addresses, with or without prefix length, as given.
    pub ips: Vec<String>,
    /// Hardware address of 6 bytes, as given.
    pub mac: Option<String>,
    /// InfiniBand GUID of 8 bytes, as given.
    pub infiniband_guid: Option<String>,
    /// Port mappings; an empty list takes the place of the runtime's.
    pub port_mappings: Option<Vec<PortMapping>>,
    /// Bandwidth limits.
    pub bandwidth: Option<Bandwidth>,
    /// Device, for where no resource allocation names one (B3.41).
    pub device_id: Option<String>,
    /// What is merged into `args.cni` of the plugin's configuration (MN-036).
    pub cni_args: Option<Map<String, Value>>,
    /// Gateways of the default route through this attachment; an empty list is not the same as none.
    pub default_route: Option<Vec<IpAddr>>,
    /// Whether the pod may start without this attachment, where the element says so.
    pub optional: Option<bool>,
    /// Keys that mean nothing to us, cut and escaped, for the caller to log (B3.45).
    pub unknown_keys: Vec<String>,
}

impl SelectionElement {
    /// An element that asks for the network and nothing else.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            ..Self::default()
        }
    }

    /// `<namespace>/<name>`: the name of the attachment in status, events and ledger (B3.72, B5.64).
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// Why an annotation was refused. One line, with the element and the key; foreign text in it is cut and escaped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SelectionError {
    /// The text looks like JSON and is none, or is no array.
    #[error("failed to parse JSON: {message}")]
    Json {
        /// What the decoder said.
        message: String,
    },
    /// An element of the JSON array is no object, or one of its values has the wrong type.
    #[error("element {index}{name}: {message}")]
    Element {
        /// Index from 0.
        index: usize,
        /// The element's name in parentheses, with a space before it; empty where it has none.
        name: String,
        /// Key and reason.
        message: String,
    },
    /// A value of an element of the JSON array cannot be what its key asks for.
    #[error("element {index}{name}: {key}: {problem}")]
    Value {
        /// Index from 0.
        index: usize,
        /// The element's name in parentheses, with a space before it; empty where it has none.
        name: String,
        /// Path of the key inside the element.
        key: String,
        /// What is wrong with the value.
        problem: ValueError,
    },
    /// An item of the short format has nothing in it (Q29).
    #[error("item {index} of the list is empty")]
    EmptyItem {
        /// Index from 0.
        index: usize,
    },
    /// An item of the short format has too many parts.
    #[error(
        "item {index} ({item}): more than one '{separator}', the form is [namespace/]name[@interface]"
    )]
    Separator {
        /// Index from 0.
        index: usize,
        /// The item, cut and escaped.
        item: String,
        /// `/` or `@`.
        separator: char,
    },
    /// A part of an item of the short format is not what it should be.
    #[error("item {index} ({item}): {part}: {problem}")]
    Part {
        /// Index from 0.
        index: usize,
        /// The item, cut and escaped.
        item: String,
        /// `namespace`, `name` or `interface`.
        part: &'static str,
        /// What is wrong with it.
        problem: ValueError,
    },
    /// The annotation for the default network is there, but selects nothing (B3.60, Q6).
    #[error("no default network is specified")]
    NoDefault,
    /// The annotation for the default network selects more than one (B3.61).
    #[error("more than one default network is specified: {count} elements")]
    ManyDefaults {
        /// How many.
        count: usize,
    },
}

/// Which of the two annotations a text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Annotation {
    Networks,
    DefaultNetwork,
}

/// Reads the value of [`NETWORKS`](crate::names::NETWORKS), in either format; empty text selects nothing (B3.10).
///
/// # Errors
///
/// The first thing that is wrong with it.
pub fn parse(
    annotation: &str,
    default_namespace: &str,
) -> Result<Vec<SelectionElement>, SelectionError> {
    read(annotation, default_namespace, Annotation::Networks)
}

/// Reads the value of [`DEFAULT_NETWORK`](crate::names::DEFAULT_NETWORK), in either format: exactly one element.
///
/// # Errors
///
/// The first thing that is wrong with it; selecting nothing is wrong too (B3.60–B3.61).
pub fn parse_default_network(
    annotation: &str,
    default_namespace: &str,
) -> Result<SelectionElement, SelectionError> {
    let mut elements = read(annotation, default_namespace, Annotation::DefaultNetwork)?;
    match (elements.pop(), elements.len()) {
        (Some(element), 0) => Ok(element),
        (Some(_), rest) => Err(SelectionError::ManyDefaults { count: rest + 1 }),
        (None, _) => Err(SelectionError::NoDefault),
    }
}

fn read(
    annotation: &str,
    default_namespace: &str,
    which: Annotation,
) -> Result<Vec<SelectionElement>, SelectionError> {
    if annotation.is_empty() {
        Ok(Vec::new())
    } else if annotation.contains(['[', '{', '"']) {
        // B3.11: no text of the short format has any of these.
        json::parse(annotation, default_namespace, which)
    } else {
        comma::parse(annotation, default_namespace)
    }
}
