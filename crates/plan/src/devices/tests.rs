//! Devices of attachments, over a source that counts what it is asked.

use std::cell::RefCell;
use std::convert::Infallible;
use std::path::Path;

use npwg::Definition;
use serde_json::{Value, json};

use crate::{
    AllocatedDevice, Attachment, Catalog, Claim, DeviceMap, DriveError, NetConf, Outcome, PathFact,
    Plan, PlanError, Pod, PodArgs, PodRef, PublishedDevice, Request, Source, Warning,
};

mod assigning;
mod claiming;
mod extended;

pub(super) const NIC: &str = "example.com/nic";
pub(super) const OTHER: &str = "example.com/other";

/// Everything that can be asked, and what was.
#[derive(Default)]
pub(super) struct World {
    pub(super) pod: Pod,
    pub(super) definitions: Vec<Definition>,
    pub(super) kubelet: DeviceMap,
    pub(super) claims: Vec<(String, Claim)>,
    /// Driver and node of each, with its devices.
    pub(super) slices: Vec<(String, Option<String>, Vec<PublishedDevice>)>,
    pub(super) asked: RefCell<Vec<String>>,
}

impl Source for World {
    type Error = Infallible;

    fn pod(&self, _: &str, _: &str) -> Result<Option<Pod>, Infallible> {
        Ok(Some(self.pod.clone()))
    }

    fn definition(&self, namespace: &str, name: &str) -> Result<Option<Definition>, Infallible> {
        let mut all = self.definitions.iter();
        Ok(all
            .find(|known| known.namespace == namespace && known.name == name)
            .cloned())
    }

    fn path(&self, _: &Path) -> PathFact {
        PathFact::Missing
    }

    fn devices(&self, pod: &PodRef) -> Result<DeviceMap, Infallible> {
        self.note(format!("devices {}", pod.label()));
        Ok(self.kubelet.clone())
    }

    fn claim(&self, namespace: &str, name: &str) -> Result<Option<Claim>, Infallible> {
        let claim = format!("{namespace}/{name}");
        self.note(format!("claim {claim}"));
        let mut all = self.claims.iter();
        Ok(all
            .find(|(known, _)| *known == claim)
            .map(|(_, claim)| claim.clone()))
    }

    fn slices(&self, driver: &str, node: Option<&str>) -> Result<Vec<PublishedDevice>, Infallible> {
        self.note(format!("slices {driver} {node:?}"));
        let fits = |known: &Option<String>| node.is_none() || known.as_deref() == node;
        let fitting = self
            .slices
            .iter()
            .filter(|(known, on, _)| known == driver && fits(on));
        Ok(fitting
            .flat_map(|(_, _, devices)| devices.clone())
            .collect())
    }
}

impl World {
    /// A pod with this annotation.
    pub(super) fn new(networks: &str) -> Self {
        Self {
            pod: Pod {
                reference: PodRef {
                    namespace: "app".into(),
                    name: "pod".into(),
                    uid: "u1".into(),
                },
                networks: Some(networks.into()),
                ..Pod::default()
            },
            ..Self::default()
        }
    }

    fn note(&self, what: String) {
        self.asked.borrow_mut().push(what);
    }

    /// What was asked for besides pod and definitions.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.borrow().clone()
    }

    pub(super) fn define(mut self, name: &str, resource: Option<&str>, config: &Value) -> Self {
        let (namespace, name) = name.split_once('/').unwrap_or(("app", name));
        self.definitions.push(Definition {
            namespace: namespace.into(),
            name: name.into(),
            resource_name: resource.map(str::to_owned),
            config: config.to_string(),
        });
        self
    }

    /// A definition of a single plugin that takes devices of a resource.
    pub(super) fn sriov(self, name: &str, resource: &str) -> Self {
        self.define(name, Some(resource), &plugin())
    }

    /// What the kubelet gave.
    pub(super) fn given(mut self, resource: &str, ids: &[&str]) -> Self {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        self.kubelet.insert(resource.to_owned(), ids);
        self
    }

    pub(super) fn plan(&self, conf: &Value) -> Result<Plan, PlanError> {
        let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=app;K8S_POD_NAME=pod;K8S_POD_UID=u1";
        self.plan_with(conf, args, Catalog::Api)
    }

    pub(super) fn plan_with(
        &self,
        conf: &Value,
        args: &str,
        catalog: Catalog,
    ) -> Result<Plan, PlanError> {
        let conf = NetConf::parse(conf.to_string().as_bytes()).unwrap();
        let request = Request {
            container_id: "c1".into(),
            ifname: "eth0".into(),
            args: PodArgs::parse(args).unwrap(),
            catalog,
            may_owe_status: false,
        };
        match crate::drive(&conf, &request, self) {
            Ok(Outcome::Attach(plan)) => Ok(plan),
            Ok(Outcome::PodUnknown) => panic!("pod unknown"),
            Err(DriveError::Plan(error)) => Err(error),
            Err(DriveError::Source(never)) => match never {},
        }
    }

    /// The device of each attachment after the first.
    pub(super) fn devices(&self) -> Vec<Option<String>> {
        ids(&self.plan(&inline()).unwrap())[1..].to_vec()
    }

    pub(super) fn error(&self) -> String {
        self.plan(&inline()).unwrap_err().to_string()
    }
}

pub(super) fn plugin() -> Value {
    json!({"cniVersion": "1.0.0", "type": "sriov"})
}

pub(super) fn inline() -> Value {
    json!({"cniVersion": "1.0.0", "name": "multus", "delegates": [{"cniVersion": "1.0.0", "name": "base", "type": "bridge"}]})
}

pub(super) fn ids(plan: &Plan) -> Vec<Option<String>> {
    plan.attachments
        .iter()
        .map(|attachment| attachment.requests.device_id.clone())
        .collect()
}

/// `deviceID` and `pciBusID` of each plugin.
pub(super) fn injected(attachment: &Attachment) -> Vec<[Value; 2]> {
    let document: Value = serde_json::from_slice(attachment.conf.bytes()).unwrap();
    let pair = |plugin: &Value| [plugin["deviceID"].clone(), plugin["pciBusID"].clone()];
    match document["plugins"].as_array() {
        Some(plugins) => plugins.iter().map(pair).collect(),
        None => vec![pair(&document)],
    }
}

pub(super) fn some(ids: &[&str]) -> Vec<Option<String>> {
    ids.iter().map(|id| Some((*id).to_owned())).collect()
}

pub(super) fn allocated(request: &str, driver: &str, pool: &str, device: &str) -> AllocatedDevice {
    AllocatedDevice {
        request: request.into(),
        driver: driver.into(),
        pool: pool.into(),
        device: device.into(),
    }
}

pub(super) fn published(
    pool: &str,
    device: &str,
    id: &str,
    resource: Option<&str>,
) -> PublishedDevice {
    PublishedDevice {
        pool: pool.into(),
        generation: 1,
        device: device.into(),
        device_id: id.into(),
        resource_name: resource.map(str::to_owned),
    }
}

pub(super) fn no_device(network: &str, resource: &str, allocated: usize) -> Warning {
    Warning::NoDevice {
        network: network.into(),
        resource: resource.into(),
        allocated,
    }
}
