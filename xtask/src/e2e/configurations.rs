//! A configuration that changes while pods run.

use std::fs;

use anyhow::{Context, Result, ensure};
use testkit::kube::wait;

use super::objects::TWO;
use super::stage::{LIMIT, Stage};
use crate::site::{PRIMARY, STATE, primary};

/// The cluster network is replaced by another one; pods on the old one are detached from it later.
pub(super) fn primary_replaced(stage: &mut Stage) -> Result<()> {
    stage.pod("old", TWO)?;
    stage.ready(1)?;
    let other = primary("cni1", "10.245.0.0/16");
    put_primary(stage, &other.to_string(), "cni1")?;
    stage.pod("new", TWO)?;
    stage.ready(2)?;
    let addresses = stage.status("new")?;
    ensure!(
        addresses[0]["ips"][0]
            .as_str()
            .is_some_and(|ip| ip.starts_with("10.245.")),
        "{addresses:?}"
    );
    let first = primary("cni0", "10.244.0.0/16");
    put_primary(stage, &first.to_string(), "cni0")
}

/// Puts another configuration in the primary's place, and waits until new pods get it.
fn put_primary(stage: &Stage, text: &str, bridge: &str) -> Result<()> {
    let path = stage.site.path(PRIMARY);
    let beside = path.with_extension("new");
    fs::write(&beside, text).context("write another cluster network")?;
    fs::rename(&beside, &path).context("replace the cluster network")?;
    wait::until_true("the daemon to follow the primary", LIMIT, || {
        let record = fs::read_to_string(stage.site.path(STATE).join(".primary"))?;
        Ok(record.contains(bridge))
    })
}
