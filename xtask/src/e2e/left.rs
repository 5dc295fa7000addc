//! What pods that are gone have left on the node. It should be nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::site::{STATE, Site};

/// Everything of the nodes that comes and goes with pods.
pub(super) fn take(site: &Site) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for node in site.nodes() {
        let (name, world) = (node.name(), node.world());
        for link in world.node().links()? {
            // The bridge plugin means its bridges to stay.
            if link.kind != "bridge" {
                found.insert(format!("{name}: link {} ({})", link.name, link.kind));
            }
        }
        for folder in [
            "/run/netns",
            STATE,
            "/var/lib/cni/networks",
            "/run/k8s.cni.cncf.io",
        ] {
            let inside = format!("{name}: file {folder}");
            files(&world.outside(Path::new(folder)), &inside, &mut found);
        }
    }
    Ok(found)
}

fn files(outside: &Path, inside: &str, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(outside).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let inside = format!("{inside}/{name}");
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            files(&entry.path(), &inside, found);
        } else if !stays(&name) {
            found.insert(inside);
        }
    }
}

/// Locks and records of the node itself; and the address allocator's lock and its note of the last address.
fn stays(name: &str) -> bool {
    [".lock", ".watch", ".primary", "lock"].contains(&name) || name.starts_with("last_reserved_ip.")
}
