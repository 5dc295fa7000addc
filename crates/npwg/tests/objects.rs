//! Definitions and device information under arbitrary values.

use npwg::device_info::{
    DeviceInfo, MemifDevice, PciDevice, VdpaDevice, VhostDevice, cni_file, device_plugin_file,
};
use npwg::names::{KIND, RESOURCE_NAME};
use npwg::{Definition, SelectionElement};
use proptest::option;
use proptest::prelude::*;
use serde_json::json;

fn any_device_info() -> impl Strategy<Value = DeviceInfo> {
    let pci = any::<[String; 5]>().prop_map(
        |[
            pci_address,
            vhost_net,
            rdma_device,
            pf_pci_address,
            representor_device,
        ]| PciDevice {
            pci_address,
            vhost_net,
            rdma_device,
            pf_pci_address,
            representor_device,
        },
    );
    let vdpa = any::<[String; 6]>().prop_map(
        |[
            parent_device,
            driver,
            path,
            pci_address,
            pf_pci_address,
            representor_device,
        ]| VdpaDevice {
            parent_device,
            driver,
            path,
            pci_address,
            pf_pci_address,
            representor_device,
        },
    );
    let vhost = any::<[String; 2]>().prop_map(|[mode, path]| VhostDevice { mode, path });
    let memif =
        any::<[String; 3]>().prop_map(|[role, path, mode]| MemifDevice { role, path, mode });
    (
        any::<[String; 2]>(),
        option::of(pci),
        option::of(vdpa),
        option::of(vhost),
        option::of(memif),
    )
        .prop_map(
            |([kind, version], pci, vdpa, vhost_user, memif)| DeviceInfo {
                kind,
                version,
                pci,
                vdpa,
                vhost_user,
                memif,
            },
        )
}

proptest! {
    #[test]
    fn device_information_is_read_back_as_it_was_written(info in any_device_info()) {
        let text = info.render().unwrap();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(DeviceInfo::parse(text.as_bytes()), Ok(info));
    }

    #[test]
    fn every_value_of_a_definition_is_found(
        [name, namespace, config] in any::<[String; 3]>(),
        resource in option::of(any::<String>()),
        kind in any::<bool>(),
    ) {
        prop_assume!(!name.is_empty());
        let mut object = json!({
            "metadata": {"name": name, "namespace": namespace, "annotations": {RESOURCE_NAME: resource}},
            "spec": {"config": config},
        });
        if kind {
            object["kind"] = KIND.into();
        }
        let definition = Definition::from_json(object.to_string().as_bytes()).unwrap();
        prop_assert_eq!(definition.reference(), SelectionElement::new(&*namespace, &*name).reference());
        let resource_name = resource.filter(|resource| !resource.is_empty());
        prop_assert_eq!(definition, Definition { namespace, name, resource_name, config });
    }

    #[test]
    fn file_names_stay_in_their_directory_and_fit(
        [network, resource, device] in any::<[String; 3]>(),
        container in "[a-zA-Z0-9][a-zA-Z0-9_.-]{0,200}",
        interface in "[a-z0-9.]{1,15}",
    ) {
        // B5.91, B4.65
        let file = cni_file(&network.repeat(8), &container, &interface);
        let end = format!("-{container}_{interface}");
        prop_assert!(!file.contains('/') && file.ends_with(&end));
        prop_assert!(file.len() <= 255);
        prop_assert!(!device_plugin_file(&resource, &device).contains('/'));
    }
}
