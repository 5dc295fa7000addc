//! Where device information comes from, where it goes, and that it goes.

use plan::Plan;
use serde_json::json;

use crate::testing::{Bench, plan};

const PCI: &str = r#"{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:03:02.0"}}"#;
const DEVICE_FILE: &str = "dp/example.com-nic-0000:03:02.0-device.json";
const FILE: &str = "cni/ns-b-c1_net1";

/// Networks `a` and `b`, the second with a place for device information.
fn with_place() -> Plan {
    let mut plan = plan(&["a", "b"]);
    let place = json!("/var/run/k8s.cni.cncf.io/devinfo/cni/ns-b-c1_net1");
    let arguments = &mut plan.attachments[1].capability_args;
    arguments.insert("CNIDeviceInfoFile".into(), place);
    plan
}

/// The same, with a device that a device plugin knows.
fn with_device() -> Plan {
    let mut plan = with_place();
    let requests = &mut plan.attachments[1].requests;
    requests.resource_name = Some("example.com/nic".into());
    requests.device_id = Some("0000:03:02.0".into());
    plan
}

fn bench(files: &[(&str, &str)]) -> Bench {
    let bench = Bench::default();
    for (name, text) in files {
        bench.put(name, text);
    }
    bench
}

impl Bench {
    fn put(&self, name: &str, text: &str) {
        let mut files = self.device_info.borrow_mut();
        files.insert(name.to_owned(), text.as_bytes().to_vec());
    }

    /// What was told of device information since the last time.
    fn problems(&self) -> Vec<String> {
        let mut told: Vec<String> = self.told.borrow_mut().drain(..).collect();
        told.retain(|line| line.contains(": "));
        told
    }

    fn file(&self, name: &str) -> Option<String> {
        let files = self.device_info.borrow();
        files
            .get(name)
            .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
    }
}

#[test]
fn what_the_device_plugin_left_is_copied_for_the_plugins_and_into_the_status() {
    // B3.80, B4.28, B5.95, B5.96, DI-21, DI-40
    let unknown = PCI.replace("\"pci\":{", "\"more\":1,\"pci\":{");
    let bench = bench(&[(DEVICE_FILE, &unknown)]);
    let attached = bench.add(&with_device()).unwrap();
    assert_eq!(
        bench.file(FILE).as_deref(),
        Some(PCI),
        "keys that nobody knows are dropped"
    );
    let [first, second] = attached.statuses.as_slice() else {
        panic!("{:?}", attached.statuses)
    };
    assert_eq!(first.device_info, None);
    let info = second.device_info.as_ref().unwrap();
    assert_eq!(info.pci.as_ref().unwrap().pci_address, "0000:03:02.0");
}

#[test]
fn what_a_plugin_writes_is_in_the_status() {
    // DI-32, DI-40, B5.96
    let mut bench = bench(&[(DEVICE_FILE, PCI)]);
    let memif = r#"{"type":"memif","version":"1.1.0","memif":{"role":"master","path":"/m","mode":"ethernet"}}"#;
    bench.leaves.push(("ADD b net1", "ns-b-c1_net1", memif));
    for plan in [with_place(), with_device()] {
        let attached = bench.add(&plan).unwrap();
        let info = attached.statuses[1].device_info.clone().unwrap();
        assert_eq!((info.kind.as_str(), info.pci), ("memif", None));
        bench.del("c1").unwrap();
    }
}

#[test]
fn what_an_earlier_attempt_left_does_not_stay() {
    // Q73
    let stale = PCI.replace("03", "99");
    let bench = bench(&[(FILE, &stale), (DEVICE_FILE, PCI)]);
    bench.add(&with_device()).unwrap();
    assert_eq!(bench.file(FILE).as_deref(), Some(PCI));
    bench.del("c1").unwrap();
    bench.put(FILE, &stale);
    let attached = bench.add(&with_place()).unwrap();
    assert_eq!(bench.file(FILE), None);
    assert_eq!(attached.statuses[1].device_info, None);
}

#[test]
fn unreadable_information_is_no_information_and_told() {
    // B5.95, B5.96
    let mut bench = bench(&[(DEVICE_FILE, "{"), (FILE, PCI)]);
    let attached = bench.add(&with_device()).unwrap();
    assert_eq!(attached.statuses[1].device_info, None);
    assert_eq!(
        bench.file(FILE),
        None,
        "what was there before is not about this device"
    );
    let problems = bench.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("ADD ns/b net1: read device information: "),
        "{problems:?}"
    );
    bench.del("c1").unwrap();
    bench.leaves.push(("ADD b net1", "ns-b-c1_net1", "[]"));
    let attached = bench.add(&with_place()).unwrap();
    assert_eq!(attached.statuses[1].device_info, None);
    assert_eq!(bench.problems().len(), 1);
}

#[test]
fn information_that_breaks_the_specification_is_published_and_told() {
    // DI-01, DI-41, B3.80
    let mut bench = bench(&[]);
    let text = r#"{"type":"pci","version":"1.1.0"}"#;
    bench.leaves.push(("ADD b net1", "ns-b-c1_net1", text));
    let attached = bench.add(&with_place()).unwrap();
    assert_eq!(
        attached.statuses[1].device_info.as_ref().unwrap().kind,
        "pci"
    );
    assert_eq!(
        bench.problems(),
        ["ADD ns/b net1: device information: pci is missing"]
    );
}

#[test]
fn the_file_goes_with_the_attachment_whether_its_del_succeeds_or_not() {
    // B4.106, B5.97, DI-23
    let bench = bench(&[(DEVICE_FILE, PCI)]);
    bench.add(&with_device()).unwrap();
    bench.fail("DEL b net1", 100);
    bench.del("c1").unwrap_err();
    assert_eq!(bench.file(FILE), None);
    assert!(
        bench.file(DEVICE_FILE).is_some(),
        "the device plugin's own stays"
    );
}

#[test]
fn a_failed_add_leaves_no_file() {
    // B4.30
    let bench = bench(&[(DEVICE_FILE, PCI)]);
    bench.fail("ADD b net1", 100);
    bench.add(&with_device()).unwrap_err();
    assert_eq!(bench.file(FILE), None);
    let mut optional = with_device();
    optional.attachments[1].requests.optional = true;
    bench.add(&optional).unwrap();
    assert_eq!(bench.file(FILE), None);
}

#[test]
fn a_place_that_is_not_this_attachments_is_left_alone() {
    let others = ["cni/ns-b-c2_net1", "cni/other-c1_net2", "dp/ns-b-c1_net1"];
    let bench = bench(&others.map(|name| (name, PCI)));
    for path in [
        "/var/run/k8s.cni.cncf.io/devinfo/cni/ns-b-c2_net1",
        "/var/run/k8s.cni.cncf.io/devinfo/cni/other-c1_net2",
        "/var/run/k8s.cni.cncf.io/devinfo/cni/../dp/ns-b-c1_net1",
        "/var/run/k8s.cni.cncf.io/devinfo/dp/ns-b-c1_net1",
        "/etc/x-c1_net1",
        "",
    ] {
        let mut plan = with_place();
        let arguments = &mut plan.attachments[1].capability_args;
        arguments.insert("CNIDeviceInfoFile".into(), json!(path));
        let attached = bench.add(&plan).unwrap();
        assert_eq!(attached.statuses[1].device_info, None, "{path}");
        bench.del("c1").unwrap();
    }
    for name in others {
        assert_eq!(bench.file(name).as_deref(), Some(PCI), "{name}");
    }
}
