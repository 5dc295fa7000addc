//! Configuration files by network name, over a listing: reading the directory is somebody else's.

use serde_json::Value;
use thiserror::Error;

use super::{ConfError, NetworkConf, PluginConf};
use crate::{code, text};

/// A file of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirFile {
    /// Its name, without the directory.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The first configuration that fits.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The file's name.
    pub file: String,
    /// What it holds; a list without the plugins of its sub-directory.
    pub conf: NetworkConf,
    /// Other files that were passed over, with the reason, for a warning.
    pub skipped: Vec<String>,
}

/// No configuration fits.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LookupError {
    /// There is no configuration file at all.
    #[error("no network configuration files found")]
    NoConfigs,
    /// No file holds a network of that name.
    #[error("no network configuration {}{}", named(name.as_deref()), also(skipped))]
    NotFound {
        /// The name, if one was asked for.
        name: Option<String>,
        /// Files that may have been meant, with what is wrong with them.
        skipped: Vec<String>,
    },
    /// The wanted file is broken.
    #[error("in {file}: {source}")]
    Broken {
        /// The file's name.
        file: String,
        /// What is wrong with it.
        source: ConfError,
    },
}

impl LookupError {
    /// The error code of the specification.
    pub fn code(&self) -> u32 {
        match self {
            Self::Broken { source, .. } => source.code(),
            Self::NoConfigs | Self::NotFound { .. } => code::INVALID_NETWORK_CONFIG,
        }
    }
}

/// Whether a file of this name may hold a configuration: `.conf`, `.json`, `.conflist`, in lower case; hidden files too.
pub fn is_config_file(name: &str) -> bool {
    matches!(extension(name), "conf" | "json" | "conflist")
}

/// Finds a network by its name, or the first one when `name` is `None`, in lexical order of file names (B5.75–B5.78).
///
/// A broken file that is not the wanted one does not stand in the way (#2); of two files with the same name the first
/// wins (#14). Both are noted in [`Found::skipped`].
///
/// # Errors
/// [`LookupError`].
pub fn find_by_name(files: &[DirFile], name: Option<&str>) -> Result<Found, LookupError> {
    let mut candidates: Vec<&DirFile> = files
        .iter()
        .filter(|file| is_config_file(&file.name))
        .collect();
    if candidates.is_empty() {
        return Err(LookupError::NoConfigs);
    }
    candidates.sort_by(|a, b| a.name.cmp(&b.name));
    let name = name.filter(|name| !name.is_empty());
    let (mut found, mut skipped) = (None, Vec::new());
    for file in candidates {
        match (load(file), name) {
            (Ok(conf), None) if found.is_none() => found = Some((file, conf)),
            (Ok(_), None) => {}
            (Ok(conf), Some(wanted)) if conf.name() == wanted => match &found {
                None => found = Some((file, conf)),
                Some((first, _)) => {
                    skipped.push(format!("{}: same network as in {}", file.name, first.name))
                }
            },
            (Ok(_), Some(_)) => {}
            (Err(source), Some(wanted)) if found.is_none() && says_name(file, wanted) => {
                return Err(LookupError::Broken {
                    file: file.name.clone(),
                    source,
                });
            }
            (Err(error), _) => skipped.push(format!("{}: {error}", file.name)),
        }
    }
    match found {
        Some((file, conf)) => Ok(Found {
            file: file.name.clone(),
            conf,
            skipped,
        }),
        None => Err(LookupError::NotFound {
            name: name.map(str::to_owned),
            skipped,
        }),
    }
}

/// The plugins in a list's sub-directory: every `.conf` file, in lexical order (#19).
///
/// # Errors
/// [`ConfError::File`] for the first bad one.
pub fn subdir_plugins(files: &[DirFile]) -> Result<Vec<PluginConf>, ConfError> {
    let mut files: Vec<&DirFile> = files
        .iter()
        .filter(|file| extension(&file.name) == "conf")
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let parse = |file: &DirFile| {
        let in_file = |source| ConfError::File {
            file: file.name.clone(),
            source: Box::new(source),
        };
        PluginConf::parse(&file.bytes).map_err(in_file)
    };
    files.into_iter().map(parse).collect()
}

/// A network of a file needs a name (#5).
fn load(file: &DirFile) -> Result<NetworkConf, ConfError> {
    let conf = if extension(&file.name) == "conflist" {
        NetworkConf::parse_list(&file.bytes)?
    } else {
        NetworkConf::parse_single(&file.bytes)?
    };
    if conf.name().is_empty() {
        return Err(crate::NameError::MissingNetworkName.into());
    }
    Ok(conf)
}

/// Whether a broken file is the wanted one.
fn says_name(file: &DirFile, wanted: &str) -> bool {
    let value: Option<Value> = gojson::from_slice(&file.bytes).ok();
    let name = value
        .as_ref()
        .and_then(Value::as_object)
        .and_then(|map| gojson::get_fold(map, "name"));
    name.and_then(Value::as_str) == Some(wanted)
}

/// What stands behind the last dot; `.conf` alone has it too.
fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

fn named(name: Option<&str>) -> String {
    name.map_or_else(
        || "found".to_owned(),
        |name| format!("named {} found", text::quoted(name)),
    )
}

fn also(skipped: &[String]) -> String {
    if skipped.is_empty() {
        String::new()
    } else {
        format!("; passed over: {}", skipped.join(", "))
    }
}
