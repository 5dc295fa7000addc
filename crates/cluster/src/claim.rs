//! Objects of dynamic resource allocation on the wire: ResourceClaims and ResourceSlices (B5.82).

use plan::{AllocatedDevice, Claim, PublishedDevice};
use serde::Deserialize;

use crate::list;

/// Slices in one answer: each has at most 128 devices and some ten kilobytes.
pub(crate) const PAGE: u32 = 50;

/// A ResourceClaim; what is not named is skipped while decoding.
#[derive(Deserialize)]
struct ClaimDocument {
    status: Option<ClaimStatus>,
}

#[derive(Deserialize)]
struct ClaimStatus {
    allocation: Option<Allocation>,
}

#[derive(Deserialize)]
struct Allocation {
    devices: Option<Devices>,
}

#[derive(Deserialize)]
struct Devices {
    results: Option<Vec<Allocated>>,
}

#[derive(Deserialize)]
struct Allocated {
    request: String,
    driver: String,
    pool: String,
    device: String,
}

#[derive(Deserialize)]
struct Slice {
    spec: SliceSpec,
}

#[derive(Deserialize)]
struct SliceSpec {
    pool: Pool,
    devices: Option<Vec<Device>>,
}

#[derive(Deserialize)]
struct Pool {
    name: String,
    #[serde(default)]
    generation: i64,
}

#[derive(Deserialize)]
struct Device {
    name: String,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "k8s.cni.cncf.io/deviceID")]
    device_id: Option<Attribute>,
    #[serde(rename = "k8s.cni.cncf.io/resourceName")]
    resource_name: Option<Attribute>,
}

/// Of its kinds, numbers and versions among them, only text matters.
#[derive(Deserialize)]
struct Attribute {
    string: Option<String>,
}

/// What was allocated to a claim.
///
/// # Errors
/// Not JSON, or a value of the wrong type.
pub(crate) fn parse(bytes: &[u8]) -> Result<Claim, serde_json::Error> {
    let document: ClaimDocument = serde_json::from_slice(bytes)?;
    let results = document
        .status
        .and_then(|status| status.allocation?.devices?.results)
        .unwrap_or_default();
    let devices = results.into_iter().map(|allocated| AllocatedDevice {
        request: allocated.request,
        driver: allocated.driver,
        pool: allocated.pool,
        device: allocated.device,
    });
    Ok(Claim {
        devices: devices.collect(),
    })
}

/// The devices on a page of a list of slices that have an id for CNI plugins, for all others are of no use to anyone
/// here; and where the next page begins.
///
/// # Errors
/// Not JSON, or a value of the wrong type.
pub(crate) fn parse_slices(
    bytes: &[u8],
) -> Result<(Vec<PublishedDevice>, Option<String>), serde_json::Error> {
    let page = list::parse::<Slice>(bytes)?;
    Ok((
        page.items.into_iter().flat_map(published).collect(),
        page.next,
    ))
}

fn published(slice: Slice) -> Vec<PublishedDevice> {
    let SliceSpec { pool, devices } = slice.spec;
    let devices = devices.unwrap_or_default().into_iter();
    let with_id = devices.filter_map(|device| {
        let attributes = device.attributes?;
        let id = attributes.device_id?.string.filter(|id| !id.is_empty())?;
        Some(PublishedDevice {
            pool: pool.name.clone(),
            generation: pool.generation,
            device: device.name,
            device_id: id,
            resource_name: attributes.resource_name.and_then(|name| name.string),
        })
    });
    with_id.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn claim(object: &Value) -> Result<Claim, serde_json::Error> {
        parse(object.to_string().as_bytes())
    }

    #[test]
    fn a_claim_tells_what_was_allocated_to_each_request() {
        // B5.82
        let object = json!({"kind": "ResourceClaim", "metadata": {"name": "c"},
            "spec": {"devices": {"requests": [{"name": "vf"}]}},
            "status": {"reservedFor": [{"resource": "pods"}], "allocation": {"nodeSelector": {}, "devices": {
                "config": [], "results": [{"request": "vf", "driver": "d.example.com", "pool": "node-1", "device": "vf-1",
                    "adminAccess": null, "shareID": "x"}]}}}});
        assert_eq!(
            claim(&object).unwrap().devices,
            [AllocatedDevice {
                request: "vf".into(),
                driver: "d.example.com".into(),
                pool: "node-1".into(),
                device: "vf-1".into(),
            }]
        );
    }

    #[test]
    fn a_claim_without_allocation_has_no_devices() {
        for status in [
            json!(null),
            json!({}),
            json!({"allocation": null}),
            json!({"allocation": {}}),
            json!({"allocation": {"devices": {}}}),
            json!({"allocation": {"devices": {"results": null}}}),
        ] {
            let found = claim(&json!({"status": status})).unwrap();
            assert_eq!(found, Claim::default(), "{status}");
        }
        assert!(
            claim(&json!({"status": {"allocation": {"devices": {"results": [{"pool": 1}]}}}}))
                .is_err()
        );
    }

    #[test]
    fn only_devices_with_an_id_as_text_are_kept() {
        // B3.6, B5.82
        let device = |name: &str, attributes: Value| json!({"name": name, "attributes": attributes, "capacity": {}});
        let (id, resource) = ("k8s.cni.cncf.io/deviceID", "k8s.cni.cncf.io/resourceName");
        let list = json!({"kind": "ResourceSliceList", "metadata": {"resourceVersion": "9"}, "items": [
            {"metadata": {"name": "s-1"}, "spec": {"driver": "d", "nodeName": "n", "pool": {"name": "p", "generation": 3, "resourceSliceCount": 2},
                "devices": [
                    device("whole", json!({id: {"string": "0000:03:02.0"}, resource: {"string": "example.com/nic"}, "model": {"version": "1.0.0"}})),
                    device("no-resource", json!({id: {"string": "0000:03:02.1"}})),
                    device("number", json!({id: {"int": 7}, resource: {"string": "example.com/nic"}})),
                    device("empty", json!({id: {"string": ""}})),
                    device("none", json!({"other.example.com/numa": {"int": 0}})),
                    {"name": "bare"},
                ]}},
            {"spec": {"pool": {"name": "p"}, "devices": null}},
        ]});
        let (devices, next) = parse_slices(list.to_string().as_bytes()).unwrap();
        let found: Vec<_> = devices
            .iter()
            .map(|device| (device.device.as_str(), device.resource_name.as_deref()))
            .collect();
        assert_eq!(
            found,
            [("whole", Some("example.com/nic")), ("no-resource", None)]
        );
        assert_eq!(devices[0].device_id, "0000:03:02.0");
        assert_eq!((devices[0].pool.as_str(), devices[0].generation), ("p", 3));
        assert_eq!(next, None);
    }
}
