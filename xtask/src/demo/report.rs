//! What the demo prints.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::attach::Attached;
use super::ping::ping;

/// How often each address is pinged; the best time is shown.
const PINGS: u16 = 3;

/// One line with a name.
pub(super) fn fact(name: &str, text: impl Display) {
    println!("  {name:12} {text}");
}

/// A time in milliseconds.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e3)
}

/// The table of interfaces.
pub(super) fn attachment(attached: &Attached) {
    let mut rows =
        vec![["INTERFACE", "NETWORK", "ADDRESS", "MAC", "GATEWAY", "TIME"].map(str::to_owned)];
    rows.extend(attached.status.iter().map(|entry| row(attached, entry)));
    let all = milliseconds(attached.took);
    rows.push(["all", "", "", "", "", &format!("{all} ms")].map(str::to_owned));
    print(&rows);
}

fn row(attached: &Attached, entry: &Value) -> [String; 6] {
    let interface = Attached::interface(entry);
    let link = attached.links.iter().find(|link| link.name == interface);
    let address = attached
        .address(interface)
        .map(|address| format!("{}/{}", address.ip, address.prefix));
    let time = attached
        .time(interface)
        .map(|time| format!("{} ms", milliseconds(time)));
    [
        interface.to_owned(),
        entry["name"].as_str().unwrap_or("?").to_owned(),
        address.unwrap_or_else(|| "-".to_owned()),
        link.map_or("-", |link| &link.mac).to_owned(),
        attached.gateway(interface).unwrap_or("-").to_owned(),
        time.unwrap_or_else(|| "-".to_owned()),
    ]
}

fn print<const N: usize>(rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        println!("  {}", cells.join("  ").trim_end());
    }
}

/// The network-status as a pod carries it.
pub(super) fn status(attached: &Attached) {
    println!(
        "\nPod {} carries the annotation k8s.v1.cni.cncf.io/network-status:\n",
        attached.pod.full_name()
    );
    for line in attached.annotation.lines() {
        println!("  {line}");
    }
}

/// Pings the second pod over each network.
pub(super) fn pings(first: &Attached, second: &Attached) -> Result<()> {
    println!(
        "\nPing from {} to {}:",
        first.pod.full_name(),
        second.pod.full_name()
    );
    if first.status.len() != 3 {
        bail!(
            "the pod has {} networks and should have three",
            first.status.len()
        );
    }
    let mut rows = Vec::new();
    for entry in &first.status {
        let interface = Attached::interface(entry);
        let from = ipv4(first, interface)?;
        let to = ipv4(second, interface)?;
        let times = first
            .sandbox
            .inside(|| ping(from, to, PINGS))?
            .with_context(|| format!("ping {to} over {interface}"))?;
        let best = times
            .iter()
            .min()
            .with_context(|| format!("{to} does not answer over {interface}"))?;
        rows.push([
            interface.to_owned(),
            format!("{from} -> {to}"),
            format!("{} of {PINGS} answered", times.len()),
            format!("{:.3} ms", best.as_secs_f64() * 1e3),
        ]);
    }
    print(&rows);
    Ok(())
}

fn ipv4(attached: &Attached, interface: &str) -> Result<Ipv4Addr> {
    match attached.address(interface).map(|address| address.ip) {
        Some(IpAddr::V4(address)) => Ok(address),
        _ => bail!(
            "{} has no IPv4 address on {interface}",
            attached.pod.full_name()
        ),
    }
}
