//! `daemon-config.json`, decoded (B2.80–B2.118).
//!
//! The file is three things at once: the daemon's own settings, the settings of the configuration that it generates, and
//! what is laid over the configuration of every request ([`crate::overlay`]). All three are checked when it is read, so that
//! a value of the wrong type stops the daemon at its start and not every pod afterwards.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plan::{LogOptions, NetConf, PlanError};
use plugin::Site;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The daemon's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `chrootDir`: where the delegates of `/cni` and `/delegate` run (B2.80).
    pub chroot_dir: Option<PathBuf>,
    /// `socketDir`: the socket is `multus.sock` in it (B2.81).
    pub socket_dir: PathBuf,
    /// `logFile` (B2.82).
    pub log_file: Option<PathBuf>,
    /// `logLevel`, as written (B2.82).
    pub log_level: String,
    /// `logToStderr` of the daemon itself: off unless it is on (B2.83, Q41).
    pub log_to_stderr: bool,
    /// `logOptions`, defaults filled in.
    pub log_options: LogOptions,
    /// `perNodeCertificate`, where it is enabled (B2.84).
    pub per_node_certificate: Option<PerNodeCertificate>,
    /// `connectionLimit`: how many attachments may be under way (B2.85).
    pub connection_limit: Option<usize>,
    /// `metricsPort` (B2.86).
    pub metrics_port: Option<u16>,
    /// `enablePprof` (B2.87).
    pub enable_pprof: bool,
    /// `readinessindicatorfile` (B2.110).
    pub readiness_indicator_file: Option<PathBuf>,
    /// `cniConfigDir`: where our configuration is written (B2.114).
    pub cni_config_dir: PathBuf,
    /// `multusConfigFile`: whether our configuration is generated or copied (B2.115).
    pub config_file: ConfigFile,
    /// `multusAutoconfigDir`: where the primary's configuration lies (B2.117).
    pub autoconfig_dir: Option<PathBuf>,
    /// `multusMasterCNI`: the primary's file in it (B2.116).
    pub master_file: Option<PathBuf>,
    /// `forceCNIVersion` (B2.118).
    pub force_cni_version: bool,
    /// What goes into the generated configuration.
    pub generated: Generated,
    /// `plainPodsWithoutDaemon`: whether a pod without networks of its own may start while no daemon answers. Ours.
    pub plain_pods_without_daemon: bool,
    /// The file as a plugin's configuration over nothing, defaults filled in: directories, timeouts, and all that
    /// `/delegate` uses (B6.43). Its `clusterNetwork` stands for whatever a request has.
    pub netconf: NetConf,
    /// The document itself, for the overlay.
    pub document: Map<String, Value>,
}

/// Where our configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigFile {
    /// It is generated.
    Auto,
    /// It is this file's copy.
    Copy(PathBuf),
}

/// Client certificates of the node (B2.84).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PerNodeCertificate {
    /// `bootstrapKubeconfig`.
    pub bootstrap_kubeconfig: PathBuf,
    /// `certDir`.
    pub cert_dir: PathBuf,
    /// `certDuration`.
    pub duration: Duration,
}

/// What goes into the generated configuration as it is (B2.100–B2.113).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Generated {
    /// `binDir`.
    pub bin_dir: String,
    /// `capabilities`.
    pub capabilities: BTreeMap<String, bool>,
    /// `cniVersion`, empty where it is missing.
    pub cni_version: String,
    /// `logFile`.
    pub log_file: String,
    /// `logLevel`.
    pub log_level: String,
    /// `logToStderr`.
    pub log_to_stderr: bool,
    /// `logOptions`, what is named of them.
    pub log_options: Option<NamedLogOptions>,
    /// `namespaceIsolation`.
    pub namespace_isolation: bool,
    /// `globalNamespaces`.
    pub global_namespaces: String,
    /// `type`.
    pub plugin_type: String,
    /// `cniDir`.
    pub cni_dir: String,
    /// `auxiliaryCNIChainName`.
    pub auxiliary_chain: String,
    /// `daemonSocketDir`.
    pub daemon_socket_dir: String,
    /// `overrideNetworkName`.
    pub override_network_name: bool,
}

/// `logOptions` without defaults.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct NamedLogOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_size: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_backups: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compress: Option<bool>,
}

