//! Configurations of reference plugins on a [`Node`].

use serde_json::{Value, json};

use crate::node::{Node, UPLINK};

impl Node {
    /// Addresses from these subnets, one of each.
    pub fn host_local(&self, subnets: &[&str], routes: &[&str]) -> Value {
        let ranges: Vec<Value> = subnets
            .iter()
            .map(|subnet| json!([{"subnet": subnet}]))
            .collect();
        let routes: Vec<Value> = routes
            .iter()
            .map(|destination| json!({"dst": destination}))
            .collect();
        json!({"type": "host-local", "dataDir": self.addresses, "ranges": ranges, "routes": routes})
    }

    /// A network on a bridge of the same name, which is its pods' gateway towards `routes`.
    pub fn bridge(&self, name: &str, subnets: &[&str], routes: &[&str]) -> Value {
        json!({
            "cniVersion": "1.0.0",
            "name": name,
            "type": "bridge",
            "bridge": name,
            "isGateway": true,
            "ipam": self.host_local(subnets, routes),
        })
    }

    /// The network that every pod gets: the bridge `cluster` with the default route.
    pub fn cluster(&self) -> Value {
        self.bridge("cluster", &["10.88.0.0/24"], &["0.0.0.0/0"])
    }

    /// A network on the node's uplink, without gateway.
    pub fn macvlan(&self, name: &str, subnet: &str) -> Value {
        json!({
            "cniVersion": "1.0.0",
            "name": name,
            "type": "macvlan",
            "master": UPLINK,
            "mode": "bridge",
            "ipam": self.host_local(&[subnet], &[]),
        })
    }
}
