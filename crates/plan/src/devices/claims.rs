//! Devices of dynamic resource allocation (DRA): from a pod's claims over their allocations to the ids that drivers
//! publish for CNI plugins (B5.82).

use std::collections::{BTreeMap, BTreeSet};

use super::DeviceMap;
use crate::resolve::{Stop, all};
use crate::{ExtendedClaim, Facts, PlanError, Pod, Warning};

/// A ResourceClaim, as far as it says what was allocated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claim {
    /// `status.allocation.devices.results`; empty where nothing is allocated.
    pub devices: Vec<AllocatedDevice>,
}

/// One result of an allocation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllocatedDevice {
    /// The claim's request that it was allocated for.
    pub request: String,
    /// The device's driver.
    pub driver: String,
    /// The driver's pool that it is in.
    pub pool: String,
    /// Its name in the pool.
    pub device: String,
}

/// A device of a ResourceSlice that has an id for CNI plugins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishedDevice {
    /// Its pool.
    pub pool: String,
    /// The pool's generation: a slice of an older one may be about to go.
    pub generation: i64,
    /// Its name in the pool.
    pub device: String,
    /// The attribute `k8s.cni.cncf.io/deviceID` (B3.6).
    pub device_id: String,
    /// The attribute `k8s.cni.cncf.io/resourceName` (B3.6).
    pub resource_name: Option<String>,
}

/// Why the devices of a pod's claims cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// The pod has a claim that does not exist.
    #[error("resource claim {claim} of the pod not found")]
    NoClaim {
        /// `namespace/name`.
        claim: String,
    },
    /// Nothing is allocated to a claim.
    #[error("claim {claim} has no device allocation")]
    NotAllocated {
        /// `namespace/name`.
        claim: String,
    },
    /// The claim behind extended resources lacks a request that stands for one of them.
    #[error("request {request} not found in claim {claim}")]
    NoRequest {
        /// The request.
        request: String,
        /// `namespace/name`.
        claim: String,
    },
    /// A device of an extended resource is in no slice, or says there of no resource.
    #[error(
        "device {device} of request {request} in claim {claim}: no ResourceSlice gives it the attribute {attribute}"
    )]
    NoAttribute {
        /// `driver/pool/device`.
        device: String,
        /// The request.
        request: String,
        /// `namespace/name`.
        claim: String,
        /// The attribute that is missing.
        attribute: &'static str,
    },
    /// A device of an extended resource belongs to another resource.
    #[error(
        "device {device} of request {request} in claim {claim} is one of resource \"{found}\", not of \"{resource}\""
    )]
    OtherResource {
        /// `driver/pool/device`.
        device: String,
        /// The request.
        request: String,
        /// `namespace/name`.
        claim: String,
        /// The resource that its slice names.
        found: String,
        /// The resource that the pod asked for.
        resource: String,
    },
}

const DEVICE_ID: &str = "k8s.cni.cncf.io/deviceID";
const RESOURCE_NAME: &str = "k8s.cni.cncf.io/resourceName";

/// The ids of the devices of a pod's claims, by resource name. Claims of the pod are asked for in one round, slices in
/// the next; each claim and each driver once.
pub(super) fn devices(
    facts: &Facts,
    pod: &Pod,
    wanted: &BTreeSet<String>,
    warnings: &mut Vec<Warning>,
) -> Result<DeviceMap, Stop> {
    let claims = Claims::of(facts, pod)?;
    let published = Published::of(facts, pod, &claims)?;
    let mut devices = DeviceMap::new();
    for name in &claims.regular {
        let claim = claims.get(name)?;
        for allocated in &claim.devices {
            match published.resource_of(allocated) {
                Ok((resource, id)) => devices
                    .entry(resource.to_owned())
                    .or_default()
                    .push(id.to_owned()),
                Err(attribute) => warnings.push(skipped(&claims.label(name), allocated, attribute)),
            }
        }
    }
    if let Some(extended) = &pod.claims.extended {
        let claim = claims.get(&extended.claim)?;
        let label = claims.label(&extended.claim);
        let found = published.extended(extended, claim, &label, wanted);
        for (resource, id) in found.map_err(PlanError::from)? {
            devices.entry(resource).or_default().push(id);
        }
    }
    for claim in pod
        .claims
        .claims
        .iter()
        .filter(|claim| claim.claim.is_none())
    {
        warnings.push(Warning::SkippedDevice {
            text: format!(
                "claim {} of the pod: no ResourceClaim was made for it",
                claim.name
            ),
        });
    }
    Ok(devices)
}

fn skipped(claim: &str, allocated: &AllocatedDevice, attribute: &str) -> Warning {
    Warning::SkippedDevice {
        text: format!(
            "device {} of claim {claim}: no ResourceSlice gives it the attribute {attribute}",
            allocated.label()
        ),
    }
}

/// The claims of a pod.
struct Claims<'a> {
    namespace: &'a str,
    /// Names of the claims that the pod has by name, each once, in their order.
    regular: Vec<&'a str>,
    known: BTreeMap<&'a str, &'a Claim>,
}

