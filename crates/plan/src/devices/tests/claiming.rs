//! Claims of dynamic resource allocation (B5.82, T2.21, T6.5).

use super::*;
use crate::PodClaim;

const DRIVER: &str = "sriov.example.com";

/// A pod on a node, with one network for each of `resources`.
fn world(resources: &[&str]) -> World {
    let names: Vec<String> = (0..resources.len())
        .map(|number| format!("net-{number}"))
        .collect();
    let mut world = World::new(&names.join(","));
    for (name, resource) in names.iter().zip(resources) {
        world = world.sriov(name, resource);
    }
    world.pod.claims.node = Some("node-1".into());
    world
}

impl World {
    fn claim(mut self, name: &str, devices: Vec<AllocatedDevice>) -> Self {
        self.pod.claims.claims.push(PodClaim {
            name: format!("pod-claim-{name}"),
            claim: Some(name.into()),
        });
        self.claims.push((format!("app/{name}"), Claim { devices }));
        self
    }

    fn slice(mut self, driver: &str, node: &str, devices: Vec<PublishedDevice>) -> Self {
        self.slices
            .push((driver.into(), Some(node.into()), devices));
        self
    }

    fn times_asked(&self, start: &str) -> usize {
        let asked = self.asked();
        asked.iter().filter(|what| what.starts_with(start)).count()
    }
}

fn vf(device: &str) -> AllocatedDevice {
    allocated("vf", DRIVER, "pool", device)
}

fn nic(device: &str, id: &str) -> PublishedDevice {
    published("pool", device, id, Some(NIC))
}

#[test]
fn a_pod_without_claims_causes_no_request() {
    // T6.5
    let world = world(&[NIC]);
    assert_eq!(world.devices(), [None]);
    assert_eq!(world.asked(), ["devices app/pod/u1"]);
}

#[test]
fn the_device_of_a_claim_goes_to_the_network_of_its_resource() {
    // T2.21, T6.5
    let world = world(&[NIC]).claim("c", vec![vf("a")]).slice(
        DRIVER,
        "node-1",
        vec![nic("b", "0000:03:02.1"), nic("a", "0000:03:02.0")],
    );
    assert_eq!(world.devices(), some(&["0000:03:02.0"]));
    assert_eq!(
        world.asked(),
        [
            "claim app/c",
            "devices app/pod/u1",
            "slices sriov.example.com Some(\"node-1\")"
        ]
    );
}

#[test]
fn devices_of_one_or_several_claims_are_sorted_together() {
    // B5.83, T6.5: several devices, several slices of a pool, several claims of one driver.
    let world = world(&[NIC, NIC, NIC])
        .claim("c", vec![vf("a"), vf("b")])
        .claim("d", vec![vf("c")])
        .slice(DRIVER, "node-1", vec![nic("a", "d2"), nic("b", "d0")])
        .slice(DRIVER, "node-1", vec![nic("c", "d1")]);
    assert_eq!(world.devices(), some(&["d0", "d1", "d2"]));
    assert_eq!(world.times_asked("slices"), 1, "one list for a driver");
}

#[test]
fn only_slices_of_the_pods_node_count() {
    // T6.5
    let world = world(&[NIC])
        .claim("c", vec![vf("a")])
        .slice(DRIVER, "node-2", vec![nic("a", "elsewhere")])
        .slice(DRIVER, "node-1", vec![nic("a", "here")]);
    assert_eq!(world.devices(), some(&["here"]));
}

#[test]
fn without_a_node_all_slices_of_the_driver_are_looked_at() {
    let mut world =
        world(&[NIC])
            .claim("c", vec![vf("a")])
            .slice(DRIVER, "node-2", vec![nic("a", "d1")]);
    world.pod.claims.node = None;
    assert_eq!(world.devices(), some(&["d1"]));
    assert_eq!(world.times_asked("slices sriov.example.com None"), 1);
}

#[test]
fn a_claim_may_hold_devices_of_several_resources_drivers_and_pools() {
    // T6.5
    let other_pool = published("pool-2", "a", "d2", Some(OTHER));
    let devices = vec![
        vf("a"),
        allocated("vf", DRIVER, "pool-2", "a"),
        allocated("x", "other.example.com", "pool", "a"),
    ];
    let world = world(&[OTHER, NIC, NIC])
        .claim("c", devices)
        .slice(DRIVER, "node-1", vec![nic("a", "d1"), other_pool])
        .slice("other.example.com", "node-1", vec![nic("a", "d3")]);
    assert_eq!(world.devices(), some(&["d2", "d1", "d3"]));
}

