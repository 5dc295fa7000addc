//! Pods that start while the runtime does not call Multus. They cannot have what they ask for, and nothing can keep them from
//! running: so each is told, and counted.

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testkit::kube::wait;

use super::objects::TWO;
use super::stage::{LIMIT, Stage};
use crate::site::GENERATED;

/// What each is told by an event.
const REASON: &str = "NetworksMissing";
/// What counts them.
const SERIES: &str = "multus_pods_without_networks ";

/// For so long another program takes our configuration away, and so often.
const RENAMING: Duration = Duration::from_secs(20);
const RENAMED_EACH: Duration = Duration::from_secs(2);

/// Multus comes to a node that runs pods.
pub(super) fn before_multus(stage: &mut Stage) -> Result<()> {
    stage.site.stop_daemon()?;
    // What an uninstallation leaves.
    fs::remove_file(stage.site.path(GENERATED))?;
    stage.wait_for_runtime(false)?;
    stage.excused.insert("asked".to_owned());
    stage.pod("plain", "")?;
    stage.pod("asked", TWO)?;
    stage.ready(2)?;
    stage.site.launch_daemon()?;
    stage.site.wait_for_daemon()?;
    stage.wait_for_runtime(true)?;
    stage.pod("new", TWO)?;
    stage.ready(3)?;
    told_and_counted(stage, &["asked".to_owned()])?;
    // The next daemon finds it as well, and does not tell it again.
    stage.site.renew_daemon()?;
    told_and_counted(stage, &["asked".to_owned()])?;
    stage.delete("asked")?;
    wait::until_true("nobody to be counted", LIMIT, || Ok(counted(stage)? == "0"))
}

/// Another program renames our configuration every two seconds. It is put back less and less often, and pods that start
/// meanwhile may have the cluster network alone. When the program has stopped, ours is in force again.
pub(super) fn renamed_configuration(stage: &mut Stage) -> Result<()> {
    let ours = stage.site.path(GENERATED);
    let away = ours.with_extension("conf.bak");
    let (mut renamed, mut pods) = (0, 0);
    let begun = Instant::now();
    while begun.elapsed() < RENAMING {
        renamed += usize::from(fs::rename(&ours, &away).is_ok());
        let name = format!("meanwhile-{pods}");
        stage.pod(&name, TWO)?;
        stage.excused.insert(name);
        pods += 1;
        thread::sleep(RENAMED_EACH);
    }
    wait::until_true("our configuration to be back", LIMIT, || Ok(ours.exists()))?;
    let back = begun.elapsed();
    // It is a left-over of the other program's, and no configuration to the runtime.
    fs::remove_file(&away).context("remove the other program's copy")?;
    stage.wait_for_runtime(true)?;
    stage.ready(pods)?;
    let lacking: Vec<String> = stage
        .seen()
        .into_iter()
        .filter(|pod| pod.lacked)
        .map(|pod| pod.name)
        .collect();
    told_and_counted(stage, &lacking)?;
    // What each is told to do.
    for name in &lacking {
        stage.delete(name)?;
    }
    stage.set_of("Deployment", "after", 4, TWO)?;
    stage.ready(pods - lacking.len() + 4)?;
    stage.note = format!(
        "renamed {renamed} times in {} s, back after {:.0} s; {} of {pods} pods started meanwhile lacked networks, and were told",
        RENAMING.as_secs(),
        back.as_secs_f64(),
        lacking.len()
    );
    Ok(())
}

/// These pods of the scenario, and no others, are told once what they lack, and are counted.
fn told_and_counted(stage: &Stage, lacking: &[String]) -> Result<()> {
    let wanted: BTreeSet<&str> = lacking.iter().map(String::as_str).collect();
    let expected = lacking.len().to_string();
    wait::until_true("the pods without networks to be counted", LIMIT, || {
        thread::sleep(Duration::from_millis(500));
        Ok(counted(stage)? == expected)
    })?;
    wait::until_true("each of them to be told", LIMIT, || {
        let told = told(stage)?;
        let names: BTreeSet<&str> = told.iter().map(String::as_str).collect();
        ensure!(
            names.is_subset(&wanted),
            "{told:?} were told, lacking are {wanted:?}"
        );
        ensure!(names.len() == told.len(), "told more than once: {told:?}");
        Ok(names == wanted)
    })
}

/// How many pods the daemon counts.
fn counted(stage: &Stage) -> Result<String> {
    let text = stage.site.ask("/metrics")?;
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix(SERIES));
    found
        .map(str::to_owned)
        .with_context(|| format!("no {SERIES}in the metrics"))
}

/// The pods of the scenario's events, each as often as it was told.
fn told(stage: &Stage) -> Result<Vec<String>> {
    let path = format!(
        "/api/v1/namespaces/{}/events?fieldSelector=reason%3D{REASON}",
        stage.namespace
    );
    let list = stage.client().get(&path)?;
    let events = list["items"].as_array().into_iter().flatten();
    let about =
        |event: &serde_json::Value| event["involvedObject"]["name"].as_str().map(str::to_owned);
    Ok(events.filter_map(about).collect())
}
