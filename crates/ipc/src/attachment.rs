//! One attachment of a plan, as it crosses the socket.

use std::net::IpAddr;

use cni::{ConfError, IfName, NameError, NetworkConf};
use npwg::{Bandwidth, PortMapping};
use plan::{Attachment, Outcome, Plan, PodRef, Requests, RouteChange};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::PlanReply;
use crate::words::PodWords;

/// One network, with everything that its plugins are given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentWords {
    /// The attachment's name.
    pub name: String,
    /// Its configuration, byte for byte.
    pub config: String,
    /// `CNI_IFNAME`.
    pub ifname: String,
    /// `CNI_ARGS`, in order.
    #[serde(default)]
    pub args: Vec<(String, String)>,
    /// Capability arguments.
    #[serde(default)]
    pub capability_args: Map<String, Value>,
    /// What the pod asked for.
    #[serde(default)]
    pub requests: RequestWords,
    /// What happens to default routes.
    #[serde(default)]
    pub routes: RouteWords,
}

/// What the pod asked for, beyond the network itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestWords {
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    infiniband_guid: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ips: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port_mappings: Option<Vec<PortMapping>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bandwidth: Option<Bandwidth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_route: Option<Vec<IpAddr>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_name: Option<String>,
    optional: bool,
}

/// What happens to the default routes of an interface once it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteWords {
    remove_v4: bool,
    remove_v6: bool,
    add: Vec<IpAddr>,
}

/// A plan that cannot be carried out as it came: nothing has been done then.
#[derive(Debug, Error)]
pub enum PlanWordsError {
    /// A configuration that is none.
    #[error("attachment {index} of the daemon's plan: {source}")]
    Conf {
        /// Its place.
        index: usize,
        /// What is wrong with it.
        source: ConfError,
    },
    /// An interface name that is none.
    #[error("attachment {index} of the daemon's plan: {source}")]
    IfName {
        /// Its place.
        index: usize,
        /// What is wrong with it.
        source: NameError,
    },
}

impl From<&Attachment> for AttachmentWords {
    fn from(attachment: &Attachment) -> Self {
        Self {
            name: attachment.name.clone(),
            config: String::from_utf8_lossy(attachment.conf.bytes()).into_owned(),
            ifname: attachment.ifname.to_string(),
            args: attachment.args.clone(),
            capability_args: attachment.capability_args.clone(),
            requests: RequestWords::from(&attachment.requests),
            routes: RouteWords {
                remove_v4: attachment.routes.remove_v4,
                remove_v6: attachment.routes.remove_v6,
                add: attachment.routes.add.clone(),
            },
        }
    }
}

impl AttachmentWords {
    fn attachment(self, index: usize) -> Result<Attachment, PlanWordsError> {
        Ok(Attachment {
            name: self.name,
            conf: NetworkConf::parse(self.config.as_bytes())
                .map_err(|source| PlanWordsError::Conf { index, source })?,
            ifname: IfName::parse(&self.ifname)
                .map_err(|source| PlanWordsError::IfName { index, source })?,
            args: self.args,
            capability_args: self.capability_args,
            requests: self.requests.into(),
            routes: RouteChange {
                remove_v4: self.routes.remove_v4,
                remove_v6: self.routes.remove_v6,
                add: self.routes.add,
            },
        })
    }
}

impl From<&Requests> for RequestWords {
    fn from(requests: &Requests) -> Self {
        let Requests {
            interface,
            mac,
            infiniband_guid,
            ips,
            port_mappings,
            bandwidth,
            default_route,
            device_id,
            resource_name,
            optional,
        } = requests.clone();
        Self {
            interface,
            mac,
            infiniband_guid,
            ips,
            port_mappings,
            bandwidth,
            default_route,
            device_id,
            resource_name,
            optional,
        }
    }
}

impl From<RequestWords> for Requests {
    fn from(words: RequestWords) -> Self {
        let RequestWords {
            interface,
            mac,
            infiniband_guid,
            ips,
            port_mappings,
            bandwidth,
            default_route,
            device_id,
            resource_name,
            optional,
        } = words;
        Self {
            interface,
            mac,
            infiniband_guid,
            ips,
            port_mappings,
            bandwidth,
            default_route,
            device_id,
            resource_name,
            optional,
        }
    }
}

impl From<&PodRef> for PodWords {
    fn from(pod: &PodRef) -> Self {
        let PodRef {
            namespace,
            name,
            uid,
        } = pod.clone();
        Self {
            namespace,
            name,
            uid,
        }
    }
}

impl From<PodWords> for PodRef {
    fn from(words: PodWords) -> Self {
        let PodWords {
            namespace,
            name,
            uid,
        } = words;
        Self {
            namespace,
            name,
            uid,
        }
    }
}

impl From<&Outcome> for PlanReply {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::PodUnknown => Self {
                pod_unknown: true,
                pod: None,
                attachments: Vec::new(),
                warnings: Vec::new(),
                owes_status: false,
            },
            Outcome::Attach(plan) => Self {
                pod_unknown: false,
                pod: plan.pod.as_ref().map(PodWords::from),
                attachments: plan.attachments.iter().map(AttachmentWords::from).collect(),
                warnings: plan.warnings.iter().map(ToString::to_string).collect(),
                owes_status: plan.owes_status,
            },
        }
    }
}

impl PlanReply {
    /// The plan, and the lines for the log.
    ///
    /// # Errors
    /// An attachment that no plugin could be given.
    pub fn outcome(self) -> Result<(Outcome, Vec<String>), PlanWordsError> {
        if self.pod_unknown {
            return Ok((Outcome::PodUnknown, self.warnings));
        }
        let attachments = self.attachments.into_iter().enumerate();
        let attachments = attachments
            .map(|(index, words)| words.attachment(index))
            .collect::<Result<_, _>>()?;
        let plan = Plan {
            pod: self.pod.map(PodRef::from),
            attachments,
            warnings: Vec::new(),
            owes_status: self.owes_status,
            // Whose status the daemon knows, it does not let owe one.
            earlier_status: None,
        };
        Ok((Outcome::Attach(plan), self.warnings))
    }
}

#[cfg(test)]
mod tests;
