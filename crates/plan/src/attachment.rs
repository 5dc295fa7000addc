//! One attachment of the sandbox to one network.

use std::net::IpAddr;

use cni::{IfName, NetworkConf};
use npwg::SelectionElement;
use serde_json::{Map, Value};

use crate::{NetConf, RouteChange};

/// One network that the sandbox is attached to, with everything that its plugins are given.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// `<namespace>/<definition>`, or the configuration's own name where no definition stands behind it (B5.64).
    pub name: String,
    /// The configuration, ready for the plugins.
    pub conf: NetworkConf,
    /// `CNI_IFNAME`.
    pub ifname: IfName,
    /// `CNI_ARGS`, in order.
    pub args: Vec<(String, String)>,
    /// Capability arguments; each plugin sees those that it declares.
    pub capability_args: Map<String, Value>,
    /// What the pod asked for: kept for the ledger.
    pub requests: Requests,
    /// What happens to default routes.
    pub routes: RouteChange,
}

/// What a selection element asks for, beyond the network itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requests {
    /// Interface name.
    pub interface: Option<String>,
    /// MAC address.
    pub mac: Option<String>,
    /// InfiniBand GUID.
    pub infiniband_guid: Option<String>,
    /// Addresses, with or without prefix length.
    pub ips: Vec<String>,
    /// Port mappings, in place of the runtime's.
    pub port_mappings: Option<Vec<npwg::PortMapping>>,
    /// Bandwidth, in place of the runtime's.
    pub bandwidth: Option<npwg::Bandwidth>,
    /// Gateways for default routes; `Some([])` was written but asks for nothing.
    pub default_route: Option<Vec<IpAddr>>,
    /// Device: the one that was allocated, else the one that the element names.
    pub device_id: Option<String>,
    /// The resource that the device was allocated from.
    pub resource_name: Option<String>,
    /// The attachment may fail without failing the pod.
    pub optional: bool,
}

impl Requests {
    /// Of a network of the configuration: nothing but what that says of all networks.
    pub(crate) fn of_configuration(conf: &NetConf) -> Self {
        Self {
            optional: conf.optional_networks,
            ..Self::default()
        }
    }

    /// What an element asks for; what it does not say, the configuration says for all.
    pub(crate) fn of_element(conf: &NetConf, element: &SelectionElement) -> Self {
        Self {
            interface: element.interface.clone(),
            mac: element.mac.clone(),
            infiniband_guid: element.infiniband_guid.clone(),
            ips: element.ips.clone(),
            port_mappings: element.port_mappings.clone(),
            bandwidth: element.bandwidth,
            default_route: element.default_route.clone(),
            device_id: element.device_id.clone(),
            resource_name: None,
            optional: element.optional.unwrap_or(conf.optional_networks),
        }
    }
}

impl Attachment {
    /// Capabilities that the pod asked for by an element's keys, and that no plugin of the chain declares.
    pub(crate) fn undeclared_capabilities(&self) -> Vec<&'static str> {
        let requests = &self.requests;
        [
            ("ips", !requests.ips.is_empty()),
            ("mac", requests.mac.is_some()),
            (
                "portMappings",
                requests
                    .port_mappings
                    .as_ref()
                    .is_some_and(|mappings| !mappings.is_empty()),
            ),
            ("bandwidth", requests.bandwidth.is_some()),
            ("infinibandGUID", requests.infiniband_guid.is_some()),
        ]
        .into_iter()
        .filter(|(capability, asked)| *asked && !self.declares(capability))
        .map(|(capability, _)| capability)
        .collect()
    }

    fn declares(&self, capability: &str) -> bool {
        declares(&self.conf, capability)
    }
}

/// Whether any plugin of a chain declares a capability.
pub(crate) fn declares(conf: &NetworkConf, capability: &str) -> bool {
    conf.plugins()
        .iter()
        .any(|plugin| plugin.capabilities().get(capability) == Some(&true))
}
