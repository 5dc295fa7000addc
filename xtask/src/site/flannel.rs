//! A cluster network across nodes: flannel's daemon makes tunnels between them, and each has a bridge with a range of its own.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::kube::wait;
use testkit::node::{Node, POD_RANGE};
use testkit::process::Server;
use testkit::tools::{self, Part};

use super::{primary, write};

/// Where flannel tells what the node's part of the network is.
const SUBNET: &str = "/run/flannel/subnet.env";
/// What it is told about the whole.
const NETWORK: &str = "/etc/kube-flannel/net-conf.json";

/// Starts the daemon on a node; with it comes the CNI configuration of the node's part.
pub(super) fn start(node: &Node) -> Result<(Server, Value)> {
    // It would look for a kernel module that only iptables needs.
    let network = json!({
        "Network": POD_RANGE,
        "EnableNFTables": true,
        "Backend": {"Type": "vxlan"},
    });
    write(node, NETWORK, &network.to_string())?;
    let kubeconfig = node.kubeconfig_inside()?;
    let arguments = [
        "--kube-subnet-mgr",
        &format!("--kubeconfig-file={}", kubeconfig.display()),
        &format!("--net-config-path={NETWORK}"),
        &format!("--subnet-file={SUBNET}"),
        "--iface=nodebr",
        "--ip-masq",
    ];
    let program = tools::program(Part::Flannel, "flanneld")?;
    let mut server = node.server(
        "flanneld",
        &program,
        &arguments,
        &[("NODE_NAME", node.name())],
    )?;
    let subnet = node.world().outside(std::path::Path::new(SUBNET));
    let text = wait::until("flannel's part of a node", Duration::from_secs(60), || {
        server.ensure_running()?;
        Ok(std::fs::read_to_string(&subnet).ok())
    })?;
    let mtu = text
        .lines()
        .find_map(|line| line.strip_prefix("FLANNEL_MTU="))
        .with_context(|| format!("{SUBNET} has no MTU: {text}"))?;
    let object = node
        .client()
        .get(&format!("/api/v1/nodes/{}", node.name()))?;
    let range = object["spec"]["podCIDR"]
        .as_str()
        .context("the node has no range")?;
    let mut network = primary("cni0", range);
    // A tunnel takes some of each packet.
    network["plugins"][0]["mtu"] = mtu.trim().parse::<u32>().context("read the MTU")?.into();
    Ok((server, network))
}
