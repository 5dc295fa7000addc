//! `cargo xtask demo`: two pods with three networks each, through `multus` in local mode, in namespaces of its own.

mod attach;
mod parts;
mod ping;
mod privilege;
mod report;
mod stage;
mod stopwatch;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use testkit::leaks;

use attach::Attached;
use stage::{Pod, Stage};

/// The two pods: the one that is shown, and the one that it pings.
const PODS: [Pod; 2] = [
    Pod {
        name: "web",
        container: "c0ffee01",
    },
    Pod {
        name: "db",
        container: "c0ffee02",
    },
];

/// What the second half of the demo needs of the first.
#[derive(Debug, Clone)]
struct Parts {
    plugins: PathBuf,
    multus: PathBuf,
}

/// Runs the demo.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        [] => {
            println!("Two pods, three networks each, no cluster.\n");
            privilege::check_programs()?;
            let entry = privilege::find()?;
            let parts = parts::gather()?;
            report::fact("node", entry.describe());
            entry.enter(&parts)
        }
        // What `privilege` starts in a user namespace.
        ["--inside", plugins, multus] => inside(&Parts {
            plugins: plugins.into(),
            multus: multus.into(),
        }),
        _ => bail!("the demo takes no arguments"),
    }
}

/// The part that runs as root, or as the root of a user namespace.
fn inside(parts: &Parts) -> Result<()> {
    let stage = Stage::set(parts)?;
    let before = stage.snapshot()?;
    println!(
        "\nPod demo/web asks for more than the cluster's network: {} {}\n",
        stage::ANNOTATION,
        stage::NETWORKS
    );

    let [web, db] = &PODS;
    let second = stage.attach(db).context("attach the second pod")?;
    let first = stage.attach(web).context("attach the first pod")?;
    report::attachment(&first);
    report::status(&first);
    report::pings(&first, &second)?;

    println!("\nDetached:");
    for attached in [first, second] {
        let took = stage.detach(&attached)?;
        report::fact(
            &attached.pod.full_name(),
            format!("{} ms", report::milliseconds(took)),
        );
        let Attached { sandbox, .. } = attached;
        sandbox.destroy().context("remove a sandbox")?;
    }
    let left = leaks::without_links(stage.leaks(&before)?, &stage::BRIDGES);
    if !left.is_empty() {
        bail!("something is left behind:\n{}", leaks::lines(&left));
    }
    report::fact(
        "left behind",
        "no link, no address, no route, no rule, no process, no file",
    );
    let note = format!(
        "(the bridges {} stay, without ports: the bridge plugin keeps them)",
        stage::BRIDGES.join(" and ")
    );
    report::fact("", note);
    Ok(())
}
