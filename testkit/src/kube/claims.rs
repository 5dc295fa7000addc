//! Dynamic resource allocation, played by the test: it is driver, scheduler and resource claim controller in one.

use anyhow::Context;
use serde_json::{Map, Value, json};

use super::client::Client;
use super::objects::NODE;

const API: &str = "/apis/resource.k8s.io/v1";

/// A device that a driver publishes.
#[derive(Debug, Clone, Default)]
pub struct SliceDevice<'a> {
    /// Its name in the pool.
    pub name: &'a str,
    /// Attribute `k8s.cni.cncf.io/deviceID`.
    pub device_id: Option<&'a str>,
    /// Attribute `k8s.cni.cncf.io/resourceName`.
    pub resource_name: Option<&'a str>,
}

/// A device that is allocated to a claim.
#[derive(Debug, Clone, Copy)]
pub struct AllocatedDevice<'a> {
    /// The claim's request.
    pub request: &'a str,
    /// The device's driver.
    pub driver: &'a str,
    /// Its pool.
    pub pool: &'a str,
    /// Its name in the pool.
    pub device: &'a str,
}

impl Client {
    /// Publishes a driver's devices of a pool, of [`NODE`] or of another node, in one ResourceSlice.
    pub fn create_slice(
        &self,
        driver: &str,
        node: Option<&str>,
        pool: &str,
        devices: &[SliceDevice<'_>],
    ) -> anyhow::Result<()> {
        let devices: Vec<Value> = devices.iter().map(device).collect();
        self.create(&json!({
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            "metadata": {"generateName": "slice-"},
            "spec": {
                "driver": driver,
                "nodeName": node.unwrap_or(NODE),
                "pool": {"name": pool, "generation": 1, "resourceSliceCount": 1},
                "devices": devices,
            },
        }))?;
        Ok(())
    }

    /// Creates a ResourceClaim with these requests, to which nothing is allocated.
    pub fn create_claim(
        &self,
        namespace: &str,
        name: &str,
        requests: &[&str],
    ) -> anyhow::Result<()> {
        let requests: Vec<Value> = requests
            .iter()
            .map(|request| json!({"name": request, "exactly": {"deviceClassName": "any.example.com", "count": 8}}))
            .collect();
        self.create(&json!({
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"namespace": namespace, "name": name},
            "spec": {"devices": {"requests": requests}},
        }))?;
        Ok(())
    }

    /// Allocates devices to a claim.
    pub fn allocate(
        &self,
        namespace: &str,
        claim: &str,
        devices: &[AllocatedDevice<'_>],
    ) -> anyhow::Result<()> {
        let path = format!("{API}/namespaces/{namespace}/resourceclaims/{claim}");
        let mut object = self.get(&path)?;
        let results: Vec<Value> = devices
            .iter()
            .map(|allocated| {
                json!({"request": allocated.request, "driver": allocated.driver,
                    "pool": allocated.pool, "device": allocated.device})
            })
            .collect();
        object["status"] = json!({"allocation": {"devices": {"results": results}}});
        let stored = self.put(&format!("{path}/status"), &object)?;
        let kept = stored.pointer("/status/allocation/devices/results");
        kept.filter(|kept| {
            kept.as_array()
                .is_some_and(|kept| kept.len() == devices.len())
        })
        .with_context(|| format!("the API did not keep the allocation: {stored}"))?;
        Ok(())
    }

    /// Creates a pod with claims, the names in the pod, each with the ResourceClaim that its status names; and with one of each
    /// of these extended resources. Returns its uid.
    pub fn create_pod_with_claims(
        &self,
        namespace: &str,
        name: &str,
        annotations: super::Annotations<'_>,
        claims: &[(&str, Option<&str>)],
        extended: &[&str],
    ) -> anyhow::Result<String> {
        let annotations: Map<String, Value> = annotations
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let of_spec: Vec<Value> = claims
            .iter()
            .map(|(name, _)| json!({"name": name, "resourceClaimTemplateName": "template"}))
            .collect();
        let resources: Map<String, Value> = extended
            .iter()
            .map(|resource| ((*resource).to_owned(), json!("1")))
            .collect();
        let pod = self.create(&json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name, "annotations": annotations},
            "spec": {
                "nodeName": NODE,
                "automountServiceAccountToken": false,
                "containers": [{"name": "main", "image": "none.invalid/none",
                    "resources": {"requests": resources, "limits": resources}}],
                "resourceClaims": of_spec,
            },
        }))?;
        let of_status: Vec<Value> = claims
            .iter()
            .map(|(name, claim)| json!({"name": name, "resourceClaimName": claim}))
            .collect();
        self.write_pod_status(
            namespace,
            name,
            &json!({"resourceClaimStatuses": of_status}),
        )?;
        let uid = pod["metadata"]["uid"].as_str();
        Ok(uid.context("a pod without uid came back")?.to_owned())
    }

    /// Says in a pod's status which claim stands behind its extended resources: request and resource name of each.
    pub fn set_extended_claim(
        &self,
        namespace: &str,
        pod: &str,
        claim: &str,
        requests: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let mappings: Vec<Value> = requests
            .iter()
            .map(|(request, resource)| {
                json!({"containerName": "main", "requestName": request, "resourceName": resource})
            })
            .collect();
        let status = json!({"extendedResourceClaimStatus":
            {"resourceClaimName": claim, "requestMappings": mappings}});
        let stored = self.write_pod_status(namespace, pod, &status)?;
        stored["status"]
            .get("extendedResourceClaimStatus")
            .context("the API did not keep extendedResourceClaimStatus")?;
        Ok(())
    }

    fn write_pod_status(
        &self,
        namespace: &str,
        pod: &str,
        status: &Value,
    ) -> anyhow::Result<Value> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/status");
        self.patch(&path, &json!({"status": status}))
    }
}

fn device(device: &SliceDevice<'_>) -> Value {
    let mut attributes = Map::new();
    // What other consumers read stands beside it.
    attributes.insert("model".to_owned(), json!({"string": "test"}));
    attributes.insert("numa".to_owned(), json!({"int": 0}));
    let own = [
        ("k8s.cni.cncf.io/deviceID", device.device_id),
        ("k8s.cni.cncf.io/resourceName", device.resource_name),
    ];
    for (name, value) in own {
        if let Some(value) = value {
            attributes.insert(name.to_owned(), json!({"string": value}));
        }
    }
    json!({"name": device.name, "attributes": attributes})
}
