//! Two nodes once: the cluster network and one of the pods' own go from node to node.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::kube::wait;
use testkit::node::{NAME, SECOND};

use super::objects::{self, TWO};
use super::stage::{LIMIT, Stage};

/// How many pods each node gets (T7.8).
const MANY: usize = 64;

/// Pods of two nodes reach each other over the cluster network, and over a network with addresses of their own choice (T7.2).
pub(super) fn both_networks(stage: &mut Stage) -> Result<()> {
    stage.define("fixed", &objects::macvlan_with_static_addresses())?;
    let pods = [("one", NAME, "10.1.1.11"), ("two", SECOND, "10.1.1.12")];
    for (name, node, address) in pods {
        let networks = json!([{"name": "fixed", "ips": [format!("{address}/24")]}]);
        let mut pod = objects::pod(&stage.namespace, name, &networks.to_string());
        pod["spec"]["nodeSelector"] = on(node);
        stage.client().create(&pod)?;
    }
    stage.ready(2)?;
    for (name, _, address) in pods {
        let status = stage.status(name)?;
        let [cluster, fixed] = status.as_slice() else {
            anyhow::bail!("{name} has not two networks: {status:?}");
        };
        ensure!(
            fixed["interface"] == "net1" && fixed["ips"][0] == address,
            "{name}: {fixed}"
        );
        let cluster = cluster["ips"][0].as_str().context("no cluster address")?;
        for (other, _, _) in pods.iter().filter(|(other, _, _)| *other != name) {
            for (interface, target) in [("eth0", cluster), ("net1", address)] {
                reach(stage, other, interface, target)?;
            }
        }
    }
    Ok(())
}

/// T7.8
pub(super) fn many_on_each(stage: &mut Stage) -> Result<()> {
    for node in [NAME, SECOND] {
        let mut set = objects::set(
            "Deployment",
            &stage.namespace,
            &format!("on-{node}"),
            MANY,
            TWO,
        );
        set["spec"]["template"]["spec"]["nodeSelector"] = on(node);
        stage.client().create(&set)?;
    }
    stage.ready_within(MANY * 2, Duration::from_secs(900))
}

fn on(node: &str) -> Value {
    json!({"kubernetes.io/hostname": node})
}

/// The first packets may be lost while both sides learn where the other one is.
fn reach(stage: &Stage, pod: &str, interface: &str, target: &str) -> Result<()> {
    wait::until_true(&format!("{pod} to reach {target}"), LIMIT, || {
        let words = ["ping", "-c", "1", "-W", "2", "-I", interface, target];
        stage.exec(pod, &words).map(|_| true)
    })
}
