//! The answer of `v1.PodResourcesLister/List`: pods, their containers, their devices.

use std::collections::{BTreeMap, BTreeSet};

use crate::wire::{self, WireError};

/// Ids of devices by the name of their resource.
pub(crate) type Devices = BTreeMap<String, BTreeSet<String>>;

/// Field numbers of the service's messages.
mod field {
    /// `ListPodResourcesResponse`
    pub(super) const POD_RESOURCES: u64 = 1;
    /// `PodResources`
    pub(super) const POD_NAME: u64 = 1;
    pub(super) const POD_NAMESPACE: u64 = 2;
    pub(super) const POD_CONTAINERS: u64 = 3;
    /// `ContainerResources`
    pub(super) const CONTAINER_DEVICES: u64 = 2;
    /// `ContainerDevices`
    pub(super) const RESOURCE_NAME: u64 = 1;
    pub(super) const DEVICE_IDS: u64 = 2;
}

/// The devices of one pod, of all its containers together. A pod that the kubelet does not list has none.
///
/// # Errors
/// The bytes are no such answer.
pub(crate) fn devices_of(answer: &[u8], namespace: &str, name: &str) -> Result<Devices, WireError> {
    let mut devices = Devices::new();
    for pod in wire::all(answer, field::POD_RESOURCES) {
        let pod = pod?;
        let is_meant = wire::text(pod, field::POD_NAME)? == name
            && wire::text(pod, field::POD_NAMESPACE)? == namespace;
        if is_meant {
            collect(pod, &mut devices)?;
        }
    }
    Ok(devices)
}

fn collect(pod: &[u8], devices: &mut Devices) -> Result<(), WireError> {
    for container in wire::all(pod, field::POD_CONTAINERS) {
        for group in wire::all(container?, field::CONTAINER_DEVICES) {
            let group = group?;
            let resource = wire::text(group, field::RESOURCE_NAME)?;
            for id in wire::all(group, field::DEVICE_IDS) {
                let id = wire::as_text(id?)?.to_owned();
                devices.entry(resource.to_owned()).or_default().insert(id);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use testkit::kubelet::{Container, PodResources, encode};

    fn answer() -> Vec<u8> {
        encode(&answered_pods())
    }

    fn answered_pods() -> [PodResources; 3] {
        let nics = |ids: &[&str]| Container::new("c").device("example.com/nic", ids);
        [
            PodResources::new("shop", "web")
                .container(
                    nics(&["0000:03:02.1", "0000:03:02.0"]).device("example.com/gpu", &["gpu-1"]),
                )
                .container(nics(&["0000:03:00.7"])),
            PodResources::new("shop", "other").container(nics(&["0000:04:00.0"])),
            PodResources::new("elsewhere", "web").container(nics(&["0000:05:00.0"])),
        ]
    }

    fn ids(devices: &Devices, resource: &str) -> Vec<String> {
        devices[resource].iter().cloned().collect()
    }

    #[test]
    fn a_pods_devices_are_those_of_all_its_containers_sorted_as_text() {
        // B5.81, B5.83, T6.4
        let devices = devices_of(&answer(), "shop", "web").unwrap();
        assert_eq!(
            ids(&devices, "example.com/nic"),
            ["0000:03:00.7", "0000:03:02.0", "0000:03:02.1"]
        );
        assert_eq!(ids(&devices, "example.com/gpu"), ["gpu-1"]);
        assert_eq!(devices.len(), 2);
    }

    #[test]
    fn a_pod_that_is_not_listed_has_no_devices() {
        // T6.4
        assert!(devices_of(&answer(), "shop", "gone").unwrap().is_empty());
        assert!(devices_of(b"", "shop", "web").unwrap().is_empty());
    }

    #[test]
    fn what_a_newer_kubelet_adds_is_passed_over() {
        let mut newer = answer();
        newer.extend([0x3a, 3, 1, 2, 3, 0x50, 7]);
        assert_eq!(
            devices_of(&newer, "shop", "web"),
            devices_of(&answer(), "shop", "web")
        );
    }

    #[test]
    fn an_answer_that_breaks_off_is_no_answer() {
        let whole = answer();
        // Between two pods it looks whole: there the length before the message tells.
        let ends = [1, 2].map(|pods| encode(&answered_pods()[..pods]).len());
        for length in 1..whole.len() {
            let cut = devices_of(&whole[..length], "shop", "web");
            assert_eq!(cut.is_ok(), ends.contains(&length), "{length}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = devices_of(&bytes, "", "");
        }

        #[test]
        fn a_changed_byte_never_makes_it_panic(at in 0usize..200, byte in any::<u8>()) {
            let mut bytes = answer();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = devices_of(&bytes, "shop", "web");
        }
    }
}
