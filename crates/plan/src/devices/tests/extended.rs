//! Extended resources that dynamic resource allocation provides (B5.82, T6.5).

use super::*;
use crate::{ExtendedClaim, PodClaim};

const DRIVER: &str = "sriov.example.com";
const PREFIX: &str = "dynamic resource allocation: ";

/// A pod whose extended resources are these, as request and resource name, with two networks of one of them.
fn world(requests: &[(&str, &str)]) -> World {
    let mut world = World::new("a,b").sriov("a", NIC).sriov("b", NIC);
    world.pod.claims.node = Some("node-1".into());
    world.pod.claims.extended = Some(ExtendedClaim {
        claim: "extended".into(),
        requests: requests
            .iter()
            .map(|(request, resource)| ((*request).into(), (*resource).into()))
            .collect(),
    });
    world
}

impl World {
    fn allocate(mut self, devices: &[(&str, &str)]) -> Self {
        let devices = devices
            .iter()
            .map(|(request, device)| allocated(request, DRIVER, "pool", device))
            .collect();
        self.claims.push(("app/extended".into(), Claim { devices }));
        self
    }

    fn publish(mut self, devices: Vec<PublishedDevice>) -> Self {
        self.slices
            .push((DRIVER.into(), Some("node-1".into()), devices));
        self
    }
}

fn nic(device: &str, id: &str) -> PublishedDevice {
    published("pool", device, id, Some(NIC))
}

#[test]
fn every_device_of_a_request_counts_for_its_resource() {
    // T6.5: ok, count > 1
    let world = world(&[("r", NIC)])
        .allocate(&[("r", "b"), ("r", "a")])
        .publish(vec![nic("a", "d1"), nic("b", "d2")]);
    assert_eq!(world.devices(), some(&["d1", "d2"]));
}

#[test]
fn regular_and_extended_claims_add_up() {
    // T6.5
    let mut world = world(&[("r", NIC)])
        .allocate(&[("r", "a")])
        .publish(vec![nic("a", "d2"), nic("c", "d1")]);
    world.pod.claims.claims.push(PodClaim {
        name: "own".into(),
        claim: Some("own".into()),
    });
    let devices = vec![allocated("x", DRIVER, "pool", "c")];
    world.claims.push(("app/own".into(), Claim { devices }));
    assert_eq!(world.devices(), some(&["d1", "d2"]));
}

#[test]
fn a_request_that_the_claim_lacks_fails_the_add() {
    let world = world(&[("r", NIC), ("s", NIC)])
        .allocate(&[("r", "a")])
        .publish(vec![nic("a", "d1")]);
    assert_eq!(
        world.error(),
        format!("{PREFIX}request s not found in claim app/extended")
    );
}

#[test]
fn a_device_of_another_resource_fails_the_add() {
    // T6.5: mismatch
    let world = world(&[("r", NIC)])
        .allocate(&[("r", "a")])
        .publish(vec![published("pool", "a", "d1", Some(OTHER))]);
    assert_eq!(
        world.error(),
        format!(
            "{PREFIX}device sriov.example.com/pool/a of request r in claim app/extended is one of resource \
             \"example.com/other\", not of \"example.com/nic\""
        )
    );
}

#[test]
fn a_device_that_no_slice_explains_fails_the_add() {
    for (devices, attribute) in [
        (Vec::new(), "deviceID"),
        (vec![published("pool", "a", "d1", None)], "resourceName"),
    ] {
        let world = world(&[("r", NIC)])
            .allocate(&[("r", "a")])
            .publish(devices);
        assert_eq!(
            world.error(),
            format!(
                "{PREFIX}device sriov.example.com/pool/a of request r in claim app/extended: \
                 no ResourceSlice gives it the attribute k8s.cni.cncf.io/{attribute}"
            )
        );
    }
}

#[test]
fn devices_of_resources_that_no_network_is_made_for_need_no_attributes() {
    let world = world(&[("gpu", "example.com/gpu"), ("r", NIC)])
        .allocate(&[("gpu", "g0"), ("r", "a")])
        .publish(vec![nic("a", "d1")]);
    assert_eq!(world.devices(), [Some("d1".to_owned()), None]);
}

#[test]
fn a_missing_claim_or_one_without_allocation_fails_the_add() {
    // T6.5
    let missing = world(&[("r", NIC)]);
    assert_eq!(
        missing.error(),
        format!("{PREFIX}resource claim app/extended of the pod not found")
    );
    let empty = world(&[("r", NIC)]).allocate(&[]);
    assert_eq!(
        empty.error(),
        format!("{PREFIX}claim app/extended has no device allocation")
    );
}
