//! The ledger, ours and upstream's.

use cni::ContainerId;
use engine::{Container, Ledger, Remembered};
use plan::{PodArgs, PodRef, RuntimeConfig};

/// What it takes to undo an attachment is the same after a ledger was written, and it is written the same again.
pub fn ledger(data: &[u8]) {
    let container = Container {
        id: ContainerId::parse("c1").expect("a good id"),
        netns: "/run/netns/x".into(),
        ifname: "eth0".into(),
        pod: PodRef::default(),
        cni_args: String::new(),
        configuration: "multus".into(),
        time: 0,
    };
    let (args, runtime_config) = (PodArgs::default(), RuntimeConfig::default());
    let remembered = Remembered {
        container: &container,
        args: &args,
        runtime_config: &runtime_config,
    };
    let Ok(ledger) = Ledger::decode(data, &remembered) else {
        return;
    };
    let bytes = ledger.encode().expect("a ledger has a text");
    let again = Ledger::decode(&bytes, &remembered).expect("what was written can be read");
    assert_eq!(again.container, ledger.container);
    assert_eq!(again.phase, ledger.phase);
    assert_eq!(again.records.len(), ledger.records.len());
    for (one, other) in again.records.iter().zip(&ledger.records) {
        assert_eq!(
            (&one.name, &one.ifname, &one.args, one.conf.bytes()),
            (&other.name, &other.ifname, &other.args, other.conf.bytes())
        );
        assert_eq!(one.capability_args, other.capability_args);
        // The interface name that was asked for is written only as far as upstream needs it.
        let requests = plan::Requests {
            interface: one.requests.interface.clone(),
            ..other.requests.clone()
        };
        assert_eq!(one.requests, requests);
    }
    assert_eq!(again.encode().expect("a ledger has a text"), bytes);
}
