//! Upstream's own scenarios on one node (T7.1–T7.7).

use anyhow::{Result, ensure};
use serde_json::json;
use testkit::kube::wait;

use super::objects::{self, TWO};
use super::stage::{LIMIT, Stage};

/// T7.1
pub(super) fn plain_pod(stage: &mut Stage) -> Result<()> {
    stage.pod("plain", "")?;
    stage.ready(1)?;
    let status = stage.status("plain")?;
    ensure!(
        status.len() == 1 && status[0]["interface"] == "eth0",
        "{status:?}"
    );
    Ok(())
}

/// T7.2
pub(super) fn requested_addresses(stage: &mut Stage) -> Result<()> {
    stage.define("fixed", &objects::macvlan_with_static_addresses())?;
    for (pod, address) in [("one", "10.1.1.11/24"), ("two", "10.1.1.12/24")] {
        stage.pod(
            pod,
            &json!([{"name": "fixed", "ips": [address]}]).to_string(),
        )?;
    }
    stage.ready(2)?;
    let addresses = stage.exec("one", &["ip", "address", "show", "net1"])?;
    ensure!(addresses.contains("10.1.1.11/24"), "{addresses}");
    stage
        .exec("one", &["ping", "-c", "1", "-W", "5", "10.1.1.12"])
        .map(drop)
}

/// T7.3
pub(super) fn static_pod(stage: &mut Stage) -> Result<()> {
    let manifest = "/etc/kubernetes/manifests/still.json";
    let pod = objects::pod(&stage.namespace, "still", TWO);
    stage.site.write(manifest, &pod.to_string())?;
    let waited = stage.ready(1).and_then(|()| {
        let name = format!("still-{}", testkit::node::NAME);
        let status = stage.status(&name)?;
        ensure!(status.len() == 3, "{status:?}");
        Ok(())
    });
    std::fs::remove_file(stage.site.path(manifest))?;
    waited?;
    stage.gone()
}

/// T7.4
pub(super) fn default_route(stage: &mut Stage) -> Result<()> {
    stage.define("fixed", &objects::macvlan_with_static_addresses())?;
    let element = |address: &str| json!({"name": "fixed", "ips": [address]});
    let mut moved = element("10.1.1.21/24");
    moved["default-route"] = json!(["10.1.1.254"]);
    stage.pod("moved", &json!([moved]).to_string())?;
    stage.pod("sibling", &json!([element("10.1.1.22/24")]).to_string())?;
    stage.ready(2)?;
    for (pod, route) in [
        ("moved", "default via 10.1.1.254 dev net1"),
        ("sibling", "default via 10.244.0.1 dev eth0"),
    ] {
        let routes = stage.exec(pod, &["ip", "route"])?;
        let defaults: Vec<&str> = routes
            .lines()
            .filter(|line| line.starts_with("default"))
            .collect();
        ensure!(
            defaults.len() == 1 && defaults[0].trim() == route,
            "{pod}: {routes}"
        );
    }
    Ok(())
}

/// T7.5
pub(super) fn connection_limit(stage: &mut Stage) -> Result<()> {
    stage.site.reconfigure(&json!({"connectionLimit": 1}))?;
    let played = stage
        .set_of("Deployment", "six", 6, TWO)
        .and_then(|()| stage.ready(6));
    stage.site.reconfigure(&json!({}))?;
    played
}

/// T7.6
pub(super) fn chain_of_the_cluster_network(stage: &mut Stage) -> Result<()> {
    let folder = "/etc/cni/net.d/cluster";
    stage
        .site
        .write(&format!("{folder}/10-tuning.conf"), &tuning("IFNAME"))?;
    let played = tuned(stage);
    std::fs::remove_dir_all(stage.site.path(folder))?;
    played
}

/// T7.7
pub(super) fn auxiliary_chain(stage: &mut Stage) -> Result<()> {
    let folder = "/etc/cni/net.d/vendor-cni-chain";
    stage
        .site
        .write(&format!("{folder}/10-tuning.conf"), &tuning("eth0"))?;
    stage
        .site
        .reconfigure(&json!({"auxiliaryCNIChainName": "vendor-cni-chain"}))?;
    let played = tuned(stage);
    stage.site.reconfigure(&json!({}))?;
    std::fs::remove_dir_all(stage.site.path(folder))?;
    played
}

/// Sets something on an interface; `IFNAME` is the one that the chain is about.
fn tuning(interface: &str) -> String {
    let sysctl = json!({format!("net.ipv4.conf.{interface}.arp_filter"): "1"});
    json!({"cniVersion": "1.0.0", "name": "tuned", "type": "tuning", "sysctl": sysctl}).to_string()
}

/// A pod's cluster interface has what [`tuning`] sets; its other ones have not.
fn tuned(stage: &Stage) -> Result<()> {
    stage.pod("tuned", "macvlan")?;
    stage.ready(1)?;
    let setting = |interface: &str| format!("/proc/sys/net/ipv4/conf/{interface}/arp_filter");
    wait::until_true("the pod to be tuned", LIMIT, || {
        let printed = stage.exec("tuned", &["cat", &setting("eth0"), &setting("net1")])?;
        ensure!(
            printed == "1\n0\n",
            "arp_filter of eth0 and net1 is {printed:?}"
        );
        Ok(true)
    })
}
