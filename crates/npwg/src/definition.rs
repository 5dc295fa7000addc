//! The `NetworkAttachmentDefinition` object.

use serde_json::{Map, Value};
use thiserror::Error;

use crate::names::{KIND, RESOURCE_NAME};
use crate::text::{message, quoted};

/// What we need to know of a `NetworkAttachmentDefinition`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// Namespace; empty where the object names none, as in a manifest that was not yet applied.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Device plugin resource behind the network (B3.4).
    pub resource_name: Option<String>,
    /// CNI configuration as text; empty asks for the configuration on disk with the object's name (MN-004, B5.57).
    pub config: String,
}

/// Why an object could not be read as a definition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DefinitionError {
    /// Not JSON.
    #[error("read NetworkAttachmentDefinition: {message}")]
    Json {
        /// What the decoder said.
        message: String,
    },
    /// An object of another kind.
    #[error("read NetworkAttachmentDefinition: the object is a {kind}")]
    Kind {
        /// Its kind, cut and escaped.
        kind: String,
    },
    /// No name in it.
    #[error("read NetworkAttachmentDefinition: metadata.name is missing")]
    NoName,
    /// A value of the wrong type.
    #[error("read NetworkAttachmentDefinition{name}: {key} is not {expected}")]
    Type {
        /// The object's name in parentheses, with a space before it; empty where not known.
        name: String,
        /// Path of the key.
        key: &'static str,
        /// `a string` or `an object`.
        expected: &'static str,
    },
}

impl Definition {
    /// Reads the object from JSON text.
    ///
    /// # Errors
    ///
    /// As [`Definition::from_value`], and where the text is not JSON.
    pub fn from_json(bytes: &[u8]) -> Result<Self, DefinitionError> {
        let value: Value = gojson::from_slice(bytes).map_err(|error| DefinitionError::Json {
            message: message(&error),
        })?;
        Self::from_value(&value)
    }

    /// Reads the object as the API gives it, alone or out of a list, whose items have no `kind`.
    ///
    /// # Errors
    ///
    /// The object is of another kind, has no name, or a value of the wrong type. Keys match exactly, as in the API.
    pub fn from_value(value: &Value) -> Result<Self, DefinitionError> {
        let object = value
            .as_object()
            .ok_or_else(|| wrong_type("", "it", "an object"))?;
        if let Some(kind) = text(object, "kind", "", "kind")?
            && kind != KIND
        {
            return Err(DefinitionError::Kind { kind: quoted(kind) });
        }
        let metadata = child(object, "metadata", "", "metadata")?.ok_or(DefinitionError::NoName)?;
        let name = text(metadata, "name", "", "metadata.name")?.ok_or(DefinitionError::NoName)?;
        let namespace =
            text(metadata, "namespace", name, "metadata.namespace")?.unwrap_or_default();
        let annotations = child(metadata, "annotations", name, "metadata.annotations")?;
        let resource_name = match annotations {
            Some(annotations) => text(
                annotations,
                RESOURCE_NAME,
                name,
                "the annotation of the resource name",
            )?,
            None => None,
        };
        let config = match child(object, "spec", name, "spec")? {
            Some(spec) => text(spec, "config", name, "spec.config")?.unwrap_or_default(),
            None => "",
        };
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            resource_name: resource_name.map(str::to_owned),
            config: config.to_owned(),
        })
    }

    /// `<namespace>/<name>`.
    #[must_use]
    pub fn reference(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

/// A text; missing, `null` and empty are the same.
fn text<'a>(
    map: &'a Map<String, Value>,
    key: &str,
    name: &str,
    path: &'static str,
) -> Result<Option<&'a str>, DefinitionError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(wrong_type(name, path, "a string")),
    }
}

/// An object; missing and `null` are the same.
fn child<'a>(
    map: &'a Map<String, Value>,
    key: &str,
    name: &str,
    path: &'static str,
) -> Result<Option<&'a Map<String, Value>>, DefinitionError> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(child)) => Ok(Some(child)),
        Some(_) => Err(wrong_type(name, path, "an object")),
    }
}

fn wrong_type(name: &str, key: &'static str, expected: &'static str) -> DefinitionError {
    let name = if name.is_empty() {
        String::new()
    } else {
        format!(" ({})", quoted(name))
    };
    DefinitionError::Type {
        name,
        key,
        expected,
    }
}

#[cfg(test)]
mod tests;
