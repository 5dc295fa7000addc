//! How Multus goes from a node: uninstalled, taken away, replaced by itself, or by its other form; and what pods of before come to.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testkit::kube::wait;

use super::objects::TWO;
use super::restarts::under_a_stream;
use super::stage::{LIMIT, Stage};
use crate::site::{Form, GENERATED, PRIMARY, STATE};

/// Where the addresses are that pods have.
const ADDRESSES: &str = "/var/lib/cni/networks";

/// Multus is on the node as before, whatever a scenario came to: the next one needs it.
fn restored(stage: &mut Stage, play: fn(&mut Stage) -> Result<()>) -> Result<()> {
    let played = play(stage);
    stage.site.apply(Form::Thick)?;
    exchanged(stage, Form::Thick)?;
    played
}

/// The chart is uninstalled while pods run: new ones get the cluster network, and old ones are detached from all of theirs.
pub(super) fn uninstalled(stage: &mut Stage) -> Result<()> {
    restored(stage, uninstall)
}

fn uninstall(stage: &mut Stage) -> Result<()> {
    for name in ["old-a", "old-b"] {
        stage.pod(name, TWO)?;
    }
    stage.ready(2)?;
    stage.site.install_chart()?;
    let ours = stage.site.path(GENERATED);
    let text = fs::read_to_string(&ours)?;
    stage.site.uninstall_chart()?;
    ensure!(!ours.exists(), "our configuration is still there: {text}");
    ensure!(stage.site.has(PRIMARY), "the cluster network's is not");
    stage.wait_for_runtime(false)?;
    stage.pod("new", "")?;
    stage.ready(3)?;
    for (name, left) in [("old-a", 1), ("old-b", 0)] {
        stage.delete(name)?;
        wait::until_true("a pod of before to be detached", LIMIT, || {
            pause();
            let (ledgers, addresses) = (ledgers(stage), addresses(stage));
            // Each has two networks of its own, and the new one the cluster network.
            Ok(ledgers == left && addresses == left * 3 + 1)
        })?;
    }
    let said = stage.site.uninstaller_says()?;
    ensure!(
        said.contains("nothing is left of what Multus attached"),
        "{said}"
    );
    stage.site.delete_uninstaller()
}

/// The DaemonSet is taken away: pods are deleted all the same, plain ones start if that is wanted, and the others wait and say for
/// what.
pub(super) fn taken_away(stage: &mut Stage) -> Result<()> {
    restored(stage, take_away)
}

fn take_away(stage: &mut Stage) -> Result<()> {
    stage
        .site
        .reconfigure(&json!({"plainPodsWithoutDaemon": true}))?;
    stage.pod("old", TWO)?;
    stage.ready(1)?;
    stage.site.delete_daemon_set()?;
    stage.site.wait_for_no_daemon()?;
    // It waits longest.
    stage.pod("asks", TWO)?;
    stage.delete("old")?;
    wait::until_true("the pod of before to be detached", LIMIT, || {
        pause();
        Ok(stage.client().find(&stage.path("old"))?.is_none() && ledgers(stage) == 0)
    })?;
    stage.pod("plain", "")?;
    wait::until_true("the plain pod to start", LIMIT, || {
        pause();
        Ok(stage.client().get(&stage.path("plain"))?["status"]["phase"] == "Running")
    })?;
    wait::until_true("the pod to say what it waits for", LIMIT, || {
        thread::sleep(Duration::from_secs(1));
        Ok(stage.describe("asks")?.contains("multus-daemon"))
    })?;
    ensure!(stage.site.has(GENERATED), "our configuration is gone");
    stage.site.apply(Form::Thick)?;
    stage.site.wait_for_daemon()?;
    stage.ready(2)
}

/// The DaemonSet is deleted and applied at once, while pods start: what is there at the end is the new one's.
pub(super) fn applied_anew(stage: &mut Stage) -> Result<()> {
    under_a_stream(stage, 3, |stage, _| {
        stage.site.delete_daemon_set()?;
        stage.site.apply(Form::Thick)?;
        stage.site.wait_for_daemon()
    })?;
    ensure!(stage.site.has(GENERATED), "our configuration is gone");
    let said = stage.site.ask("/readyz")?;
    ensure!(said.contains("[+]configuration: "), "{said}");
    Ok(())
}

/// From thick to thin and back by our manifests, with pods of either, and of neither, that are deleted under the other.
pub(super) fn thin_and_back(stage: &mut Stage) -> Result<()> {
    restored(stage, to_thin_and_back)
}

fn to_thin_and_back(stage: &mut Stage) -> Result<()> {
    for name in ["thick-a", "thick-b"] {
        stage.pod(name, TWO)?;
    }
    stage.ready(2)?;
    exchange(stage, Form::Thin)?;
    for name in ["thin-a", "thin-b"] {
        stage.pod(name, TWO)?;
    }
    stage.ready(4)?;
    stage.delete("thick-a")?;
    gone(stage, "thick-a")?;

    // One that the runtime attaches by itself, before thin comes again.
    stage.site.stop_daemon()?;
    for file in ours(stage) {
        fs::remove_file(file)?;
    }
    stage.wait_for_runtime(false)?;
    stage.pod("bare", "")?;
    stage.ready(4)?;
    let before = addresses(stage);
    stage.site.launch_daemon()?;
    exchanged(stage, Form::Thin)?;
    stage.delete("bare")?;
    gone(stage, "bare")?;
    ensure!(
        addresses(stage) == before - 1,
        "the address of a pod of before is still taken"
    );

    exchange(stage, Form::Thick)?;
    stage.delete("thin-a")?;
    gone(stage, "thin-a")?;
    stage.pod("thick-c", TWO)?;
    stage.ready(3)
}

/// Applies the other manifest over the one that is there.
fn exchange(stage: &Stage, form: Form) -> Result<()> {
    stage.site.apply(form)?;
    exchanged(stage, form)
}

fn exchanged(stage: &Stage, form: Form) -> Result<()> {
    stage.site.wait_for_daemon()?;
    wait::until_true("the plugin to be in force", LIMIT, || {
        pause();
        let files = ours(stage);
        // That of the other is taken away.
        let [file] = files.as_slice() else {
            return Ok(false);
        };
        let config: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
        let wanted = form.plugin();
        Ok(config["type"] == wanted || config["plugins"][0]["type"] == wanted)
    })?;
    stage.wait_for_runtime(true)
}

/// Our configurations.
fn ours(stage: &Stage) -> Vec<PathBuf> {
    let file = stage.site.path(GENERATED);
    let list = file.with_extension("conflist");
    let both = [file, list].into_iter();
    both.filter(|file| file.exists()).collect()
}

fn gone(stage: &Stage, name: &str) -> Result<()> {
    wait::until_true("a pod to be gone", LIMIT, || {
        pause();
        Ok(stage.client().find(&stage.path(name))?.is_none())
    })
}

fn ledgers(stage: &Stage) -> usize {
    files(stage.site.path(STATE), |name| !name.starts_with('.'))
}

/// How many addresses are taken, of all networks.
fn addresses(stage: &Stage) -> usize {
    let networks = fs::read_dir(stage.site.path(ADDRESSES));
    let networks = networks.into_iter().flatten().flatten();
    networks
        .map(|network| {
            files(network.path(), |name| {
                name.parse::<std::net::IpAddr>().is_ok()
            })
        })
        .sum()
}

fn files(folder: PathBuf, counts: impl Fn(&str) -> bool) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    entries
        .filter(|entry| is_file(entry) && counts(&entry.file_name().to_string_lossy()))
        .count()
}

fn pause() {
    thread::sleep(Duration::from_millis(200));
}
