//! Calls `multus` as a container runtime does.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use testkit::netns::{Address, Link, Route, Sandbox};
use testkit::world::Finished;

use super::stage::{Pod, Stage};
use super::stopwatch::Stopwatch;

/// A pod that has its networks.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) pod: Pod,
    pub(super) sandbox: Sandbox,
    /// The network-status that `multus` wrote: one entry a network.
    pub(super) status: Vec<Value>,
    /// The same, as it was written.
    pub(super) annotation: String,
    pub(super) links: Vec<Link>,
    pub(super) addresses: Vec<Address>,
    pub(super) routes: Vec<Route>,
    /// When each interface was there, counted from the start.
    pub(super) times: Vec<(String, Duration)>,
    /// From the start of `multus` to its end.
    pub(super) took: Duration,
}

impl Stage {
    /// Makes a sandbox and attaches it.
    pub(super) fn attach(&self, pod: &Pod) -> Result<Attached> {
        let sandbox = self.world.sandbox(pod.name)?;
        let stopwatch = Stopwatch::start(&self.state.join("results"))?;
        let begun = Instant::now();
        let done = self.call("ADD", pod, &sandbox)?;
        let times = stopwatch.stop(begun);
        let file = self
            .manifests
            .join(format!(".status/demo_{}.json", pod.name));
        let text = std::fs::read_to_string(&file)
            .with_context(|| format!("read the status {}", file.display()))?;
        let status: Value = serde_json::from_str(&text)
            .with_context(|| format!("read the status {}", file.display()))?;
        Ok(Attached {
            pod: *pod,
            status: status
                .as_array()
                .cloned()
                .context("the status is not a list")?,
            annotation: text,
            links: sandbox.links()?,
            addresses: sandbox.addresses()?,
            routes: sandbox.routes()?,
            sandbox,
            times,
            took: done.took,
        })
    }

    /// Detaches it; the value is the time taken.
    pub(super) fn detach(&self, attached: &Attached) -> Result<Duration> {
        Ok(self.call("DEL", &attached.pod, &attached.sandbox)?.took)
    }

    fn call(&self, verb: &str, pod: &Pod, sandbox: &Sandbox) -> Result<Finished> {
        let done = self
            .world
            .command(&self.parts.multus)
            .env("CNI_COMMAND", verb)
            .env("CNI_CONTAINERID", pod.container)
            .env("CNI_NETNS", sandbox.path())
            .env("CNI_IFNAME", "eth0")
            .env("CNI_ARGS", pod.arguments())
            .env("CNI_PATH", &self.parts.plugins)
            .stdin(self.configuration.to_string())
            .run()?;
        if !done.status.success() {
            let (stdout, stderr) = (done.stdout_text(), done.stderr_text());
            bail!(
                "multus refused {verb} for {}: {}\n{}",
                pod.full_name(),
                stdout.trim(),
                stderr.trim()
            );
        }
        Ok(done)
    }
}

impl Attached {
    /// The interface of a status entry.
    pub(super) fn interface(entry: &Value) -> &str {
        entry["interface"].as_str().unwrap_or("?")
    }

    /// The first address of an interface that is not link-local.
    pub(super) fn address(&self, interface: &str) -> Option<&Address> {
        self.addresses
            .iter()
            .find(|address| address.link == interface && address.scope == "global")
    }

    /// The gateway that a route over an interface names.
    pub(super) fn gateway(&self, interface: &str) -> Option<&str> {
        let over = self
            .routes
            .iter()
            .filter(|route| route.link.as_deref() == Some(interface));
        over.filter_map(|route| route.gateway.as_deref()).next()
    }

    /// How long after the one before it an interface was there.
    pub(super) fn time(&self, interface: &str) -> Option<Duration> {
        let position = self.times.iter().position(|(name, _)| name == interface)?;
        let (_, end) = self.times[position];
        let begin = position
            .checked_sub(1)
            .map_or(Duration::ZERO, |previous| self.times[previous].1);
        end.checked_sub(begin)
    }
}
