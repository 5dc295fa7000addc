//! What all objects have, and what is kept of those that are watched.

use std::borrow::Cow;

use npwg::Definition;
use plan::{Pod, PodRef};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{definition, pod};

/// Who an object is.
#[derive(Deserialize)]
pub(crate) struct Identity<'a> {
    #[serde(borrow)]
    metadata: Metadata<'a>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(rename = "resourceVersion", borrow, default)]
    version: Cow<'a, str>,
}

impl<'a> Identity<'a> {
    /// Reads an object's identity.
    ///
    /// # Errors
    /// Not JSON, or no object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// `<namespace>/<name>`; nothing where the object has no name.
    pub(crate) fn key(&self) -> Option<Box<str>> {
        let Metadata {
            namespace, name, ..
        } = &self.metadata;
        (!name.is_empty()).then(|| key(namespace, name))
    }

    /// Its version, as the API writes it; may be empty.
    pub(crate) fn version(&self) -> &str {
        &self.metadata.version
    }

    /// Its version, to be compared with other versions of the same object; 0 where it has none.
    pub(crate) fn number(&self) -> u64 {
        self.metadata.version.parse().unwrap_or_default()
    }
}

/// `<namespace>/<name>`.
pub(crate) fn key(namespace: &str, name: &str) -> Box<str> {
    format!("{namespace}/{name}").into_boxed_str()
}

/// What is watched.
pub(crate) trait Object: From<Self::Document> {
    /// It on the wire.
    type Document: DeserializeOwned;

    /// About how many bytes of memory it needs.
    fn weight(&self) -> usize;
}

impl Object for Pod {
    type Document = pod::Document;

    fn weight(&self) -> usize {
        let annotations = [&self.networks, &self.default_network, &self.config_source];
        let annotations = annotations.into_iter().flatten().map(String::len);
        let PodRef {
            namespace,
            name,
            uid,
        } = &self.reference;
        size_of::<Self>() + namespace.len() + name.len() + uid.len() + annotations.sum::<usize>()
    }
}

impl Object for Definition {
    type Document = definition::Document;

    fn weight(&self) -> usize {
        let resource = self.resource_name.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.namespace.len() + self.name.len() + resource + self.config.len()
    }
}
