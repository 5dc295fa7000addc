//! From the primary's configuration and the settings to our own (B6.72–B6.76).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cni::{NetworkConf, Version};
use plan::{Candidate, POD_ANNOTATIONS, Refusal};
use serde::Serialize;

use crate::settings::{Generated, NamedLogOptions, Settings};

/// The file of our configuration (B6.76).
pub const OUR_FILE: &str = "00-multus.conf";

/// The same as a list: of the thin plugin, or what another program makes of ours.
pub const OUR_LIST: &str = "00-multus.conflist";

/// The network's name, unless it is the primary's (B2.106).
const NETWORK_NAME: &str = "multus-cni-network";

/// With this version CHECK came, which a plugin of an older one cannot answer (B6.72).
const WITH_CHECK: Version = Version::V0_4_0;

/// The primary network.
#[derive(Debug, Clone, PartialEq)]
pub struct Primary {
    /// The file's name.
    pub file: String,
    /// Its path, as the generated `clusterNetwork` has it. Plans that name it are made with [`Primary::content`].
    pub path: PathBuf,
    /// The file's bytes, whole, in the version that `forceCNIVersion` demands.
    pub content: Vec<u8>,
    /// What an ADD attaches: the content with the plugins of the sub-directory.
    pub conf: NetworkConf,
}

/// Why there is nothing to keep.
#[derive(Debug, thiserror::Error)]
pub enum KeeperError {
    /// B2.102
    #[error(
        "couldn't get top level cni version: cniVersion is missing in the daemon's configuration"
    )]
    NoVersion,
    /// B2.117
    #[error("multusAutoconfigDir is missing in the daemon's configuration")]
    NoDirectory,
    /// Q43
    #[error(
        "cannot specify {name} as multusMasterCNI: that is the file which is generated from it"
    )]
    Recursive {
        /// The file.
        name: String,
    },
    /// `multusConfigFile` is a path without a file name.
    #[error("multusConfigFile names no file")]
    NoFileName,
    /// Our configuration cannot be written as JSON.
    #[error("failed to encode the configuration: {0}")]
    Encode(#[from] gojson::Error),
    /// The thread that watches cannot be started.
    #[error("failed to start watching the configuration: {0}")]
    Start(#[from] std::io::Error),
}

/// Makes our configuration.
#[derive(Debug, Clone)]
pub struct Generator {
    settings: Generated,
    directory: PathBuf,
    version: Version,
    force_version: bool,
    pod_annotations: bool,
}

/// Our configuration, in the order that upstream writes (B6.76).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    bin_dir: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    capabilities: BTreeMap<&'a str, bool>,
    cni_version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    log_file: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    log_level: &'a str,
    #[serde(skip_serializing_if = "is_off")]
    log_to_stderr: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_options: Option<&'a NamedLogOptions>,
    name: &'a str,
    cluster_network: &'a str,
    #[serde(skip_serializing_if = "is_off")]
    namespace_isolation: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    global_namespaces: &'a str,
    #[serde(rename = "type")]
    plugin_type: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cni_dir: &'a str,
    #[serde(
        rename = "auxiliaryCNIChainName",
        skip_serializing_if = "str::is_empty"
    )]
    auxiliary_chain: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    daemon_socket_dir: &'a str,
    #[serde(skip_serializing_if = "is_off")]
    override_network_name: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_off(switch: &bool) -> bool {
    !switch
}

impl Generator {
    /// With these settings.
    ///
    /// # Errors
    /// [`KeeperError`]: without version or directory nothing can be generated.
    pub fn new(settings: &Settings) -> Result<Self, KeeperError> {
        if settings.generated.cni_version.is_empty() {
            return Err(KeeperError::NoVersion);
        }
        Ok(Self {
            settings: settings.generated.clone(),
            directory: settings
                .autoconfig_dir
                .clone()
                .ok_or(KeeperError::NoDirectory)?,
            version: settings.netconf.cni_version,
            force_version: settings.force_cni_version,
            pod_annotations: settings.plain_pods_without_daemon,
        })
    }

    /// Whether a plugin of this name is Multus (row 5 of what users report: Multus that delegates to itself).
    #[must_use]
    pub fn is_ours(&self, plugin_type: &str) -> bool {
        plugin_type == self.settings.plugin_type || plan::is_multus(plugin_type)
    }

