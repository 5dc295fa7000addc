//! The plugin's own configuration: what the runtime hands it on stdin (B2).

use std::collections::BTreeMap;
use std::path::PathBuf;

use cni::{CniResult, NetworkConf, Version};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{LogOptions, PlanError, RuntimeConfig, Timeouts};

/// Multus' configuration, decoded and checked (B2.1–B2.25), defaults filled in.
#[derive(Debug, Clone)]
pub struct NetConf {
    /// `cniVersion`: what the runtime speaks, and the version of the printed result.
    pub cni_version: Version,
    /// `cniVersion` as written, possibly empty.
    pub cni_version_label: String,
    /// `name`: recorded in the ledger, so that GC knows its own.
    pub name: String,
    /// `runtimeConfig` (B2.40–B2.46).
    pub runtime_config: RuntimeConfig,
    /// `confDir`: where configurations are looked up by name (B2.7).
    pub conf_dir: PathBuf,
    /// `cniDir`: ledger and result cache (B2.8).
    pub cni_dir: PathBuf,
    /// `binDir`: first element of the plugin search path (B2.9).
    pub bin_dir: PathBuf,
    /// `delegates`: empty where `clusterNetwork` is set (B2.140).
    pub delegates: Vec<NetworkConf>,
    /// `clusterNetwork` (B2.11).
    pub cluster_network: Option<String>,
    /// `defaultNetworks` (B2.12).
    pub default_networks: Vec<String>,
    /// `kubeconfig` (B2.13).
    pub kubeconfig: Option<PathBuf>,
    /// `manifestDir`: pods and definitions come from the manifests in this directory, and no API is asked. Ours.
    pub manifest_dir: Option<PathBuf>,
    /// `logFile` (B2.14).
    pub log_file: Option<PathBuf>,
    /// `logLevel`, as written (B2.15).
    pub log_level: String,
    /// `logToStderr` (B2.16).
    pub log_to_stderr: bool,
    /// `logOptions` (B2.17).
    pub log_options: LogOptions,
    /// `readinessindicatorfile` (B2.18).
    pub readiness_indicator_file: Option<PathBuf>,
    /// `namespaceIsolation` (B2.19).
    pub namespace_isolation: bool,
    /// `globalNamespaces`: whose definitions every pod may use under isolation (B2.20).
    pub global_namespaces: Vec<String>,
    /// `systemNamespaces`: whose pods get no `defaultNetworks` (B2.21).
    pub system_namespaces: Vec<String>,
    /// `multusNamespace` (B2.22).
    pub multus_namespace: String,
    /// `retryDeleteOnError` (B2.23).
    pub retry_delete_on_error: bool,
    /// `auxiliaryCNIChainName` (B2.24).
    pub auxiliary_chain: Option<String>,
    /// `optionalNetworks`: pods start without those of their networks that fail, but for the default network. Ours.
    pub optional_networks: bool,
    /// `timeouts`. Ours.
    pub timeouts: Timeouts,
}

/// The document as it is written. Keys match in any case and `null` leaves the default (B0.1, B0.2).
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    cni_version: String,
    name: String,
    #[serde(rename = "type")]
    _type: String,
    #[serde(rename = "capabilities")]
    _capabilities: BTreeMap<String, bool>,
    #[serde(rename = "ipam")]
    _ipam: Map<String, Value>,
    #[serde(rename = "dns")]
    _dns: Map<String, Value>,
    runtime_config: RuntimeConfig,
    prev_result: Option<Value>,
    conf_dir: String,
    cni_dir: String,
    bin_dir: String,
    delegates: Vec<Map<String, Value>>,
    cluster_network: String,
    default_networks: Vec<String>,
    kubeconfig: String,
    manifest_dir: String,
    log_file: String,
    log_level: String,
    log_to_stderr: Option<bool>,
    log_options: LogOptions,
    #[serde(rename = "readinessindicatorfile")]
    readiness_indicator_file: String,
    namespace_isolation: bool,
    global_namespaces: String,
    system_namespaces: Vec<String>,
    multus_namespace: String,
    retry_delete_on_error: bool,
    #[serde(rename = "auxiliaryCNIChainName")]
    auxiliary_chain_name: String,
    optional_networks: bool,
    timeouts: Timeouts,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            cni_version: String::new(),
            name: String::new(),
            _type: String::new(),
            _capabilities: BTreeMap::new(),
            _ipam: Map::new(),
            _dns: Map::new(),
            runtime_config: RuntimeConfig::default(),
            prev_result: None,
            conf_dir: "/etc/cni/multus/net.d".to_owned(),
            cni_dir: "/var/lib/cni/multus".to_owned(),
            bin_dir: "/opt/cni/bin".to_owned(),
            delegates: Vec::new(),
            cluster_network: String::new(),
            default_networks: Vec::new(),
            kubeconfig: String::new(),
            manifest_dir: String::new(),
            log_file: String::new(),
            log_level: String::new(),
            log_to_stderr: None,
            log_options: LogOptions::default(),
            readiness_indicator_file: String::new(),
            namespace_isolation: false,
            global_namespaces: String::new(),
            system_namespaces: vec!["kube-system".to_owned()],
            multus_namespace: "kube-system".to_owned(),
            retry_delete_on_error: false,
            auxiliary_chain_name: String::new(),
            optional_networks: false,
            timeouts: Timeouts::default(),
        }
    }
}

