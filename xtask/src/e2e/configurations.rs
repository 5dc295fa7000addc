//! Configurations that change while pods run.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testkit::kube::wait;

use super::objects::TWO;
use super::stage::{LIMIT, Stage};
use crate::site::{GENERATED, PRIMARY, STATE, primary};

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

/// Another program renames our configuration every two seconds. When it has stopped, ours is in force again.
pub(super) fn renamed_configuration(stage: &mut Stage) -> Result<()> {
    let ours = stage.site.path(GENERATED);
    let away = ours.with_extension("conf.bak");
    let mut renamed = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        renamed += usize::from(fs::rename(&ours, &away).is_ok());
        thread::sleep(Duration::from_secs(2));
    }
    wait::until_true("our configuration to be back", LIMIT, || Ok(ours.exists()))?;
    let back = begun.elapsed();
    // It is a left-over of the other program's, and no configuration to the runtime.
    fs::remove_file(&away).context("remove the other program's copy")?;
    stage.wait_for_runtime(true)?;
    stage.set_of("Deployment", "after", 4, TWO)?;
    stage.ready(4)?;
    stage.note = format!(
        "renamed {renamed} times in 20 s, back after {:.0} s",
        back.as_secs_f64()
    );
    Ok(())
}
