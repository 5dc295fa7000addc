//! Builds of Multus that take over from each other while pods come and go.

use std::collections::VecDeque;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testkit::kube::Client;

use super::objects::{self, TWO};
use super::stage::Stage;

/// The time between two pods of the stream.
const PAUSE: Duration = Duration::from_millis(600);
/// How many pods there are at a time: the oldest goes for each that comes.
const ALIVE: usize = 8;
/// Ends the programs of another build; nothing reads it but this scenario.
const MARK: &[u8] = b"another build";
const PLUGIN: &str = "/opt/cni/bin/multus-shim";

/// Another build takes over and the old one comes back, twice. Pods come and go all the time, and no call fails.
pub(super) fn upgrade(stage: &mut Stage) -> Result<()> {
    let own = stage.site.image()?;
    let next = stage.site.import_another_build(MARK)?;
    let end = AtomicBool::new(false);
    let (client, namespace) = (stage.client().clone(), stage.namespace.clone());
    let (worked, streamed) = thread::scope(|scope| {
        let stream = scope.spawn(|| stream(&client, &namespace, &end));
        let worked = (0..4).try_for_each(|round| {
            thread::sleep(PAUSE * 2);
            let is_next = round % 2 == 0;
            stage.site.use_image(if is_next { &next } else { &own })?;
            stage.site.wait_for_daemon()?;
            let plugin = fs::read(stage.site.path(PLUGIN)).context("read the node's plugin")?;
            ensure!(
                plugin.ends_with(MARK) == is_next,
                "the node has the plugin of the build before"
            );
            Ok(())
        });
        end.store(true, Ordering::Relaxed);
        (worked, stream.join())
    });
    worked?;
    let alive = streamed.ok().context("the stream of pods broke off")??;
    stage.ready(alive)?;
    no_call_failed(stage)
}

/// Creates pods and deletes the oldest that runs, until the end; how many there are then.
fn stream(client: &Client, namespace: &str, end: &AtomicBool) -> Result<usize> {
    let mut alive = VecDeque::new();
    let mut count = 0;
    while !end.load(Ordering::Relaxed) {
        let name = format!("pod-{count}");
        count += 1;
        client.create(&objects::pod(namespace, &name, TWO))?;
        alive.push_back(name);
        if let Some(oldest) = alive.front().filter(|_| alive.len() > ALIVE)
            && client.pod(namespace, oldest)?["status"]["phase"] == "Running"
        {
            client.delete_gracefully(&format!("/api/v1/namespaces/{namespace}/pods/{oldest}"))?;
            alive.pop_front();
        }
        thread::sleep(PAUSE);
    }
    Ok(alive.len())
}

/// The kubelet has told of no sandbox that could not be made or taken away.
pub(super) fn no_call_failed(stage: &Stage) -> Result<()> {
    let path = format!("/api/v1/namespaces/{}/events", stage.namespace);
    let events = stage.client().get(&path)?;
    let failed: Vec<&Value> = events["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|event| {
            event["reason"] == "FailedCreatePodSandBox" || event["reason"] == "FailedKillPod"
        })
        .map(|event| &event["message"])
        .collect();
    ensure!(failed.is_empty(), "calls failed: {failed:?}");
    Ok(())
}
