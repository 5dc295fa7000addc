//! The ledger's text.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cni::{ConfError, ContainerId, IfName, NameError, NetworkConf};
use plan::{Attachment, PodArgs, PodRef, Requests, RouteChange, RuntimeConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Container, Ledger, OwedStatus, Phase, Remembered, kept};

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Something else lies in its place: a link, a directory, somebody else's file.
    #[error("ledger: {0}")]
    Foreign(std::io::Error),
    /// It is not a JSON array of attachments.
    #[error("ledger: {0}")]
    Json(gojson::Error),
    /// It is a JSON array of nothing.
    #[error("ledger: no attachments")]
    Empty,
    /// An element's `Bytes` are not base64.
    #[error("ledger: attachment {index}: Bytes is not base64")]
    Base64 {
        /// Its place.
        index: usize,
    },
    /// An element's `Bytes` are no configuration.
    #[error("ledger: attachment {index}: {source}")]
    Conf {
        /// Its place.
        index: usize,
        /// What is wrong with it.
        source: ConfError,
    },
    /// An element has an unusable interface name.
    #[error("ledger: attachment {index}: {source}")]
    IfName {
        /// Its place.
        index: usize,
        /// What is wrong with it.
        source: NameError,
    },
}

/// One element of the array (B2.60–B2.70), keys in upstream's order (B2.72).
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Element {
    #[serde(rename = "Conf")]
    conf: Value,
    #[serde(rename = "ConfList")]
    conf_list: Value,
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "ifnameRequest", skip_serializing_if = "String::is_empty")]
    ifname_request: String,
    #[serde(rename = "macRequest", skip_serializing_if = "String::is_empty")]
    mac_request: String,
    #[serde(
        rename = "infinibandGUIDRequest",
        skip_serializing_if = "String::is_empty"
    )]
    infiniband_guid_request: String,
    #[serde(rename = "ipRequest", skip_serializing_if = "Vec::is_empty")]
    ip_request: Vec<String>,
    #[serde(rename = "default-route", skip_serializing_if = "Option::is_none")]
    default_route: Option<Vec<IpAddr>>,
    #[serde(rename = "IsFilterV4Gateway")]
    is_filter_v4_gateway: bool,
    #[serde(rename = "IsFilterV6Gateway")]
    is_filter_v6_gateway: bool,
    #[serde(rename = "deviceID", skip_serializing_if = "String::is_empty")]
    device_id: String,
    #[serde(rename = "resourceName", skip_serializing_if = "String::is_empty")]
    resource_name: String,
    #[serde(rename = "Bytes")]
    bytes: String,
    #[serde(rename = "multusRs", skip_serializing_if = "Option::is_none")]
    own: Option<Own>,
}

/// The key that is ours.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Own {
    ifname: String,
    cni_args: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    capability_args: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    container: Option<OwnContainer>,
}

/// What holds for the container as a whole; in the first element.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnContainer {
    version: u32,
    phase: OwnPhase,
    pod_namespace: String,
    pod_name: String,
    pod_uid: String,
    netns: String,
    ifname: String,
    cni_args: String,
    configuration: String,
    time: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owed_status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    earlier_status: Option<String>,
}

impl OwnContainer {
    fn owed(&self) -> Option<OwedStatus> {
        let text = self.owed_status.clone()?;
        let earlier = self.earlier_status.clone();
        Some(OwedStatus { text, earlier })
    }
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum OwnPhase {
    Attaching,
    Attached,
    Detaching,
}

/// Of the key `multusRs`. A reader of an older one ignores what it does not know.
const VERSION: u32 = 1;

impl Ledger {
    /// The document.
    ///
    /// # Errors
    /// [`LedgerError::Json`], which no value of this type leads to.
    pub fn encode(&self) -> Result<Vec<u8>, LedgerError> {
        let elements: Vec<Element> = self
            .records
            .iter()
            .enumerate()
            .map(|(index, record)| self.element(index, record))
            .collect();
        gojson::to_vec(&elements).map_err(LedgerError::Json)
    }

