//! What a kubelet knows of devices, and its two ways to write that down.

use serde_json::json;

/// A pod and what its containers were given.
#[derive(Debug, Clone, Default)]
pub struct PodResources {
    namespace: String,
    name: String,
    containers: Vec<Container>,
}

/// A container and its devices: resource name and ids.
#[derive(Debug, Clone, Default)]
pub struct Container {
    name: String,
    devices: Vec<(String, Vec<String>)>,
}

impl PodResources {
    /// A pod without containers.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            containers: Vec::new(),
        }
    }

    /// Adds a container.
    pub fn container(mut self, container: Container) -> Self {
        self.containers.push(container);
        self
    }

    /// A pod with one container that has these devices of one resource.
    pub fn with(namespace: &str, name: &str, resource: &str, ids: &[&str]) -> Self {
        Self::new(namespace, name).container(Container::new("main").device(resource, ids))
    }
}

impl Container {
    /// A container without devices.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            devices: Vec::new(),
        }
    }

    /// Adds devices of a resource.
    pub fn device(mut self, resource: &str, ids: &[&str]) -> Self {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        self.devices.push((resource.to_owned(), ids));
        self
    }
}

/// A `ListPodResourcesResponse`, written as a kubelet does: one `ContainerDevices` for each device, with its NUMA node, and
/// the CPUs of each container.
pub fn encode(pods: &[PodResources]) -> Vec<u8> {
    let mut list = Vec::new();
    for pod in pods {
        let mut message = Vec::new();
        bytes(&mut message, 1, pod.name.as_bytes());
        bytes(&mut message, 2, pod.namespace.as_bytes());
        for container in &pod.containers {
            bytes(&mut message, 3, &container_message(container));
        }
        bytes(&mut list, 1, &message);
    }
    list
}

fn container_message(container: &Container) -> Vec<u8> {
    let mut message = Vec::new();
    bytes(&mut message, 1, container.name.as_bytes());
    for (resource, ids) in &container.devices {
        for id in ids {
            let mut device = Vec::new();
            bytes(&mut device, 1, resource.as_bytes());
            bytes(&mut device, 2, id.as_bytes());
            // TopologyInfo { nodes: [NUMANode { ID: 1 }] }
            bytes(&mut device, 3, &[0x0a, 2, 0x08, 1]);
            bytes(&mut message, 2, &device);
        }
    }
    // cpu_ids, packed.
    bytes(&mut message, 3, &[0, 1, 2]);
    message
}

fn bytes(message: &mut Vec<u8>, field: u8, value: &[u8]) {
    message.push(field << 3 | 2);
    let mut length = value.len();
    while length > 0x7f {
        message.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    message.push(u8::try_from(length).unwrap_or_default());
    message.extend_from_slice(value);
}

/// The text of a checkpoint: UID of the pod, resource name, device ids of each entry.
pub fn checkpoint(entries: &[(&str, &str, &[&str])]) -> String {
    let entries: Vec<_> = entries
        .iter()
        .map(|(uid, resource, ids)| {
            json!({"PodUID": uid, "ContainerName": "main", "ResourceName": resource,
                "DeviceIDs": {"0": ids}, "AllocResp": ""})
        })
        .collect();
    json!({"Data": {"PodDeviceEntries": entries, "RegisteredDevices": {}}, "Checksum": 1})
        .to_string()
}
