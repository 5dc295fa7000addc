//! What a node that is gone has left on the machine. It should be nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// How control groups of nodes are called.
pub(super) const GROUP: &str = "multus-rs-node-";

/// Control groups of this process's nodes, and links, mounts and network namespaces of the machine that this process sees.
///
/// A test compares what there was before a node with what there is after it.
pub fn left_on_machine() -> BTreeSet<String> {
    let own = format!("{GROUP}{}-", std::process::id());
    let groups = Path::new("/sys/fs/cgroup");
    let mut found = BTreeSet::new();
    for hierarchy in names(groups) {
        for name in names(&groups.join(&hierarchy)) {
            if name.starts_with(&own) {
                found.insert(format!("control group {hierarchy}/{name}"));
            }
        }
    }
    for name in names(Path::new("/proc/self/net/dev_snmp6")) {
        found.insert(format!("link {name}"));
    }
    for name in names(Path::new("/run/netns")) {
        found.insert(format!("network namespace {name}"));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for place in mounts.lines().filter_map(|line| line.split(' ').nth(4)) {
        found.insert(format!("mount {place}"));
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}
