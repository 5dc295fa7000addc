//! Programs of the node that go and come back while pods start.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testkit::kube::{status, wait};
use testkit::node::Program;

use super::objects::{self, TWO};
use super::stage::{LIMIT, Stage};

/// How many pods a stream has.
const PODS: usize = 20;
/// The time between two of them.
const PAUSE: Duration = Duration::from_millis(400);

/// After a boot, pods wait for the daemon, which comes last.
pub(super) fn daemon_last(stage: &mut Stage) -> Result<()> {
    stage.site.stop_daemon()?;
    for program in [Program::Kubelet, Program::Containerd] {
        stage.site.node().stop(program)?;
    }
    stage.set_of("Deployment", "early", 5, TWO)?;
    for program in [Program::Containerd, Program::Kubelet] {
        stage.site.node().launch(program)?;
    }
    // The runtime makes a sandbox for each, and calls the plugin then.
    wait::until_true("sandboxes of all pods", LIMIT, || {
        thread::sleep(PAUSE);
        Ok(fs::read_dir(stage.site.path("/run/netns"))?.count() >= 5)
    })?;
    ensure!(
        stage.seen().iter().all(|pod| !pod.ready),
        "a pod is ready without a daemon"
    );
    stage.site.launch_daemon()?;
    stage.site.wait_for_daemon()?;
    stage.ready(5)
}

/// The daemon's pod is replaced, taken away and brought back; the daemon is killed.
pub(super) fn daemon(stage: &mut Stage) -> Result<()> {
    under_a_stream(stage, 4, |stage, round| match round {
        0 => stage.site.renew_daemon(),
        1 => stage.site.kill_daemon(),
        2 => {
            stage.site.stop_daemon()?;
            stage.site.launch_daemon()?;
            stage.site.wait_for_daemon()
        }
        _ => stage.site.renew_daemon(),
    })
}

/// containerd is restarted and killed.
pub(super) fn containerd(stage: &mut Stage) -> Result<()> {
    under_a_stream(stage, 4, |stage, round| {
        restart(stage, Program::Containerd, round)
    })
}

/// The kubelet is restarted and killed.
pub(super) fn kubelet(stage: &mut Stage) -> Result<()> {
    under_a_stream(stage, 4, |stage, round| {
        restart(stage, Program::Kubelet, round)
    })
}

/// The API is restarted and killed. Those who watch it come back to it less and less often, so that a pod may wait for the scheduler.
pub(super) fn api(stage: &mut Stage) -> Result<()> {
    under_a_stream(stage, 2, |stage, round| {
        restart(stage, Program::ApiServer, round)
    })?;
    stage.note = stage.longest_wait()?;
    Ok(())
}

fn restart(stage: &Stage, program: Program, round: usize) -> Result<()> {
    if round.is_multiple_of(2) {
        stage.site.node().stop(program)?;
    } else {
        stage.site.node().kill(program)?;
    }
    stage.site.node().launch(program)
}

/// Does something so often while pods are created, of which all have to be ready at the end.
pub(super) fn under_a_stream(
    stage: &mut Stage,
    rounds: usize,
    work: impl Fn(&mut Stage, usize) -> Result<()>,
) -> Result<()> {
    let (client, namespace) = (stage.client().clone(), stage.namespace.clone());
    let stream = thread::spawn(move || -> Result<()> {
        for number in 0..PODS {
            let pod = objects::pod(&namespace, &format!("pod-{number}"), TWO);
            // While there is no API nobody can create a pod.
            wait::until(
                "a pod to be created",
                Duration::from_secs(60),
                || match client.create(&pod) {
                    Err(error) if status(&error) == Some(409) => Ok(Some(())),
                    created => created.map(|_| Some(())),
                },
            )?;
            thread::sleep(PAUSE);
        }
        Ok(())
    });
    let worked = (0..rounds).try_for_each(|round| {
        thread::sleep(PAUSE * 2);
        work(stage, round)
    });
    let streamed = stream.join().ok().context("the stream of pods broke off")?;
    worked.and(streamed)?;
    stage.ready(PODS)
}