    /// The document in the place of an earlier one, with what that says beyond what this release knows.
    ///
    /// # Errors
    /// As [`Ledger::encode`].
    pub fn encode_over(&self, before: &[u8]) -> Result<Vec<u8>, LedgerError> {
        let text = self.encode()?;
        let Ok(before) = gojson::from_slice::<Vec<Value>>(before) else {
            return Ok(text);
        };
        let mut after: Vec<Value> = gojson::from_slice(&text).map_err(LedgerError::Json)?;
        match kept::keep(&before, &mut after) {
            true => gojson::to_vec(&after).map_err(LedgerError::Json),
            false => Ok(text),
        }
    }

    fn element(&self, index: usize, record: &Attachment) -> Element {
        let requests = &record.requests;
        let own_family = |v4: bool| {
            requests
                .default_route
                .iter()
                .flatten()
                .any(|gateway| gateway.is_ipv4() == v4)
        };
        Element {
            conf: record.conf.header_value(),
            conf_list: record.conf.list_header_value(),
            name: record.name.clone(),
            ifname_request: self.ifname_request(index, record),
            mac_request: requests.mac.clone().unwrap_or_default(),
            infiniband_guid_request: requests.infiniband_guid.clone().unwrap_or_default(),
            ip_request: requests.ips.clone(),
            default_route: requests.default_route.clone(),
            is_filter_v4_gateway: record.routes.remove_v4 && !own_family(true),
            is_filter_v6_gateway: record.routes.remove_v6 && !own_family(false),
            device_id: requests.device_id.clone().unwrap_or_default(),
            resource_name: requests.resource_name.clone().unwrap_or_default(),
            bytes: BASE64.encode(record.conf.bytes()),
            own: Some(Own {
                ifname: record.ifname.to_string(),
                cni_args: record.args.clone(),
                capability_args: record.capability_args.clone(),
                container: (index == 0).then(|| self.own_container()),
            }),
        }
    }

    /// What was requested. Upstream names by place, and where an attachment before this one is gone, the place no longer
    /// tells: then it is the name itself.
    fn ifname_request(&self, index: usize, record: &Attachment) -> String {
        let requested = record.requests.interface.clone().unwrap_or_default();
        let by_place = plan::generated_ifname(index, Some(&requested), &self.container.ifname);
        if by_place == record.ifname.as_str() {
            requested
        } else {
            record.ifname.to_string()
        }
    }

    fn own_container(&self) -> OwnContainer {
        let container = &self.container;
        let owed = self.owed_status.as_ref();
        let owed = owed.filter(|_| self.phase == Phase::Attached);
        OwnContainer {
            version: VERSION,
            phase: match self.phase {
                Phase::Attaching => OwnPhase::Attaching,
                Phase::Attached => OwnPhase::Attached,
                Phase::Detaching => OwnPhase::Detaching,
            },
            pod_namespace: container.pod.namespace.clone(),
            pod_name: container.pod.name.clone(),
            pod_uid: container.pod.uid.clone(),
            netns: container.netns.clone(),
            ifname: container.ifname.clone(),
            cni_args: container.cni_args.clone(),
            configuration: container.configuration.clone(),
            time: container.time,
            owed_status: owed.map(|owed| owed.text.clone()),
            earlier_status: owed.and_then(|owed| owed.earlier.clone()),
        }
    }

    /// Reads a document, ours or upstream's.
    ///
    /// # Errors
    /// What is wrong with it; nothing can be undone from it then.
    pub fn decode(bytes: &[u8], remembered: &Remembered<'_>) -> Result<Self, LedgerError> {
        let elements: Vec<Element> = gojson::from_slice(bytes).map_err(LedgerError::Json)?;
        let own = elements
            .first()
            .ok_or(LedgerError::Empty)?
            .own
            .as_ref()
            .and_then(|own| own.container.as_ref());
        let (container, phase, owed_status) = match own {
            Some(own) => (
                read_container(own, &remembered.container.id),
                read_phase(own.phase),
                own.owed(),
            ),
            None => (remembered.container.clone(), Phase::Attached, None),
        };
        let records = elements
            .into_iter()
            .enumerate()
            .map(|(index, element)| record(index, element, remembered))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            container,
            phase,
            records,
            owed_status,
        })
    }

    /// Reads a document without a request at hand. Ours says everything by itself; upstream's names neither pod nor
    /// configuration.
    ///
    /// # Errors
    /// As [`Ledger::decode`].
    pub fn decode_alone(bytes: &[u8], id: &ContainerId) -> Result<Self, LedgerError> {
        let container = Container {
            id: id.clone(),
            netns: String::new(),
            ifname: "eth0".to_owned(),
            pod: PodRef::default(),
            cni_args: String::new(),
            configuration: String::new(),
            time: 0,
        };
        let remembered = Remembered {
            container: &container,
            args: &PodArgs::default(),
            runtime_config: &RuntimeConfig::default(),
        };
        Self::decode(bytes, &remembered)
    }
}

