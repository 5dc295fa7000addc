//! A pod whose annotations name no network, where nobody is there to say more of it (`plainPodsWithoutDaemon`).

use std::path::Path;

use cni::NetworkConf;
use npwg::names;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::resolve::attach;
use crate::selected::Network;
use crate::{NetConf, Plan, PlanError, PrimaryRecord, Request};

/// The capability by which a runtime tells a pod's annotations.
pub const POD_ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";

/// Why a pod cannot be attached by what the node remembers.
#[derive(Debug, Error)]
pub enum NotPlain {
    /// What the pod asks for is not known.
    #[error("the runtime does not tell its annotations")]
    Untold,
    /// It asks for more than the primary network.
    #[error("its annotation {0} names a network")]
    Network(&'static str),
    /// All pods get more than the primary network, or another one.
    #[error("the configuration names other networks than the node's primary")]
    Configured,
    /// The primary network cannot be planned.
    #[error("{0}")]
    Plan(#[from] PlanError),
}

/// What the runtime says of the pod.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Document {
    runtime_config: Option<Map<String, Value>>,
}

/// Plans the primary network, as it was recorded, and no other. `config` is the configuration as it came.
///
/// # Errors
/// Why that may not be all that the pod should get.
pub fn plain(
    conf: &NetConf,
    request: &Request,
    config: &[u8],
    record: &PrimaryRecord,
) -> Result<Plan, NotPlain> {
    let earlier_status = check_annotations(config)?;
    let primary = Path::new(&record.directory).join(&record.file);
    let is_primary = conf.cluster_network.as_deref().map(Path::new) == Some(&primary);
    if !is_primary || !conf.default_networks.is_empty() || conf.auxiliary_chain.is_some() {
        return Err(NotPlain::Configured);
    }
    let network =
        NetworkConf::parse(record.configuration.as_bytes()).map_err(|source| PlanError::File {
            path: primary.display().to_string(),
            source,
        })?;
    let attachment = attach(conf, request, 0, Network::of_configuration(conf, network))?;
    // Without its UID nobody could tell it from another pod of its name.
    let pod = &request.args.pod;
    let is_known = ![&pod.namespace, &pod.name, &pod.uid]
        .iter()
        .any(|part| part.is_empty());
    Ok(Plan {
        pod: is_known.then(|| pod.clone()),
        attachments: vec![attachment],
        warnings: Vec::new(),
        owes_status: is_known,
        earlier_status,
    })
}

/// The network status among the annotations: after a boot, that of the pod's last sandbox.
fn check_annotations(config: &[u8]) -> Result<Option<String>, NotPlain> {
    let document: Document = gojson::from_slice(config).map_err(PlanError::NetConf)?;
    let told = document.runtime_config.unwrap_or_default();
    let annotations = match told.get(POD_ANNOTATIONS) {
        // None at all: containerd writes an empty map so.
        Some(Value::Null) => return Ok(None),
        Some(Value::Object(annotations)) => annotations,
        _ => return Err(NotPlain::Untold),
    };
    for key in [names::NETWORKS, names::DEFAULT_NETWORK] {
        if annotations.get(key).is_some_and(|text| text != "") {
            return Err(NotPlain::Network(key));
        }
    }
    let status = annotations.get(names::NETWORK_STATUS);
    Ok(status.and_then(Value::as_str).map(ToOwned::to_owned))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Catalog, PodArgs};

    fn planned(change: &dyn Fn(&mut Value), args: &str) -> Result<Plan, NotPlain> {
        let mut config = json!({
            "clusterNetwork": "/d/10-a.conf",
            "runtimeConfig": {POD_ANNOTATIONS: {"some": "thing"}, "mac": "02:00:00:00:00:01"},
        });
        change(&mut config);
        let config = config.to_string();
        let request = Request {
            container_id: "c".to_owned(),
            ifname: "eth0".to_owned(),
            args: PodArgs::parse(args).unwrap(),
            catalog: Catalog::None,
            may_owe_status: true,
        };
        let record = PrimaryRecord {
            directory: "/d".to_owned(),
            file: "10-a.conf".to_owned(),
            configuration: r#"{"cniVersion":"1.0.0","name":"a","type":"bridge"}"#.to_owned(),
            plain: true,
            ..PrimaryRecord::default()
        };
        let conf = NetConf::parse_for_shim(config.as_bytes()).unwrap();
        plain(&conf, &request, config.as_bytes(), &record)
    }

    const ARGS: &str = "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web;K8S_POD_UID=u";

    #[test]
    fn a_plain_pod_gets_the_recorded_primary_and_owes_its_status() {
        let plan = planned(&|_| {}, ARGS).unwrap();
        let [attachment] = plan.attachments.as_slice() else {
            panic!("{plan:?}");
        };
        assert_eq!(
            (attachment.name.as_str(), attachment.ifname.as_str()),
            ("a", "eth0")
        );
        assert_eq!(attachment.capability_args["mac"], "02:00:00:00:00:01");
        assert_eq!(plan.pod.map(|pod| pod.uid), Some("u".to_owned()));
        assert!(plan.owes_status && plan.earlier_status.is_none());
        let plan = planned(&|_| {}, "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web").unwrap();
        assert!(plan.pod.is_none() && !plan.owes_status);
    }

    #[test]
    fn the_status_of_an_earlier_sandbox_is_what_the_owed_one_replaces() {
        let change = |config: &mut Value| {
            config["runtimeConfig"][POD_ANNOTATIONS] = json!({names::NETWORK_STATUS: "[0]"});
        };
        let plan = planned(&change, ARGS).unwrap();
        assert_eq!(plan.earlier_status.as_deref(), Some("[0]"));
        assert!(plan.owes_status);
    }

    #[test]
    fn annotations_that_name_nothing_are_as_good_as_none() {
        for annotations in [json!(null), json!({}), json!({names::NETWORKS: ""})] {
            let change = |config: &mut Value| {
                config["runtimeConfig"][POD_ANNOTATIONS] = annotations.clone();
            };
            assert!(planned(&change, ARGS).is_ok(), "{annotations}");
        }
    }

    #[test]
    fn a_pod_that_should_get_more_or_of_which_too_little_is_known_is_refused() {
        let told = |annotations: Value| {
            move |config: &mut Value| {
                config["runtimeConfig"][POD_ANNOTATIONS] = annotations.clone();
            }
        };
        let set =
            |key: &'static str, value: Value| move |config: &mut Value| config[key] = value.clone();
        let refused = |change: &dyn Fn(&mut Value)| planned(change, ARGS).unwrap_err().to_string();
        for key in [names::NETWORKS, names::DEFAULT_NETWORK] {
            let text = refused(&told(json!({key: "b"})));
            assert_eq!(text, format!("its annotation {key} names a network"));
        }
        let untold = "the runtime does not tell its annotations";
        assert_eq!(refused(&told(json!("text"))), untold);
        assert_eq!(refused(&set("runtimeConfig", json!(null))), untold);
        let more = "the configuration names other networks than the node's primary";
        assert_eq!(refused(&set("defaultNetworks", json!(["b"]))), more);
        assert_eq!(refused(&set("auxiliaryCNIChainName", json!("b"))), more);
        assert_eq!(refused(&set("clusterNetwork", json!("/d/20-b.conf"))), more);
    }
}