impl NetConf {
    /// Decodes and checks a configuration (B2.30).
    ///
    /// # Errors
    /// A value of the wrong type, with its key; a delegate that is no CNI configuration; neither `delegates` nor
    /// `clusterNetwork`; both `kubeconfig` and `manifestDir`.
    pub fn parse(bytes: &[u8]) -> Result<Self, PlanError> {
        let (mut document, cni_version) = Document::read(bytes)?;
        let has_cluster_network = !document.cluster_network.is_empty();
        if !has_cluster_network && document.delegates.is_empty() {
            return Err(PlanError::NoDelegates);
        }
        if !document.kubeconfig.is_empty() && !document.manifest_dir.is_empty() {
            return Err(PlanError::TwoCatalogs);
        }
        // B2.140: the inline delegates do not matter where a cluster network is named, not even broken ones.
        let delegates = if has_cluster_network {
            Vec::new()
        } else {
            parse_delegates(std::mem::take(&mut document.delegates))?
        };
        Ok(document.into_conf(cni_version, delegates))
    }

    /// Decodes the part of a configuration that concerns a plugin whose plans come from a daemon: the daemon completes and
    /// checks the rest. It logs to stderr only where it is told to (B2.130), and paths of the API and of the readiness file are
    /// the daemon's.
    ///
    /// # Errors
    /// A value of the wrong type, with its key; a `cniDir` that is not absolute.
    pub fn parse_for_shim(bytes: &[u8]) -> Result<Self, PlanError> {
        let (document, cni_version) = Document::read(bytes)?;
        Ok(Self {
            log_to_stderr: document.log_to_stderr.unwrap_or(false),
            kubeconfig: None,
            manifest_dir: None,
            readiness_indicator_file: None,
            ..document.into_conf(cni_version, Vec::new())
        })
    }
}

impl Document {
    fn read(bytes: &[u8]) -> Result<(Self, Version), PlanError> {
        let document: Self = gojson::from_slice(bytes).map_err(PlanError::NetConf)?;
        let cni_version =
            Version::parse(&document.cni_version).map_err(|_| PlanError::NetConfVersion {
                version: document.cni_version.clone(),
            })?;
        if let Some(previous) = &document.prev_result {
            CniResult::from_value(previous.clone(), cni_version).map_err(PlanError::PrevResult)?;
        }
        // What ADD leaves there, DEL has to find again.
        if !document.cni_dir.starts_with('/') {
            return Err(PlanError::RelativePath { key: "cniDir" });
        }
        Ok((document, cni_version))
    }

    fn into_conf(self, cni_version: Version, delegates: Vec<NetworkConf>) -> NetConf {
        NetConf {
            cni_version,
            cni_version_label: self.cni_version,
            name: self.name,
            runtime_config: self.runtime_config,
            conf_dir: self.conf_dir.into(),
            cni_dir: self.cni_dir.into(),
            bin_dir: self.bin_dir.into(),
            delegates,
            cluster_network: some(self.cluster_network),
            default_networks: self.default_networks,
            kubeconfig: path(self.kubeconfig),
            manifest_dir: path(self.manifest_dir),
            log_file: path(self.log_file),
            log_level: self.log_level,
            log_to_stderr: self.log_to_stderr.unwrap_or(true),
            log_options: self.log_options,
            readiness_indicator_file: path(self.readiness_indicator_file),
            namespace_isolation: self.namespace_isolation,
            global_namespaces: global_namespaces(&self.global_namespaces),
            system_namespaces: self.system_namespaces,
            multus_namespace: self.multus_namespace,
            retry_delete_on_error: self.retry_delete_on_error,
            auxiliary_chain: some(self.auxiliary_chain_name),
            optional_networks: self.optional_networks,
            timeouts: self.timeouts,
        }
    }
}

fn parse_delegates(delegates: Vec<Map<String, Value>>) -> Result<Vec<NetworkConf>, PlanError> {
    delegates
        .into_iter()
        .enumerate()
        .map(|(index, delegate)| {
            let text = gojson::to_vec(&delegate).map_err(PlanError::NetConf)?;
            NetworkConf::parse(&text).map_err(|source| PlanError::Delegate { index, source })
        })
        .collect()
}

/// B2.20: a comma list, trimmed; naming any replaces the implicit `default`.
fn global_namespaces(list: &str) -> Vec<String> {
    if list.is_empty() {
        return vec!["default".to_owned()];
    }
    list.split(',')
        .map(|namespace| namespace.trim().to_owned())
        .collect()
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn path(text: String) -> Option<PathBuf> {
    some(text).map(PathBuf::from)
}

#[cfg(test)]
mod tests;