#[test]
fn what_the_kubelet_gave_stays_and_is_sorted_with_the_rest() {
    // T2.21, T6.5
    let world = world(&[NIC, NIC, OTHER])
        .given(NIC, &["d2"])
        .given(OTHER, &["d9"])
        .claim("c", vec![vf("a")])
        .slice(DRIVER, "node-1", vec![nic("a", "d1")]);
    assert_eq!(world.devices(), some(&["d1", "d2", "d9"]));
}

#[test]
fn a_claim_that_stands_twice_in_the_pod_is_read_and_counted_once() {
    // T6.5, B5.85
    let mut world =
        world(&[NIC, NIC])
            .claim("c", vec![vf("a")])
            .slice(DRIVER, "node-1", vec![nic("a", "d1")]);
    world.pod.claims.claims.push(PodClaim {
        name: "again".into(),
        claim: Some("c".into()),
    });
    assert_eq!(world.devices(), [Some("d1".to_owned()), None]);
    assert_eq!(world.times_asked("claim"), 1);
}

#[test]
fn a_claim_of_the_same_name_in_another_namespace_is_another_one() {
    // T6.5
    let mut world = world(&[NIC]).claim("c", vec![vf("a")]).slice(
        DRIVER,
        "node-1",
        vec![nic("a", "d1"), nic("b", "d2")],
    );
    let devices = vec![vf("b")];
    world
        .claims
        .insert(0, ("elsewhere/c".into(), Claim { devices }));
    assert_eq!(world.devices(), some(&["d1"]));
}

#[test]
fn a_claim_that_does_not_exist_fails_the_add() {
    // T2.21, T6.5
    let mut world = world(&[NIC]).claim("c", vec![vf("a")]);
    world.claims.clear();
    assert_eq!(
        world.error(),
        "dynamic resource allocation: resource claim app/c of the pod not found"
    );
}

#[test]
fn a_claim_without_an_allocation_fails_the_add() {
    // B5.82
    let world = world(&[NIC]).claim("c", Vec::new());
    assert_eq!(
        world.error(),
        "dynamic resource allocation: claim app/c has no device allocation"
    );
}

#[test]
fn what_says_nothing_to_networks_is_passed_over_and_named() {
    // B5.82, T2.21, T6.5: no slice, no such device (or one without an id), no resource name, an empty one.
    let slice = vec![
        published("pool", "nameless", "d7", None),
        published("pool", "empty", "d8", Some("")),
        nic("a", "d1"),
    ];
    let world = world(&[NIC])
        .claim(
            "gpu",
            vec![allocated("gpu", "gpu.example.com", "pool", "g0")],
        )
        .claim("c", vec![vf("gone"), vf("nameless"), vf("empty"), vf("a")])
        .slice(DRIVER, "node-1", slice);
    assert_eq!(world.devices(), some(&["d1"]));
    let text = |device: &str, claim: &str, attribute: &str| Warning::SkippedDevice {
        text: format!(
            "device {device} of claim app/{claim}: no ResourceSlice gives it the attribute k8s.cni.cncf.io/{attribute}"
        ),
    };
    assert_eq!(
        world.plan(&inline()).unwrap().warnings,
        [
            text("gpu.example.com/pool/g0", "gpu", "deviceID"),
            text("sriov.example.com/pool/gone", "c", "deviceID"),
            text("sriov.example.com/pool/nameless", "c", "resourceName"),
            text("sriov.example.com/pool/empty", "c", "resourceName"),
        ]
    );
}

#[test]
fn a_claim_of_the_pod_without_an_object_is_passed_over_and_named() {
    // B5.82
    let mut world = world(&[NIC]);
    world.pod.claims.claims.push(PodClaim {
        name: "optional".into(),
        claim: None,
    });
    let text = "claim optional of the pod: no ResourceClaim was made for it".into();
    let plan = world.plan(&inline()).unwrap();
    assert_eq!(plan.warnings[0], Warning::SkippedDevice { text });
}

#[test]
fn the_newest_slice_of_a_pool_counts() {
    let newer = PublishedDevice {
        generation: 2,
        ..nic("a", "new")
    };
    let older = nic("a", "old");
    for devices in [[older.clone(), newer.clone()], [newer, older]] {
        let world =
            world(&[NIC])
                .claim("c", vec![vf("a")])
                .slice(DRIVER, "node-1", devices.to_vec());
        assert_eq!(world.devices(), some(&["new"]));
    }
}

#[test]
fn claims_are_objects_of_the_api_only() {
    let world =
        world(&[NIC])
            .claim("c", vec![vf("a")])
            .slice(DRIVER, "node-1", vec![nic("a", "d1")]);
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=app;K8S_POD_NAME=pod";
    let plan = world.plan_with(&inline(), args, Catalog::Local).unwrap();
    assert_eq!(ids(&plan), [None, None]);
    assert_eq!(world.asked(), ["devices app/pod/u1"]);
}
