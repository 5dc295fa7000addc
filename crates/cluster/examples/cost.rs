//! What an ADD's requests cost, step by step: `cost <kubeconfig> <namespace> <pod> [<definition>…]` reads the pod and the
//! definitions, writes an empty network status and posts one event, then prints times and peak memory.
//!
//! Write nothing but tests' pods with it.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use cluster::{Cluster, Event, EventType, Limits};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kubeconfig, namespace, pod, definitions @ ..] = arguments.as_slice() else {
        return Err("usage: cost <kubeconfig> <namespace> <pod> [<definition>…]".into());
    };
    let start = Instant::now();
    let deadline = start + Duration::from_secs(20);
    let mut last = start;
    let mut step = |name: &str| {
        let now = Instant::now();
        println!("{name:<24}{:>8} µs", (now - last).as_micros());
        last = now;
    };
    let cluster = Cluster::from_kubeconfig(Path::new(kubeconfig), Limits::default())?;
    step("make client");
    let pod = cluster
        .pod(namespace, pod, deadline)?
        .ok_or("no such pod")?;
    step("connect and get pod");
    for definition in definitions {
        cluster
            .definition(namespace, definition, deadline)?
            .ok_or("no such definition")?;
        step("get definition");
    }
    cluster.write_status(&pod.reference, "[]", &[], deadline)?;
    step("patch status");
    let event = Event {
        kind: EventType::Normal,
        reason: "Measured".to_owned(),
        message: "requests were timed".to_owned(),
    };
    let accepted = cluster.post_events(&pod.reference, &[event], deadline);
    step("post event");
    println!(
        "{:<24}{:>8} µs, {accepted} event accepted",
        "all",
        start.elapsed().as_micros()
    );
    let status = std::fs::read_to_string("/proc/self/status")?;
    for line in status
        .lines()
        .filter(|line| line.starts_with("VmHWM") || line.starts_with("RssAnon"))
    {
        println!("{line}");
    }
    Ok(())
}