impl<'a> Claims<'a> {
    fn of(facts: &'a Facts, pod: &'a Pod) -> Result<Self, Stop> {
        let namespace = pod.reference.namespace.as_str();
        let mut regular: Vec<&str> = Vec::new();
        for name in pod
            .claims
            .claims
            .iter()
            .filter_map(|claim| claim.claim.as_deref())
        {
            if !regular.contains(&name) {
                regular.push(name);
            }
        }
        let extended = pod
            .claims
            .extended
            .iter()
            .map(|extended| extended.claim.as_str());
        let names: BTreeSet<&str> = regular.iter().copied().chain(extended).collect();
        let known = all(names.into_iter().collect(), |name| {
            let claim = facts
                .claim(namespace, name)?
                .ok_or_else(|| ClaimError::NoClaim {
                    claim: format!("{namespace}/{name}"),
                });
            Ok((name, claim.map_err(|error| Stop::Error(error.into()))?))
        })?;
        Ok(Self {
            namespace,
            regular,
            known: known.into_iter().collect(),
        })
    }

    /// A claim that has devices.
    fn get(&self, name: &str) -> Result<&'a Claim, Stop> {
        let claim = self
            .known
            .get(name)
            .filter(|claim| !claim.devices.is_empty());
        claim.copied().ok_or_else(|| {
            let claim = self.label(name);
            Stop::Error(ClaimError::NotAllocated { claim }.into())
        })
    }

    fn label(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace)
    }
}

/// What drivers publish, by driver, pool and device.
struct Published<'a> {
    devices: BTreeMap<(&'a str, &'a str, &'a str), &'a PublishedDevice>,
}

impl<'a> Published<'a> {
    fn of(facts: &'a Facts, pod: &Pod, claims: &Claims<'a>) -> Result<Self, Stop> {
        let drivers: BTreeSet<&str> = claims
            .known
            .values()
            .flat_map(|claim| &claim.devices)
            .map(|allocated| allocated.driver.as_str())
            .collect();
        let node = pod.claims.node.as_deref();
        let slices = all(drivers.into_iter().collect(), |driver| {
            Ok((driver, facts.slices(driver, node)?))
        })?;
        let mut devices: BTreeMap<_, &PublishedDevice> = BTreeMap::new();
        for (driver, published) in slices {
            for device in published {
                let key = (driver, device.pool.as_str(), device.device.as_str());
                let known = devices.entry(key).or_insert(device);
                if device.generation > known.generation {
                    *known = device;
                }
            }
        }
        Ok(Self { devices })
    }

    /// Resource name and id of a device, or the attribute that it lacks.
    fn resource_of(&self, allocated: &AllocatedDevice) -> Result<(&'a str, &'a str), &'static str> {
        let AllocatedDevice {
            driver,
            pool,
            device,
            ..
        } = allocated;
        let published = self
            .devices
            .get(&(driver.as_str(), pool.as_str(), device.as_str()));
        let published = published.ok_or(DEVICE_ID)?;
        let resource = published.resource_name.as_deref();
        let resource = resource
            .filter(|name| !name.is_empty())
            .ok_or(RESOURCE_NAME)?;
        Ok((resource, published.device_id.as_str()))
    }

    /// The devices behind a pod's extended resources. Where a network is made for the resource everything has to be as
    /// it says; devices of other resources need not have anything to do with networks.
    fn extended(
        &self,
        extended: &ExtendedClaim,
        claim: &Claim,
        label: &str,
        wanted: &BTreeSet<String>,
    ) -> Result<Vec<(String, String)>, ClaimError> {
        let mut found = Vec::new();
        for (request, resource) in &extended.requests {
            let mut devices = claim
                .devices
                .iter()
                .filter(|device| device.request == *request)
                .peekable();
            if devices.peek().is_none() {
                return Err(ClaimError::NoRequest {
                    request: request.clone(),
                    claim: label.to_owned(),
                });
            }
            for allocated in devices {
                match self.resource_of(allocated) {
                    Ok((named, id)) if named == resource => {
                        found.push((resource.clone(), id.to_owned()))
                    }
                    Err(_) if !wanted.contains(resource) => {}
                    other => {
                        return Err(mismatch(
                            other.map(|(named, _)| named),
                            allocated,
                            label,
                            resource,
                        ));
                    }
                }
            }
        }
        Ok(found)
    }
}

fn mismatch(
    found: Result<&str, &'static str>,
    allocated: &AllocatedDevice,
    claim: &str,
    resource: &str,
) -> ClaimError {
    let (device, request, claim) = (
        allocated.label(),
        allocated.request.clone(),
        claim.to_owned(),
    );
    match found {
        Ok(found) => ClaimError::OtherResource {
            device,
            request,
            claim,
            found: found.to_owned(),
            resource: resource.to_owned(),
        },
        Err(attribute) => ClaimError::NoAttribute {
            device,
            request,
            claim,
            attribute,
        },
    }
}

impl AllocatedDevice {
    /// `driver/pool/device`.
    fn label(&self) -> String {
        format!("{}/{}/{}", self.driver, self.pool, self.device)
    }
}
