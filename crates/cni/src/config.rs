//! Configurations: single plugins and lists, from text and from listings of directories.

mod directory;
mod edit;
mod header;
mod parse;
mod plugin;

use serde_json::{Map, Value};
use thiserror::Error;

pub use directory::{DirFile, Found, LookupError, find_by_name, is_config_file, subdir_plugins};
pub use plugin::PluginConf;

use crate::names::NameError;
use crate::version::UnknownVersion;
use crate::{Version, code, text};

/// How a configuration was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One plugin, without a list around it.
    Single,
    /// A list.
    List,
}

/// A network: its plugins, in order, and what they share.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkConf {
    name: String,
    version_label: String,
    version: Version,
    disable_check: bool,
    disable_gc: bool,
    load_only_inlined: bool,
    form: Form,
    plugins: Vec<PluginConf>,
    /// Keys of the list itself, without `plugins`; empty for a single configuration.
    list: Map<String, Value>,
    bytes: Vec<u8>,
}

/// Text that is no configuration. Nothing of it is repeated but names.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfError {
    /// No JSON, or a key of a wrong type.
    #[error("failed to decode the configuration: {0}")]
    Decode(gojson::Error),
    /// JSON, but no object.
    #[error("failed to decode the configuration: not an object")]
    NotAnObject,
    /// Neither a plugin nor a list.
    #[error("neither 'type' (one plugin) nor 'plugins' (a list)")]
    NeitherForm,
    /// A plugin without type.
    #[error("missing 'type'{hint}")]
    MissingType {
        /// Where, or what may have been meant.
        hint: &'static str,
    },
    /// A member of a list without type.
    #[error("missing 'type' in plugins[{0}]")]
    MissingMemberType(usize),
    /// An invalid name or type.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A label that is no version.
    #[error("cniVersion: {0}")]
    Version(#[from] UnknownVersion),
    /// A member of `cniVersions` that is no version.
    #[error("cniVersions: invalid version {}", text::quoted(.0))]
    Versions(String),
    /// A list without members.
    #[error("no plugins in list")]
    NoPlugins,
    /// A list that forbids to look for plugins elsewhere and has none.
    #[error("loadOnlyInlinedPlugins is true, but there is no 'plugins' key")]
    NothingInlined,
    /// A switch that is neither true nor false.
    #[error("{0} is neither true nor false")]
    Switch(&'static str),
    /// A configuration that cannot be written as JSON.
    #[error("failed to encode the configuration: {0}")]
    Encode(gojson::Error),
    /// One of several files is bad.
    #[error("in {file}: {source}")]
    File {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        source: Box<Self>,
    },
}

impl ConfError {
    /// The error code of the specification.
    pub fn code(&self) -> u32 {
        match self {
            Self::Decode(_) | Self::NotAnObject | Self::Encode(_) => code::DECODING_FAILURE,
            Self::Version(_) => code::INCOMPATIBLE_VERSION,
            Self::File { source, .. } => source.code(),
            _ => code::INVALID_NETWORK_CONFIG,
        }
    }
}

impl NetworkConf {
    /// The network's name; empty when the text has none, which every operation refuses.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that plugins are asked in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Its label as plugins see it: empty when the text has none (B4.123).
    pub fn version_label(&self) -> &str {
        &self.version_label
    }

    /// Single plugin or list.
    pub const fn form(&self) -> Form {
        self.form
    }

    /// The plugins, in order.
    pub fn plugins(&self) -> &[PluginConf] {
        &self.plugins
    }

    /// What belongs into cache and ledger: the text as it was read, until something is edited.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// CHECK succeeds without running.
    pub const fn disable_check(&self) -> bool {
        self.disable_check
    }

    /// GC succeeds without running.
    pub const fn disable_gc(&self) -> bool {
        self.disable_gc
    }

    /// No plugins are added from a sub-directory.
    pub const fn load_only_inlined(&self) -> bool {
        self.load_only_inlined
    }
}

#[cfg(test)]
mod tests;
