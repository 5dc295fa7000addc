//! The image for people.

use anyhow::{Result, ensure};

use super::stage::Stage;
use crate::image::Kind;
use crate::site::PARENT;

/// Somebody who looks for a fault runs the daemon from the image with a shell.
pub(super) fn debug_image(stage: &mut Stage) -> Result<()> {
    let own = stage.site.image()?;
    let debug = stage.site.import(Kind::Debug)?;
    stage.site.use_image(&debug)?;
    stage.site.wait_for_daemon()?;
    let script = "ls /host/etc/cni/net.d; ip -o link; /multus-daemon get /readyz";
    let words = [
        "-n",
        "kube-system",
        "exec",
        "daemonset/kube-multus-ds",
        "--",
    ];
    let words = words.into_iter().chain(["sh", "-ec", script]);
    let said = stage.site.node().kubectl(words)?.check()?.stdout_text();
    for expected in ["00-multus.conf", PARENT, "in force"] {
        ensure!(said.contains(expected), "no {expected} in {said}");
    }
    stage.site.use_image(&own)?;
    stage.site.wait_for_daemon()
}