    /// The plugin that our configuration names.
    #[must_use]
    pub fn plugin_type(&self) -> &str {
        &self.settings.plugin_type
    }

    /// Reads a file as an ADD would, in the version that is demanded.
    ///
    /// # Errors
    /// It is not the primary's configuration.
    pub fn read(&self, candidate: &Candidate) -> Result<Primary, Refusal> {
        let unusable = |error: cni::ConfError| Refusal::from(error);
        let mut conf = candidate.read(&self.settings.plugin_type)?;
        self.check_version(&conf)?;
        if self.force_version {
            conf = conf.with_version(self.version.as_str()).map_err(unusable)?;
        }
        let content = conf.bytes().to_vec();
        if candidate.is_list() && !conf.load_only_inlined() {
            let chain = cni::subdir_plugins(&candidate.chain).map_err(unusable)?;
            conf.append_plugins(chain).map_err(unusable)?;
        }
        if conf.plugins().is_empty() {
            return Err(unusable(cni::ConfError::NoPlugins));
        }
        Ok(self.primary(candidate.name.clone(), content, conf))
    }

    pub(super) fn primary(&self, file: String, content: Vec<u8>, conf: NetworkConf) -> Primary {
        Primary {
            path: self.directory.join(&file),
            file,
            content,
            conf,
        }
    }

    /// The primary's file that a configuration of ours names, if it lies in our directory.
    #[must_use]
    pub fn names(&self, ours: &[u8]) -> Option<String> {
        let conf = NetworkConf::parse(ours).ok()?;
        let mut plugins = conf.plugins().iter();
        let own = plugins.find(|plugin| plugin.plugin_type() == self.settings.plugin_type)?;
        let path = Path::new(gojson::get_fold(own.raw(), "clusterNetwork")?.as_str()?);
        let name = path.strip_prefix(&self.directory).ok()?.to_str()?;
        Some(name.to_owned())
    }

    /// B6.72; where the version is forced it does not matter which one the file has (B6.74).
    fn check_version(&self, conf: &NetworkConf) -> Result<(), Refusal> {
        if self.force_version || self.version < WITH_CHECK || conf.version() >= WITH_CHECK {
            return Ok(());
        }
        Err(Refusal::Unusable(format!(
            "delegate cni version is {} while top level cni version is {}",
            conf.version(),
            self.version
        )))
    }

    /// Our configuration for this primary.
    ///
    /// # Errors
    /// [`KeeperError::Encode`].
    pub fn generate(&self, primary: &Primary) -> Result<Vec<u8>, KeeperError> {
        let settings = &self.settings;
        let path = primary.path.to_string_lossy();
        let document = Document {
            bin_dir: &settings.bin_dir,
            capabilities: self.capabilities(primary),
            cni_version: &settings.cni_version,
            log_file: &settings.log_file,
            log_level: &settings.log_level,
            log_to_stderr: settings.log_to_stderr,
            log_options: settings.log_options.as_ref(),
            name: if settings.override_network_name {
                primary.conf.name()
            } else {
                NETWORK_NAME
            },
            cluster_network: &path,
            namespace_isolation: settings.namespace_isolation,
            global_namespaces: &settings.global_namespaces,
            plugin_type: &settings.plugin_type,
            cni_dir: &settings.cni_dir,
            auxiliary_chain: &settings.auxiliary_chain,
            daemon_socket_dir: &settings.daemon_socket_dir,
            override_network_name: settings.override_network_name,
        };
        Ok(gojson::to_vec(&document)?)
    }

    /// Those of the settings, and those that a plugin of the primary has (B6.73).
    fn capabilities<'a>(&'a self, primary: &'a Primary) -> BTreeMap<&'a str, bool> {
        let named = self.settings.capabilities.iter();
        let mut capabilities: BTreeMap<&str, bool> =
            named.map(|(name, on)| (name.as_str(), *on)).collect();
        let plugins = primary.conf.plugins().iter();
        let declared = plugins.flat_map(|plugin| plugin.capabilities());
        capabilities.extend(
            declared
                .filter(|(_, on)| **on)
                .map(|(name, on)| (name.as_str(), *on)),
        );
        if self.pod_annotations {
            capabilities.insert(POD_ANNOTATIONS, true);
        }
        capabilities
    }
}

#[cfg(test)]
mod tests;
