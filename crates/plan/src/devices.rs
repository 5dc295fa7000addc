//! Which attachment gets which device (B5.80–B5.85).
//!
//! One list of devices for each resource, from the kubelet and from dynamic resource allocation together, sorted as
//! text; attachments take from it in their order, so that no two get the same one (Q19) and a pod that is started again
//! with the same devices has them at the same places.

mod claims;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::resolve::Stop;
use crate::selected::Network;
use crate::{Catalog, Facts, PlanError, Pod, PodRef, Request, Warning};

pub use claims::{AllocatedDevice, Claim, ClaimError, PublishedDevice};

/// Device ids by resource name.
pub type DeviceMap = BTreeMap<String, Vec<String>>;

/// Gives a device to every network whose definition names a resource, as long as there are some. A pod without such a
/// network causes no look-up at all.
pub(crate) fn assign(
    request: &Request,
    facts: &Facts,
    pod: Option<&Pod>,
    networks: &mut [Network],
    warnings: &mut Vec<Warning>,
) -> Result<(), Stop> {
    let wanted: BTreeSet<String> = networks
        .iter()
        .filter_map(|network| network.resource.clone())
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let mut pool = Pool::new(match pod {
        Some(pod) => allocated(request, facts, pod, &wanted, warnings)?,
        None => DeviceMap::new(),
    });
    for network in networks {
        let Some(resource) = network.resource.clone() else {
            continue;
        };
        match pool.take(&resource) {
            Some(device) => give(network, resource, device, warnings)?,
            None => warnings.push(Warning::NoDevice {
                network: network.name.clone(),
                allocated: pool.size(&resource),
                resource,
            }),
        }
    }
    Ok(())
}

/// Everything that the pod was given, of which kind ever, sorted as text (B5.83).
fn allocated(
    request: &Request,
    facts: &Facts,
    pod: &Pod,
    wanted: &BTreeSet<String>,
    warnings: &mut Vec<Warning>,
) -> Result<DeviceMap, Stop> {
    let kubelet = facts.devices(known_to_kubelet(request, pod));
    let claimed = match request.catalog {
        Catalog::Api => claims::devices(facts, pod, wanted, warnings),
        // Claims are objects of the API.
        Catalog::Local | Catalog::None => Ok(DeviceMap::new()),
    };
    let (mut devices, claimed) = match (kubelet, claimed) {
        (Ok(devices), Ok(claimed)) => (devices.clone(), claimed),
        (_, Err(Stop::Error(error))) => return Err(error.into()),
        (Ok(_), Err(missing)) => return Err(missing),
        (Err(need), Ok(_)) => return Err(need.into()),
        (Err(need), Err(Stop::Needs(mut needs))) => {
            needs.push(need);
            return Err(Stop::Needs(needs));
        }
    };
    for (resource, ids) in claimed {
        devices.entry(resource).or_default().extend(ids);
    }
    for ids in devices.values_mut() {
        ids.sort_unstable();
    }
    Ok(devices)
}

/// The pod as the kubelet knows it: a static pod has another UID there than in the API (Q78). Where the runtime tells
/// none, the API's is the same for all others.
fn known_to_kubelet(request: &Request, pod: &Pod) -> PodRef {
    let mut known = pod.reference.clone();
    if !request.args.pod.uid.is_empty() {
        known.uid.clone_from(&request.args.pod.uid);
    }
    known
}

/// Puts the device into every plugin of the network (B5.62), and remembers it for arguments, ledger and device
/// information.
fn give(
    network: &mut Network,
    resource: String,
    device: String,
    warnings: &mut Vec<Warning>,
) -> Result<(), PlanError> {
    let asked = network.requests.device_id.take();
    if let Some(asked) = asked.filter(|asked| *asked != device) {
        warnings.push(Warning::OtherDevice {
            network: network.name.clone(),
            asked,
            given: device.clone(),
        });
    }
    network
        .conf
        .edit_plugins(|_, plugin| {
            for key in ["deviceID", "pciBusID"] {
                plugin.insert(key.to_owned(), device.clone().into());
            }
        })
        .map_err(|source| PlanError::Definition {
            network: network.name.clone(),
            source,
        })?;
    network.requests.device_id = Some(device);
    network.requests.resource_name = Some(resource);
    Ok(())
}

/// Devices that are taken one after the other.
struct Pool {
    devices: DeviceMap,
    taken: BTreeMap<String, usize>,
}

impl Pool {
    fn new(devices: DeviceMap) -> Self {
        Self {
            devices,
            taken: BTreeMap::new(),
        }
    }

    fn take(&mut self, resource: &str) -> Option<String> {
        let taken = self.taken.entry(resource.to_owned()).or_default();
        let device = self.devices.get(resource)?.get(*taken)?;
        *taken += 1;
        Some(device.clone())
    }

    fn size(&self, resource: &str) -> usize {
        self.devices.get(resource).map_or(0, Vec::len)
    }
}
