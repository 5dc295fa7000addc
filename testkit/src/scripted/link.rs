//! A real link for a scripted plugin: a veth pair with one end in the pod's network namespace.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Makes the pair, and gives the pod's end the addresses and routes of `result`.
pub(super) fn create(name: &str, netns: &str, result: &Value) -> Result<()> {
    let host = format!("s{:x}", std::process::id());
    ip(&[
        "link", "add", &host, "type", "veth", "peer", "name", name, "netns", netns,
    ])?;
    ip(&["link", "set", &host, "up"])?;
    let mut script = format!("ip link set {name} up");
    for address in texts(result, "ips", "address") {
        script.push_str(&format!(" && ip address add {address} dev {name} nodad"));
    }
    for route in result["routes"].as_array().into_iter().flatten() {
        let destination = route["dst"].as_str().unwrap_or("default");
        let via = route["gw"]
            .as_str()
            .map(|gateway| format!("via {gateway} "))
            .unwrap_or_default();
        script.push_str(&format!(" && ip route add {destination} {via}dev {name}"));
    }
    run(Command::new("nsenter")
        .arg(format!("--net={netns}"))
        .args(["sh", "-c", &script]))
}

/// Removes the pair. That it is gone already is no error, as the specification wants it of DEL.
pub(super) fn remove(name: &str, netns: &str) {
    let _ = run(Command::new("nsenter")
        .arg(format!("--net={netns}"))
        .args(["ip", "link", "delete", name]));
}

fn texts<'a>(result: &'a Value, list: &str, key: &'a str) -> impl Iterator<Item = &'a str> {
    result[list]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(move |entry| entry[key].as_str())
}

fn ip(arguments: &[&str]) -> Result<()> {
    run(Command::new("ip").args(arguments))
}

fn run(command: &mut Command) -> Result<()> {
    let done = command
        .output()
        .with_context(|| format!("start {command:?}"))?;
    if !done.status.success() {
        bail!(
            "{command:?}: {}",
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(())
}
