//! Our own words, below `/v1/`.

use std::time::Duration;

use cni::Verb;
use npwg::{NetworkStatus, StatusError};
use plan::PodRef;
use serde::{Deserialize, Serialize};

use crate::attachment::AttachmentWords;

/// Where each is posted.
pub mod path {
    /// [`super::PlanRequest`] → [`super::PlanReply`]. The connection counts as an attachment in flight as long as it is open.
    pub const PLAN: &str = "/v1/plan";
    /// [`super::Commit`] → nothing, when the status is written or will be.
    pub const COMMIT: &str = "/v1/commit";
    /// [`super::Failed`] → nothing.
    pub const FAILED: &str = "/v1/failed";
    /// [`super::Detached`] → nothing.
    pub const DETACHED: &str = "/v1/detached";
    /// [`super::StatusRequest`] → [`super::StatusReply`].
    pub const STATUS: &str = "/v1/status";
}

/// What the runtime asked of the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanRequest {
    /// `CNI_CONTAINERID`.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_NETNS`.
    pub netns: String,
    /// `CNI_ARGS`, as it came.
    pub args: String,
    /// The plugin's configuration, as it came: the daemon's own lies over it (B6.40).
    pub config: String,
    /// How many milliseconds until it has to be answered: it may wait so long for a place among the attachments under way, and for
    /// what its plan is made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
}

/// How the container is to be attached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReply {
    /// The API does not know the pod: nothing is attached (B4.24).
    #[serde(default, skip_serializing_if = "is_false")]
    pub pod_unknown: bool,
    /// The pod, where status and events go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodWords>,
    /// The attachments, in order; the first is the default network.
    #[serde(default)]
    pub attachments: Vec<AttachmentWords>,
    /// Lines for the log; the daemon tells the pod.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The status may be written behind: the plugin puts it into the ledger before it commits.
    #[serde(default, skip_serializing_if = "is_false")]
    pub owes_status: bool,
}

/// Whose sandbox it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodWords {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// One run of an attachment's plugins, for metrics. A daemon of an earlier release passes over them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The CNI verb.
    pub verb: String,
    /// The attachment's name.
    pub network: String,
    /// The first of its plugins.
    pub plugin: String,
    /// Microseconds that it took.
    pub micros: u64,
    /// It did not succeed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub failed: bool,
}

impl Run {
    /// A run of so long.
    #[must_use]
    pub fn new(verb: Verb, network: String, plugin: String, time: Duration, failed: bool) -> Self {
        Self {
            verb: verb.as_str().to_owned(),
            network,
            plugin,
            micros: u64::try_from(time.as_micros()).unwrap_or(u64::MAX),
            failed,
        }
    }
}

/// Everything is attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// The pod.
    pub pod: PodWords,
    /// The container.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// The text of the annotation `network-status`; empty where there is nothing to write.
    pub network_status: String,
    /// What was attached, for the events (B7.20).
    #[serde(default)]
    pub added: Vec<Added>,
    /// Optional attachments that failed, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// The status stands in the ledger, and may be written behind.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_status_owed: bool,
    /// How many milliseconds the plugin gives to the API, by its own configuration.
    #[serde(default)]
    pub patience: Option<u64>,
    /// How many milliseconds are left of its ADD.
    #[serde(rename = "left", default)]
    pub time_left: Option<u64>,
    /// What plugins did since the last words about this container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
}

impl Commit {
    /// What became of a pod: its network status, the interfaces that it got, each with addresses and network, and the optional
    /// networks that it did not get.
    ///
    /// # Errors
    /// None that is known: a status can be written as text.
    pub fn of(
        pod: &PodRef,
        container_id: String,
        statuses: &[NetworkStatus],
        interfaces: &[(String, Vec<String>, String)],
        failed: Vec<String>,
    ) -> Result<Self, StatusError> {
        let network_status = match statuses.is_empty() && failed.is_empty() {
            true => String::new(),
            false => npwg::status::render(statuses)?,
        };
        let added = interfaces.iter();
        Ok(Self {
            pod: PodWords::from(pod),
            container_id,
            network_status,
            added: added
                .map(|(ifname, addresses, network)| Added {
                    ifname: ifname.clone(),
                    addresses: addresses.clone(),
                    network: network.clone(),
                })
                .collect(),
            failed,
            is_status_owed: false,
            patience: None,
            time_left: None,
            runs: Vec::new(),
        })
    }
}

/// One interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Added {
    /// Its name.
    pub ifname: String,
    /// Its addresses, with prefix length.
    pub addresses: Vec<String>,
    /// The attachment's name.
    pub network: String,
}

/// The plan could not be carried out; what had been attached is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// The pod.
    pub pod: PodWords,
    /// The container.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// Why.
    pub reason: String,
    /// What plugins did since the last words about this container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
}

/// A container is detached, or as far as it went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detached {
    /// The container.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// What could not be undone: it stands in the ledger, and is tried again.
    #[serde(rename = "left", default, skip_serializing_if = "Vec::is_empty")]
    pub rest: Vec<String>,
    /// What plugins did since the last words about this container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Run>,
}

/// Whether pods could be attached by a configuration now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusRequest {
    /// The plugin's configuration, as it came.
    pub config: String,
}

/// They could.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReply {
    /// The default network's configuration, where it is known without the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_network: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests;
