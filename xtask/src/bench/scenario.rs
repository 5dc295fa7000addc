//! What is attached: a default network and some more, made by plugins that do nothing or by real ones.

use std::path::Path;

use serde_json::{Value, json};

/// What the plugins are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One that reads its input and prints a canned result.
    Noop,
    /// The reference plugins: bridge and macvlan, with host-local addresses.
    Real,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Noop, Self::Real];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Noop => "no-op",
            Self::Real => "real",
        }
    }
}

/// How many networks a pod asks for beside its default one.
pub(super) const EXTRA: [usize; 3] = [0, 2, 8];

/// The parent of macvlan interfaces.
pub(super) const UPLINK: &str = "uplink0";

/// The pod's name; its namespace is the scenario's.
pub(super) const POD: &str = "pod";

/// A pod with its networks.
#[derive(Debug, Clone)]
pub(super) struct Scenario {
    pub(super) kind: Kind,
    /// Networks beside the default one.
    pub(super) extra: usize,
    /// The Kubernetes namespace.
    pub(super) namespace: String,
    /// The configurations, the default network's first.
    pub(super) networks: Vec<Value>,
}

impl Scenario {
    /// One for each kind and number. Addresses are kept below `home`.
    pub(super) fn all(home: &Path) -> Vec<Self> {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            for extra in EXTRA {
                all.push(Self {
                    kind,
                    extra,
                    namespace: format!("bench-{}-{extra}", kind.word()),
                    networks: (0..=extra)
                        .map(|index| network(kind, extra, index, home))
                        .collect(),
                });
            }
        }
        all
    }

    /// The value of the annotation that asks for the networks.
    pub(super) fn annotation(&self) -> String {
        let names: Vec<&str> = self.networks.iter().skip(1).map(name).collect();
        names.join(",")
    }
}

/// A configuration's name.
pub(super) fn name(conf: &Value) -> &str {
    conf["name"].as_str().unwrap_or_default()
}

/// The interface of the attachment with this number.
pub(super) fn interface(index: usize) -> String {
    match index {
        0 => "eth0".to_owned(),
        other => format!("net{other}"),
    }
}

/// The first network and every other one is a bridge; the ones between are macvlans.
fn network(kind: Kind, extra: usize, index: usize, home: &Path) -> Value {
    let name = format!("{}-{extra}-{index}", kind.word());
    let mut conf = json!({"cniVersion": "1.0.0", "name": name});
    match kind {
        Kind::Noop => conf["type"] = json!("noop-cni"),
        Kind::Real if index.is_multiple_of(2) => {
            conf["type"] = json!("bridge");
            conf["bridge"] = json!(format!("br-{extra}-{index}"));
        }
        Kind::Real => {
            conf["type"] = json!("macvlan");
            conf["master"] = json!(UPLINK);
        }
    }
    if kind == Kind::Real {
        let subnet = format!("10.{}.{index}.0/24", 100 + extra);
        let folder = home.join("addresses");
        conf["ipam"] = json!({"type": "host-local", "dataDir": folder, "subnet": subnet});
    }
    conf
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_a_kind_differ_in_name_and_subnet() {
        let all = Scenario::all(Path::new("/home"));
        assert_eq!(all.len(), Kind::ALL.len() * EXTRA.len());
        let eight = all
            .iter()
            .find(|one| one.kind == Kind::Real && one.extra == 8)
            .unwrap();
        assert_eq!(eight.networks.len(), 9);
        assert_eq!(eight.annotation().split(',').count(), 8);
        let subnets: std::collections::BTreeSet<_> = eight
            .networks
            .iter()
            .map(|conf| conf["ipam"]["subnet"].to_string())
            .collect();
        assert_eq!(subnets.len(), 9);
    }
}