/// Whose status a ledger owes, or owed: as much as it takes to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debtor {
    /// The pod.
    pub pod: PodRef,
    /// When it was attached, in seconds since 1970.
    pub time: u64,
    /// The status that is owed; `None` where it was written.
    pub status: Option<OwedStatus>,
}

impl Debtor {
    /// Reads a document of ours, and of it what is needed; `None` where no pod is attached by it.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Lean {
            #[serde(rename = "multusRs")]
            own: LeanOwn,
        }
        #[derive(Deserialize)]
        struct LeanOwn {
            #[serde(default)]
            container: Option<OwnContainer>,
        }
        let elements: Vec<Lean> = gojson::from_slice(bytes).ok()?;
        let own = elements.into_iter().next()?.own.container?;
        matches!(own.phase, OwnPhase::Attached).then(|| Self {
            status: own.owed(),
            pod: PodRef {
                namespace: own.pod_namespace,
                name: own.pod_name,
                uid: own.pod_uid,
            },
            time: own.time,
        })
    }
}

fn read_container(own: &OwnContainer, id: &ContainerId) -> Container {
    Container {
        id: id.clone(),
        netns: own.netns.clone(),
        ifname: own.ifname.clone(),
        pod: PodRef {
            namespace: own.pod_namespace.clone(),
            name: own.pod_name.clone(),
            uid: own.pod_uid.clone(),
        },
        cni_args: own.cni_args.clone(),
        configuration: own.configuration.clone(),
        time: own.time,
    }
}

fn read_phase(phase: OwnPhase) -> Phase {
    match phase {
        OwnPhase::Attaching => Phase::Attaching,
        OwnPhase::Attached => Phase::Attached,
        OwnPhase::Detaching => Phase::Detaching,
    }
}

fn record(
    index: usize,
    element: Element,
    remembered: &Remembered<'_>,
) -> Result<Attachment, LedgerError> {
    let bytes = BASE64
        .decode(&element.bytes)
        .map_err(|_| LedgerError::Base64 { index })?;
    let conf = NetworkConf::parse(&bytes).map_err(|source| LedgerError::Conf { index, source })?;
    let some = |text: String| (!text.is_empty()).then_some(text);
    let requests = Requests {
        interface: some(element.ifname_request),
        mac: some(element.mac_request),
        infiniband_guid: some(element.infiniband_guid_request),
        ips: element.ip_request,
        default_route: element.default_route,
        device_id: some(element.device_id),
        resource_name: some(element.resource_name),
        ..Requests::default()
    };
    let (ifname, args, capability_args) = match element.own {
        Some(own) => (own.ifname, own.cni_args, own.capability_args),
        None => computed(index, &element.name, &conf, &requests, remembered),
    };
    Ok(Attachment {
        name: element.name,
        conf,
        ifname: IfName::parse(&ifname).map_err(|source| LedgerError::IfName { index, source })?,
        args,
        capability_args,
        requests,
        routes: RouteChange {
            remove_v4: element.is_filter_v4_gateway,
            remove_v6: element.is_filter_v6_gateway,
            add: Vec::new(),
        },
    })
}

/// Interface name and arguments that upstream's element does not say: computed again, as it would (B4.105).
fn computed(
    index: usize,
    name: &str,
    conf: &NetworkConf,
    requests: &Requests,
    remembered: &Remembered<'_>,
) -> (String, Vec<(String, String)>, Map<String, Value>) {
    let Container { id, ifname, .. } = remembered.container;
    let ifname = plan::generated_ifname(index, requests.interface.as_deref(), ifname);
    let mut capability_args =
        plan::capability_args(remembered.runtime_config, requests, index == 0);
    let file = npwg::device_info::cni_file(name, id.as_str(), &ifname);
    plan::add_device_info(&mut capability_args, conf, false, &file);
    let args = plan::cni_args(remembered.args, requests);
    (ifname, args, capability_args)
}