/// Why a file is no configuration of the daemon; whoever read it knows its path.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No JSON, or a value of the wrong type.
    #[error(transparent)]
    Decode(#[from] gojson::Error),
    /// A key that requests take over has a value that no request could use.
    #[error("no request could use it: {0}")]
    Requests(#[source] PlanError),
    /// B2.85
    #[error("connection limit must be greater than 0, got {0}")]
    ConnectionLimit(i64),
    /// A duration that is none.
    #[error("{key}: expected a duration such as \"24h\" or \"10m\"")]
    Duration {
        /// The key.
        key: &'static str,
    },
    /// A file that is named without a name.
    #[error("{key} names no file")]
    NoFileName {
        /// The key.
        key: &'static str,
    },
}

/// The document as it is written. Keys match in any case and `null` leaves the default (B0.1, B0.2).
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    chroot_dir: String,
    socket_dir: String,
    log_file: String,
    log_level: String,
    log_to_stderr: bool,
    log_options: Option<NamedLogOptions>,
    per_node_certificate: Certificate,
    connection_limit: Option<i64>,
    metrics_port: Option<u16>,
    enable_pprof: bool,
    bin_dir: String,
    capabilities: BTreeMap<String, bool>,
    cni_version: String,
    namespace_isolation: bool,
    global_namespaces: String,
    #[serde(rename = "readinessindicatorfile")]
    readiness_indicator_file: String,
    #[serde(rename = "type")]
    plugin_type: String,
    cni_dir: String,
    #[serde(rename = "auxiliaryCNIChainName")]
    auxiliary_chain: String,
    daemon_socket_dir: String,
    override_network_name: bool,
    cni_config_dir: String,
    multus_config_file: String,
    #[serde(rename = "multusMasterCNI")]
    multus_master_cni: String,
    multus_autoconfig_dir: String,
    #[serde(rename = "forceCNIVersion")]
    force_cni_version: bool,
    plain_pods_without_daemon: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Certificate {
    enabled: bool,
    bootstrap_kubeconfig: String,
    cert_dir: String,
    cert_duration: String,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            chroot_dir: String::new(),
            socket_dir: "/run/multus/".to_owned(),
            log_file: String::new(),
            log_level: String::new(),
            log_to_stderr: false,
            log_options: None,
            per_node_certificate: Certificate::default(),
            connection_limit: None,
            metrics_port: None,
            enable_pprof: false,
            bin_dir: String::new(),
            capabilities: BTreeMap::new(),
            cni_version: String::new(),
            namespace_isolation: false,
            global_namespaces: String::new(),
            readiness_indicator_file: String::new(),
            plugin_type: "multus-shim".to_owned(),
            cni_dir: String::new(),
            auxiliary_chain: String::new(),
            daemon_socket_dir: String::new(),
            override_network_name: false,
            cni_config_dir: "/etc/cni/net.d".to_owned(),
            multus_config_file: "auto".to_owned(),
            multus_master_cni: String::new(),
            multus_autoconfig_dir: String::new(),
            force_cni_version: false,
            plain_pods_without_daemon: false,
        }
    }
}

/// Stands for the network that a request names.
const ANY_NETWORK: &str = "primary";

/// B2.84
const CERTIFICATE_DURATION: Duration = Duration::from_secs(600);

impl Settings {
    /// Decodes and checks the file.
    ///
    /// # Errors
    /// A value of the wrong type, with its key's path; a value that no request could use; a limit that lets nobody in.
    pub fn parse(bytes: &[u8]) -> Result<Self, SettingsError> {
        let document: Map<String, Value> = gojson::from_slice(bytes)?;
        let read: Document = gojson::from_value(Value::Object(document.clone()))?;
        let netconf = netconf(&document)?;
        let (autoconfig_dir, master_file) = master(&read)?;
        Ok(Self {
            chroot_dir: path(&read.chroot_dir),
            socket_dir: read.socket_dir.into(),
            log_file: path(&read.log_file),
            log_level: read.log_level.clone(),
            log_to_stderr: read.log_to_stderr,
            log_options: netconf.log_options,
            per_node_certificate: read.per_node_certificate.checked()?,
            connection_limit: read.connection_limit.map(limit).transpose()?,
            metrics_port: read.metrics_port,
            enable_pprof: read.enable_pprof,
            readiness_indicator_file: path(&read.readiness_indicator_file),
            cni_config_dir: read.cni_config_dir.into(),
            config_file: match read.multus_config_file.as_str() {
                "auto" | "" => ConfigFile::Auto,
                file => ConfigFile::Copy(file.into()),
            },
            autoconfig_dir,
            master_file,
            force_cni_version: read.force_cni_version,
            generated: Generated {
                bin_dir: read.bin_dir,
                capabilities: read.capabilities,
                cni_version: read.cni_version,
                log_file: read.log_file,
                log_level: read.log_level,
                log_to_stderr: read.log_to_stderr,
                log_options: read.log_options,
                namespace_isolation: read.namespace_isolation,
                global_namespaces: read.global_namespaces,
                plugin_type: read.plugin_type,
                cni_dir: read.cni_dir,
                auxiliary_chain: read.auxiliary_chain,
                daemon_socket_dir: read.daemon_socket_dir,
                override_network_name: read.override_network_name,
            },
            plain_pods_without_daemon: read.plain_pods_without_daemon,
            netconf,
            document,
        })
    }

