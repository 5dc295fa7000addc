//! Workloads of every kind, and many of them.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::kube::wait;

use super::objects::{self, TWO};
use super::stage::{LIMIT, Stage};
use crate::site::GENERATED;

/// A hundred pods with two networks each.
pub(super) fn hundred_pods(stage: &mut Stage) -> Result<()> {
    stage.set_of("Deployment", "many", 100, TWO)?;
    stage.ready_within(100, Duration::from_secs(900))
}

/// How much longer a Deployment takes with two more networks than on the cluster network alone, without Multus.
pub(super) fn beside_the_primary_alone(stage: &mut Stage) -> Result<()> {
    let mut took = Vec::new();
    for round in 0..2 {
        took.push(replicas(stage, &format!("with-{round}"), TWO)?);
        stage.site.stop_daemon()?;
        std::fs::remove_file(stage.site.path(GENERATED))?;
        stage.wait_for_runtime(false)?;
        took.push(replicas(stage, &format!("alone-{round}"), "")?);
        stage.site.launch_daemon()?;
        stage.site.wait_for_daemon()?;
        stage.wait_for_runtime(true)?;
    }
    let seconds = |index: usize| took.get(index).map_or(0.0, Duration::as_secs_f64);
    stage.note = format!(
        "30 replicas × 2 networks {:.1} and {:.1} s, primary alone {:.1} and {:.1} s",
        seconds(0),
        seconds(2),
        seconds(1),
        seconds(3)
    );
    Ok(())
}

fn replicas(stage: &Stage, name: &str, networks: &str) -> Result<Duration> {
    let begun = Instant::now();
    stage.set_of("Deployment", name, 30, networks)?;
    stage.ready_within(30, Duration::from_secs(600))?;
    let took = begun.elapsed();
    stage.client().delete_gracefully(&format!(
        "/apis/apps/v1/namespaces/{}/deployments/{name}",
        stage.namespace
    ))?;
    stage.gone()?;
    Ok(took)
}

/// A StatefulSet's pods come back under their names, with other uids.
pub(super) fn stateful_set(stage: &mut Stage) -> Result<()> {
    stage.set_of("StatefulSet", "state", 3, TWO)?;
    stage.ready(3)?;
    for name in ["state-0", "state-1", "state-2"] {
        stage.delete(name)?;
    }
    let renewed = |stage: &Stage| {
        let pods = stage.seen();
        pods.len() == 6 && pods.iter().filter(|pod| pod.present && pod.ready).count() == 3
    };
    wait::until_true("the pods to be renewed", LIMIT, || Ok(renewed(stage)))?;
    ensure!(
        stage.status("state-0")?.len() == 3,
        "the renewed pod has not its networks"
    );
    Ok(())
}

/// A Deployment is rolled over to another network.
pub(super) fn rolling_update(stage: &mut Stage) -> Result<()> {
    stage.set_of("Deployment", "rolled", 6, "macvlan")?;
    stage.ready(6)?;
    let path = format!(
        "/apis/apps/v1/namespaces/{}/deployments/rolled",
        stage.namespace
    );
    let annotations = json!({super::guard::NETWORKS: TWO});
    stage.client().patch(
        &path,
        &json!({"spec": {"template": {"metadata": {"annotations": annotations}}}}),
    )?;
    wait::until_true("the Deployment to be rolled over", LIMIT, || {
        let status = &stage.client().get(&path)?["status"];
        Ok(status["updatedReplicas"] == 6
            && status["readyReplicas"] == 6
            && status["replicas"] == 6)
    })
}

/// A pod in the host's network is not Multus' business, whatever it asks for.
pub(super) fn host_network(stage: &mut Stage) -> Result<()> {
    let mut pod = objects::pod(&stage.namespace, "host", TWO);
    pod["spec"]["hostNetwork"] = json!(true);
    stage.client().create(&pod)?;
    stage.ready(1)
}

/// Pods that are deleted while they start, at different moments.
pub(super) fn deleted_while_starting(stage: &mut Stage) -> Result<()> {
    for number in 0..12_u64 {
        let name = format!("short-{number}");
        stage.pod(&name, TWO)?;
        thread::sleep(Duration::from_millis(number * 60));
        stage.delete(&name)?;
    }
    stage.gone()
}
