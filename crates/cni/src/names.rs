//! Names that end up in paths, in the kernel and on command lines, checked before anything else happens.

use std::fmt;

use thiserror::Error;

use crate::{code, text};

/// The longest file name.
const FILE_NAME: usize = 255;

/// The longest container id: with it, a file name still has room for the parts around it.
const LONGEST_ID: usize = 240;

/// The longest interface name of the kernel, in bytes.
const LONGEST_IFNAME: usize = 15;

/// A name that is missing, too long or holds what it must not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// No container id.
    #[error("missing containerID")]
    MissingContainerId,
    /// A container id with other characters than letters, digits, `_`, `.`, `-`, or a bad first one.
    #[error("invalid characters in containerID {}", text::quoted(.0))]
    ContainerId(String),
    /// A container id that no file name can hold.
    #[error("containerID of {0} bytes is too long, at most {LONGEST_ID}")]
    LongContainerId(usize),
    /// No network name.
    #[error("missing network name")]
    MissingNetworkName,
    /// A network name with other characters than letters, digits, `_`, `.`, `-`, or a bad first one.
    #[error("invalid characters found in network name {}", text::quoted(.0))]
    NetworkName(String),
    /// Network, container and interface name together make a file name that is too long.
    #[error("network name {} is too long to be stored with its container and interface", text::quoted(.0))]
    LongNetworkName(String),
    /// No interface name.
    #[error("interface name is empty")]
    MissingIfName,
    /// An interface name that the kernel refuses or rewrites.
    #[error("interface name {} {why}", text::quoted(name))]
    IfName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A plugin type that is no plain file name.
    #[error("invalid plugin name: {}", text::quoted(.0))]
    PluginType(String),
}

impl NameError {
    /// The error code of the specification.
    pub const fn code(&self) -> u32 {
        match self {
            Self::MissingContainerId => code::UNKNOWN_CONTAINER,
            Self::ContainerId(_)
            | Self::LongContainerId(_)
            | Self::MissingIfName
            | Self::IfName { .. } => code::INVALID_ENVIRONMENT,
            Self::MissingNetworkName
            | Self::NetworkName(_)
            | Self::LongNetworkName(_)
            | Self::PluginType(_) => code::INVALID_NETWORK_CONFIG,
        }
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name!(
    /// A container's id, safe as a part of a file name.
    ContainerId
);
name!(
    /// A network's name, safe as a part of a file name.
    NetworkName
);
name!(
    /// A name that the kernel takes for an interface as it is.
    IfName
);

impl ContainerId {
    /// Checks an id (B1.26).
    ///
    /// # Errors
    /// [`NameError`] with code 3 when it is empty, 4 otherwise.
    pub fn parse(id: &str) -> Result<Self, NameError> {
        if id.is_empty() {
            return Err(NameError::MissingContainerId);
        }
        if !is_plain(id) {
            return Err(NameError::ContainerId(id.to_owned()));
        }
        if id.len() > LONGEST_ID {
            return Err(NameError::LongContainerId(id.len()));
        }
        Ok(Self(id.to_owned()))
    }
}

impl NetworkName {
    /// Checks a network's name (B1.26, B4.122).
    ///
    /// # Errors
    /// [`NameError`] with code 7.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::MissingNetworkName);
        }
        if !is_plain(name) {
            return Err(NameError::NetworkName(name.to_owned()));
        }
        if name.len() > FILE_NAME {
            return Err(NameError::LongNetworkName(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }
}

impl IfName {
    /// Checks an interface's name (B1.26), also for what the kernel would expand (`%`) or keeps for itself.
    ///
    /// # Errors
    /// [`NameError`] with code 4.
    pub fn parse(name: &str) -> Result<Self, NameError> {
        let why = match name {
            "" => return Err(NameError::MissingIfName),
            "." | ".." => "is a directory",
            "all" | "default" => "is reserved by the kernel",
            _ if name.len() > LONGEST_IFNAME => "is longer than 15 bytes",
            _ if name.contains(['/', ':']) => "contains '/' or ':'",
            _ if name.contains('%') => "contains '%'",
            _ if name.chars().any(char::is_whitespace) => "contains whitespace",
            _ if name.chars().any(char::is_control) => "contains control characters",
            _ => return Ok(Self(name.to_owned())),
        };
        Err(NameError::IfName {
            name: name.to_owned(),
            why,
        })
    }
}

/// Checks a plugin's type: a file name, no path.
///
/// # Errors
/// [`NameError::PluginType`] for an empty one, `.`, `..`, and anything with a slash, a backslash or a control character.
pub fn check_plugin_type(plugin_type: &str) -> Result<(), NameError> {
    let bad = matches!(plugin_type, "" | "." | "..")
        || plugin_type.len() > FILE_NAME
        || plugin_type
            .chars()
            .any(|c| matches!(c, '/' | '\\') || c.is_control());
    if bad {
        Err(NameError::PluginType(plugin_type.to_owned()))
    } else {
        Ok(())
    }
}

/// The classic file name of a cached result: network, container and interface, joined with `-` (B4.126).
///
/// Two requests may have the same one, so readers compare the content.
///
/// # Errors
/// [`NameError::LongNetworkName`] when no file system takes it.
pub fn cache_name(
    network: &NetworkName,
    container: &ContainerId,
    ifname: &IfName,
) -> Result<String, NameError> {
    let name = format!("{network}-{container}-{ifname}");
    if name.len() > FILE_NAME {
        return Err(NameError::LongNetworkName(network.0.clone()));
    }
    Ok(name)
}

/// Letters and digits, and behind the first character also `_`, `.`, `-`.
fn is_plain(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    name.bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric())
        && name.bytes().all(inner)
}

#[cfg(test)]
mod tests;
