//! Faults that people make, and what `kubectl describe pod` says of each.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::kube::wait;

use super::objects;
use super::stage::Stage;

/// A fault: the pod's name, what it asks for, the network that is wrong, and what a person reads.
struct Fault {
    name: &'static str,
    networks: &'static str,
    network: fn() -> Value,
    read: &'static str,
}

const FAULTS: [Fault; 11] = [
    Fault {
        name: "no-such-network",
        networks: "nowhere",
        network: none,
        read: "cannot find a network-attachment-definition (nowhere)",
    },
    Fault {
        name: "no-such-plugin",
        networks: "no-such-plugin",
        network: || json!({"cniVersion": "1.0.0", "type": "gone"}),
        read: "failed to find plugin \"gone\"",
    },
    Fault {
        name: "no-such-ipam",
        networks: "no-such-ipam",
        network: || with(objects::bridge(), "ipam", json!({"type": "nobody"})),
        read: "failed to find plugin \"nobody\"",
    },
    Fault {
        name: "no-such-parent",
        networks: "no-such-parent",
        network: || with(objects::macvlan(), "master", json!("eth77")),
        read: "Link not found",
    },
    Fault {
        name: "no-such-setting",
        networks: "no-such-setting",
        network: || {
            let sysctl = json!({"net.ipv4.conf.IFNAME.no_such_setting": "1"});
            let plugins = json!([objects::bridge(), {"type": "tuning", "sysctl": sysctl}]);
            json!({"cniVersion": "1.0.0", "plugins": plugins})
        },
        read: "no_such_setting",
    },
    Fault {
        name: "no-address-left",
        networks: "no-address-left",
        network: full,
        read: "no IP addresses available",
    },
    Fault {
        name: "unknown-version",
        networks: "unknown-version",
        network: || with(objects::macvlan(), "cniVersion", json!("9.9.9")),
        read: "9.9.9",
    },
    Fault {
        name: "bad-annotation",
        networks: r#"[{"name": "macvlan""#,
        network: none,
        read: "k8s.v1.cni.cncf.io/networks",
    },
    Fault {
        name: "bad-address",
        networks: r#"[{"name": "macvlan", "ips": ["10.1.1.999"]}]"#,
        network: none,
        read: "10.1.1.999",
    },
    Fault {
        name: "bad-mac",
        networks: r#"[{"name": "macvlan", "mac": "no-mac"}]"#,
        network: none,
        read: "no-mac",
    },
    Fault {
        name: "same-interface",
        networks: "macvlan@data0,bridge@data0",
        network: none,
        read: "data0",
    },
];

fn none() -> Value {
    Value::Null
}

fn with(mut network: Value, key: &str, value: Value) -> Value {
    network[key] = value;
    network
}

/// A range whose only address is the gateway's.
fn full() -> Value {
    let mut network = objects::bridge();
    network["bridge"] = "br-full".into();
    network["ipam"] = json!({"type": "host-local", "ranges": [[
        {"subnet": "10.3.0.0/24", "rangeStart": "10.3.0.1", "rangeEnd": "10.3.0.1", "gateway": "10.3.0.1"},
    ]]});
    network
}

/// Each pod says why it does not start, and none starts.
pub(super) fn seeded(stage: &mut Stage) -> Result<()> {
    for fault in &FAULTS {
        let network = (fault.network)();
        if !network.is_null() {
            stage.define(fault.name, &network)?;
        }
        stage.pod(fault.name, fault.networks)?;
    }
    for fault in &FAULTS {
        let what = format!("{} to be explained with {:?}", fault.name, fault.read);
        wait::until(&what, Duration::from_secs(120), || {
            let description = stage.describe(fault.name)?;
            let events = description.split("Events:").nth(1).unwrap_or_default();
            let explains =
                |line: &str| line.contains("FailedCreatePodSandBox") && line.contains(fault.read);
            ensure!(events.lines().any(explains), "{events}");
            Ok(Some(()))
        })?;
    }
    ensure!(
        stage.seen().iter().all(|pod| !pod.ready),
        "a pod is ready in spite of its fault"
    );
    Ok(())
}
