//! What the fuzzer calls: every reader of outside data, with what must hold for whatever it is given. Nothing may panic;
//! what was read once reads the same once it is written.
//!
//! `fuzz/` holds the programs for `cargo fuzz`; the test here replays the corpus, so that a finding stays found.

use cni::{CacheEntry, CniResult, ContainerId, NetworkConf, Version};
use engine::{Container, Ledger, Remembered};
use plan::{NetConf, PodArgs, PodRef, RuntimeConfig};

/// A target: its name, which is that of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 5] = [
    ("annotation", annotation),
    ("configuration", configuration),
    ("result", result),
    ("ledger", ledger),
    ("cni_args", cni_args),
];

/// The two annotations by which a pod asks for networks, and the one that tells what it got.
pub fn annotation(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(elements) = npwg::selection::parse(text, "default") {
        for element in elements {
            assert!(!element.name.is_empty() && !element.namespace.is_empty());
            assert!(
                element
                    .interface
                    .is_none_or(|name| cni::IfName::parse(&name).is_ok())
            );
        }
    }
    let _ = npwg::selection::parse_default_network(text, "kube-system");
    if let Ok(statuses) = npwg::status::parse(text) {
        let rendered = npwg::status::render(&statuses).expect("a status has a text");
        assert_eq!(
            npwg::status::parse(&rendered).expect("what was written can be read"),
            statuses
        );
    }
}

/// Our own configuration, and those of networks.
pub fn configuration(data: &[u8]) {
    let _ = NetConf::parse(data);
    let _ = NetworkConf::parse_single(data);
    let _ = NetworkConf::parse_list(data);
    if let Ok(conf) = NetworkConf::parse(data) {
        let named = conf
            .with_name("renamed")
            .expect("a good name fits every configuration");
        let again = NetworkConf::parse(named.bytes()).expect("what was written can be read");
        assert_eq!(again.name(), "renamed");
        assert_eq!(again.plugins(), named.plugins());
    }
}

/// Results of plugins, in all versions, and result cache entries.
pub fn result(data: &[u8]) {
    for default in [Version::V0_2_0, Version::V1_0_0] {
        let Ok(result) = CniResult::parse(data, default) else {
            continue;
        };
        let own = result
            .to_value(result.version)
            .expect("a result has a text in its own version");
        let again = CniResult::from_value(own, default).expect("what was written can be read");
        assert_eq!(again, result);
        for version in Version::ALL {
            if let Ok(value) = result.to_value(version) {
                CniResult::from_value(value, version).expect("what was converted can be read");
            }
        }
        let _ = plan::network_statuses("ns/net", true, &result);
    }
    if let Ok(entry) = CacheEntry::parse(data) {
        let bytes = entry.encode().expect("an entry has a text");
        assert_eq!(
            CacheEntry::parse(&bytes).expect("what was written can be read"),
            entry
        );
    }
}

/// Ledgers, ours and upstream's.
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
    assert_eq!(again.records.len(), ledger.records.len());
    for (one, other) in again.records.iter().zip(&ledger.records) {
        assert_eq!(
            (&one.ifname, &one.args, one.conf.bytes()),
            (&other.ifname, &other.args, other.conf.bytes())
        );
    }
}

/// `CNI_ARGS`.
pub fn cni_args(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(args) = PodArgs::parse(text) else {
        return;
    };
    let pairs = plan::cni_args(&args, &plan::Requests::default());
    for (index, (key, _)) in pairs.iter().enumerate() {
        assert!(
            pairs.iter().skip(index + 1).all(|(other, _)| other != key),
            "{key} stands twice"
        );
    }
    if let Ok(encoded) = cni::args::encode(&pairs) {
        assert_eq!(cni::args::decode(&encoded), pairs);
    }
}

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use std::path::Path;

    #[test]
    fn the_corpus_holds() {
        for (name, target) in TARGETS {
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("corpus")
                .join(name);
            let files: Vec<_> = std::fs::read_dir(&corpus)
                .expect("every target has a corpus")
                .collect();
            assert!(!files.is_empty(), "{name} has an empty corpus");
            for file in files {
                target(&std::fs::read(file.expect("readable").path()).expect("readable"));
            }
        }
    }
}
