//! What the fuzzer calls: every reader of outside data, with what must hold for whatever it is given. Nothing may panic;
//! what was read once reads the same once it is written.
//!
//! `fuzz/` holds the programs for `cargo fuzz`; the test here replays the corpus, so that a finding stays found.

mod annotation;
mod definition;
mod ledger;

use cni::{CacheEntry, CniResult, NetworkConf, Version};
use plan::{NetConf, PodArgs};

pub use annotation::annotation;
pub use definition::{definition, device_info};
pub use ledger::ledger;

/// A target: its name, which is that of its corpus, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 7] = [
    ("annotation", annotation),
    ("definition", definition),
    ("device_info", device_info),
    ("configuration", configuration),
    ("result", result),
    ("ledger", ledger),
    ("cni_args", cni_args),
];

/// Our own configuration, and those of networks.
pub fn configuration(data: &[u8]) {
    if let Ok(conf) = NetConf::parse(data) {
        assert!(conf.cni_dir.is_absolute());
        assert_ne!(conf.cluster_network.is_some(), !conf.delegates.is_empty());
    }
    for conf in [
        NetworkConf::parse(data),
        NetworkConf::parse_single(data),
        NetworkConf::parse_list(data),
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(conf.bytes(), data);
        let form = conf.form();
        let named = conf
            .with_name("renamed")
            .expect("a good name fits every configuration");
        let again = match form {
            cni::Form::Single => NetworkConf::parse_single(named.bytes()),
            cni::Form::List => NetworkConf::parse_list(named.bytes()),
        };
        let again = again.expect("what was written can be read");
        assert_eq!(again.name(), "renamed");
        assert_eq!(again.version_label(), named.version_label());
        assert_eq!(again.header_value(), named.header_value());
        assert_eq!(again.list_header_value(), named.list_header_value());
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
            let Ok(converted) = result.clone().convert(version) else {
                continue;
            };
            let value = result
                .to_value(version)
                .expect("what can be converted has a text");
            let again =
                CniResult::from_value(value, version).expect("what was converted can be read");
            assert_eq!(again, converted);
        }
        let statuses = plan::network_statuses("ns/net", true, &result);
        assert!(statuses.iter().filter(|status| status.default).count() <= 1);
        npwg::status::render(&statuses).expect("a status has a text");
    }
    if let Ok(entry) = CacheEntry::parse(data) {
        let bytes = entry.encode().expect("an entry has a text");
        assert_eq!(
            CacheEntry::parse(&bytes).expect("what was written can be read"),
            entry
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
    for (key, _) in &args.pairs {
        assert!(pairs.iter().any(|(known, _)| known == key), "{key} is lost");
    }
    if let Ok(encoded) = cni::args::encode(&pairs) {
        assert_eq!(cni::args::decode(&encoded), pairs);
        let again = PodArgs::parse(&encoded).expect("what was written can be read");
        assert_eq!(plan::cni_args(&again, &plan::Requests::default()), pairs);
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