    /// Whether our configuration is generated, so that requests don't wait for the readiness file themselves (B2.144, B6.41).
    #[must_use]
    pub fn is_auto(&self) -> bool {
        self.config_file == ConfigFile::Auto
    }

    /// Whether the daemon looks for ledgers in this directory: a status that is owed elsewhere is found by nobody.
    #[must_use]
    pub fn keeps_ledgers_in(&self, directory: &Path) -> bool {
        self.netconf.cni_dir == directory
    }

    /// Where the daemon's own plugins run.
    #[must_use]
    pub fn site(&self) -> Site {
        Site::Daemon {
            root: self.chroot_dir.clone(),
        }
    }

    /// Whether `timeouts` has an `api` that counts for requests too.
    #[must_use]
    pub fn sets_api_timeout(&self) -> bool {
        let timeouts = gojson::get_fold(&self.document, "timeouts").and_then(Value::as_object);
        timeouts.is_some_and(|timeouts| gojson::get_fold(timeouts, "api").is_some())
    }

    /// Whether a pod whose annotations name no network gets the primary and no other network.
    #[must_use]
    pub fn plain_pods_get_the_primary_alone(&self) -> bool {
        let names_network = ["clusterNetwork", "delegates"]
            .iter()
            .any(|key| gojson::get_fold(&self.document, key).is_some());
        !names_network
            && self.netconf.default_networks.is_empty()
            && self.netconf.auxiliary_chain.is_none()
    }
}

impl Certificate {
    fn checked(self) -> Result<Option<PerNodeCertificate>, SettingsError> {
        let duration = match self.cert_duration.as_str() {
            "" => CERTIFICATE_DURATION,
            text => plan::go_duration(text).ok_or(SettingsError::Duration {
                key: "perNodeCertificate.certDuration",
            })?,
        };
        if !self.enabled {
            return Ok(None);
        }
        let needed = |text: &str, key| path(text).ok_or(SettingsError::NoFileName { key });
        Ok(Some(PerNodeCertificate {
            bootstrap_kubeconfig: needed(
                &self.bootstrap_kubeconfig,
                "perNodeCertificate.bootstrapKubeconfig",
            )?,
            cert_dir: needed(&self.cert_dir, "perNodeCertificate.certDir")?,
            duration,
        }))
    }
}

/// What requests would take over, checked as a request's configuration is (B2.119).
fn netconf(document: &Map<String, Value>) -> Result<NetConf, SettingsError> {
    let mut document = document.clone();
    document.retain(|key, _| !key.eq_ignore_ascii_case("clusterNetwork"));
    document.insert("clusterNetwork".to_owned(), ANY_NETWORK.into());
    let bytes = gojson::to_vec(&document)?;
    NetConf::parse(&bytes).map_err(SettingsError::Requests)
}

/// The directory and the name of the primary's file: `multusMasterCNI` may lead into a sub-directory (B2.116).
fn master(read: &Document) -> Result<(Option<PathBuf>, Option<PathBuf>), SettingsError> {
    let directory = path(&read.multus_autoconfig_dir);
    let Some(master) = path(read.multus_master_cni.trim_start_matches('/')) else {
        return Ok((directory, None));
    };
    let no_name = SettingsError::NoFileName {
        key: "multusMasterCNI",
    };
    let name = PathBuf::from(master.file_name().ok_or(no_name)?);
    let below = master.parent().unwrap_or_else(|| Path::new(""));
    let directory = match directory {
        Some(directory) if !below.as_os_str().is_empty() => Some(directory.join(below)),
        other => other,
    };
    Ok((directory, Some(name)))
}

fn limit(limit: i64) -> Result<usize, SettingsError> {
    usize::try_from(limit)
        .ok()
        .filter(|limit| *limit > 0)
        .ok_or(SettingsError::ConnectionLimit(limit))
}

fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests;
