//! The result cache: what an ADD made, for the DEL and CHECK that follow (B4.126).

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::result::ResultError;
use crate::{CniResult, Version};

/// The kind that such a file names.
const KIND: &str = "cniCacheV1";

/// A flat store of small files. Writes are atomic, reads are bounded and follow no links.
pub trait CacheStore {
    /// Stores `bytes` under `name`, replacing what is there.
    ///
    /// # Errors
    /// When nothing was stored.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// What is stored under `name`.
    ///
    /// # Errors
    /// When something is there and cannot be read.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Removes what is stored under `name`; nothing being there is success.
    ///
    /// # Errors
    /// When it is still there.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// All names.
    ///
    /// # Errors
    /// When the store cannot be listed; one that does not exist yet is empty.
    fn list(&self) -> io::Result<Vec<String>>;
}

/// One attachment as it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheEntry {
    /// The container.
    pub container_id: String,
    /// The text of the network's configuration.
    pub config: Vec<u8>,
    /// The interface.
    pub if_name: String,
    /// The network.
    pub network_name: String,
    /// The network namespace.
    pub netns: String,
    /// `CNI_ARGS`.
    pub cni_args: Vec<(String, String)>,
    /// Capability arguments.
    pub capability_args: Map<String, Value>,
    /// The final result.
    pub result: Option<CniResult>,
}

/// A file that is no cache entry.
#[derive(Debug, Error)]
pub enum CacheError {
    /// It could not be read.
    #[error("failed to read: {0}")]
    Read(#[from] io::Error),
    /// It is empty, cut off or otherwise no JSON of that shape.
    #[error("failed to decode: {0}")]
    Decode(gojson::Error),
    /// Its `config` is no base64.
    #[error("failed to decode: config is not base64")]
    Config,
    /// It is of another kind and no bare result either.
    #[error("unknown kind of file")]
    Kind,
    /// Its result cannot be used.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// It could not be written as JSON.
    #[error("failed to encode: {0}")]
    Encode(gojson::Error),
}

#[derive(Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct File {
    kind: String,
    container_id: String,
    config: String,
    if_name: String,
    network_name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    netns: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cni_args: Vec<(String, String)>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    capability_args: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
}

impl CacheEntry {
    /// The file's content; the result stays in its own version.
    ///
    /// # Errors
    /// [`CacheError`] when the result has no form in JSON.
    pub fn encode(&self) -> Result<Vec<u8>, CacheError> {
        let result = self
            .result
            .as_ref()
            .map(|result| result.to_value(result.version))
            .transpose()?;
        let file = File {
            kind: KIND.to_owned(),
            container_id: self.container_id.clone(),
            config: STANDARD.encode(&self.config),
            if_name: self.if_name.clone(),
            network_name: self.network_name.clone(),
            netns: self.netns.clone(),
            cni_args: self.cni_args.clone(),
            capability_args: self.capability_args.clone(),
            result,
        };
        gojson::to_vec(&file).map_err(CacheError::Encode)
    }

    /// Reads a file's content.
    ///
    /// # Errors
    /// [`CacheError`] for anything but a whole entry.
    pub fn parse(bytes: &[u8]) -> Result<Self, CacheError> {
        let (mut entry, result) = Self::parse_identity(bytes)?;
        entry.result = result.map(labelled).transpose()?;
        Ok(entry)
    }

    /// As [`CacheEntry::parse`], without looking at the result: whose attachment it is matters even then.
    pub(crate) fn parse_identity(bytes: &[u8]) -> Result<(Self, Option<Value>), CacheError> {
        let file: File = gojson::from_slice(bytes).map_err(CacheError::Decode)?;
        if file.kind != KIND {
            return Err(CacheError::Kind);
        }
        let entry = Self {
            container_id: file.container_id,
            config: STANDARD
                .decode(&file.config)
                .map_err(|_| CacheError::Config)?,
            if_name: file.if_name,
            network_name: file.network_name,
            netns: file.netns,
            cni_args: file.cni_args,
            capability_args: file.capability_args,
            result: None,
        };
        Ok((entry, file.result))
    }

    /// Whether it belongs to this attachment; file names are ambiguous (#56).
    pub fn is_of(&self, network: &str, container: &str, ifname: &str) -> bool {
        self.network_name == network && self.container_id == container && self.if_name == ifname
    }
}

/// The stored result of an attachment. Nothing stored and an entry of somebody else count as none (#101); a file of the
/// time before entries is a bare result (#103).
pub(crate) fn stored_result(
    bytes: &[u8],
    network: &str,
    container: &str,
    ifname: &str,
) -> Result<Option<CniResult>, CacheError> {
    match CacheEntry::parse(bytes) {
        Ok(entry) if entry.is_of(network, container, ifname) => Ok(entry.result),
        Ok(_) => Ok(None),
        Err(CacheError::Kind) => {
            let value: Value = gojson::from_slice(bytes).map_err(CacheError::Decode)?;
            let is_labelled = value
                .as_object()
                .is_some_and(|map| gojson::get_fold(map, "cniVersion").is_some());
            if is_labelled {
                Ok(Some(labelled(value)?))
            } else {
                Err(CacheError::Kind)
            }
        }
        Err(error) => Err(error),
    }
}

fn labelled(value: Value) -> Result<CniResult, ResultError> {
    CniResult::from_value(value, Version::V0_1_0)
}

#[cfg(test)]
mod tests;
