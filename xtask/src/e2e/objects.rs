//! The objects that scenarios create.

use serde_json::{Value, json};
use testkit::node::BUSYBOX;

use super::guard::NETWORKS;
use crate::site::PARENT;

/// Two networks: see [`macvlan`] and [`bridge`].
pub(super) const TWO: &str = "macvlan,bridge@data0";

/// A container that ends at once when it is asked to.
fn container() -> Value {
    json!({
        "name": "main",
        "image": BUSYBOX,
        "imagePullPolicy": "Never",
        "command": ["/bin/sh", "-c", "trap exit TERM; sleep 2000000000 & wait"],
    })
}

fn spec() -> Value {
    json!({
        "containers": [container()],
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 2,
    })
}

fn annotations(networks: &str) -> Value {
    if networks.is_empty() {
        json!({})
    } else {
        json!({NETWORKS: networks})
    }
}

/// A pod that asks for these networks.
pub(super) fn pod(namespace: &str, name: &str, networks: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "annotations": annotations(networks)},
        "spec": spec(),
    })
}

/// A Deployment or StatefulSet of such pods.
pub(super) fn set(
    kind: &str,
    namespace: &str,
    name: &str,
    replicas: usize,
    networks: &str,
) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, "annotations": annotations(networks)}, "spec": spec()},
        },
    })
}

/// A macvlan network with addresses from a range.
pub(super) fn macvlan() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "type": "macvlan",
        "master": PARENT,
        "mode": "bridge",
        "ipam": {"type": "host-local", "subnet": "10.1.0.0/16"},
    })
}

/// A macvlan network whose addresses the pod says.
pub(super) fn macvlan_with_static_addresses() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "plugins": [{
            "type": "macvlan",
            "capabilities": {"ips": true},
            "master": PARENT,
            "mode": "bridge",
            "ipam": {"type": "static"},
        }, {"type": "tuning"}],
    })
}

/// A bridge of its own.
pub(super) fn bridge() -> Value {
    json!({
        "cniVersion": "1.0.0",
        "type": "bridge",
        "bridge": "br-e2e",
        "ipam": {"type": "host-local", "subnet": "10.2.0.0/16"},
    })
}
