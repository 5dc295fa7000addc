//! Pods, as far as anyone here reads them.

use plan::{ExtendedClaim, Pod, PodClaim, PodClaims, PodRef};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The object on the wire. What is not named is skipped while decoding: of a pod of 15 KB a few hundred bytes stay.
#[derive(Deserialize)]
pub(crate) struct Document {
    metadata: Metadata,
    spec: Option<Spec>,
    status: Option<Status>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
    host_network: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    phase: Option<String>,
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    // Only pods with dynamically allocated resources have these.
    resource_claim_statuses: Option<Vec<ClaimStatus>>,
    extended_resource_claim_status: Option<ExtendedStatus>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

#[derive(Deserialize)]
struct ContainerStatus {
    state: Option<ContainerState>,
}

#[derive(Deserialize)]
struct ContainerState {
    running: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClaimStatus {
    name: String,
    resource_claim_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExtendedStatus {
    resource_claim_name: String,
    request_mappings: Option<Vec<RequestMapping>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestMapping {
    request_name: String,
    resource_name: String,
}

#[derive(Deserialize)]
struct Metadata {
    namespace: String,
    name: String,
    uid: String,
    annotations: Option<Annotations>,
    #[serde(rename = "deletionTimestamp")]
    deleted: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "k8s.v1.cni.cncf.io/networks")]
    networks: Option<String>,
    #[serde(rename = "v1.multus-cni.io/default-network")]
    default_network: Option<String>,
    #[serde(rename = "kubernetes.io/config.source")]
    config_source: Option<String>,
    #[serde(rename = "k8s.v1.cni.cncf.io/network-status")]
    status: Option<IgnoredAny>,
}

/// Reads a pod.
///
/// # Errors
/// Not JSON, or an object without the identity that every object of the API has.
pub(crate) fn parse(bytes: &[u8]) -> Result<Pod, serde_json::Error> {
    serde_json::from_slice::<Document>(bytes).map(Pod::from)
}

/// The text of a pod's network status.
///
/// # Errors
/// As [`parse`].
pub(crate) fn network_status(bytes: &[u8]) -> Result<Option<String>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Lean {
        metadata: LeanMetadata,
    }
    #[derive(Deserialize)]
    struct LeanMetadata {
        annotations: Option<LeanAnnotations>,
    }
    #[derive(Deserialize)]
    struct LeanAnnotations {
        #[serde(rename = "k8s.v1.cni.cncf.io/network-status")]
        status: Option<String>,
    }
    let lean: Lean = serde_json::from_slice(bytes)?;
    Ok(lean.metadata.annotations.and_then(|held| held.status))
}

impl From<Document> for Pod {
    fn from(document: Document) -> Self {
        let annotations = document.metadata.annotations.unwrap_or_default();
        let spec = document.spec.unwrap_or_default();
        let status = document.status.unwrap_or_default();
        let stays = document.metadata.deleted.is_none() && spec.host_network != Some(true);
        Self {
            reference: PodRef {
                namespace: document.metadata.namespace,
                name: document.metadata.name,
                uid: document.metadata.uid,
            },
            networks: annotations.networks,
            default_network: annotations.default_network,
            config_source: annotations.config_source,
            has_status: annotations.status.is_some(),
            is_running: stays && status.is_of_one_that_runs(),
            claims: claims(spec, status),
        }
    }
}

impl Status {
    /// A pod whose sandbox is being made anew, after a reboot of its node for one, is called running all the same. A condition
    /// tells (1.29); of kubelets without it, what runs does.
    fn is_of_one_that_runs(&self) -> bool {
        let mut conditions = self.conditions.iter().flatten();
        let has_sandbox = conditions.find(|of| of.kind == "PodReadyToStartContainers");
        let runs = |of: &ContainerStatus| of.state.as_ref().is_some_and(|it| it.running.is_some());
        self.phase.as_deref() == Some("Running")
            && match has_sandbox {
                Some(condition) => condition.status == "True",
                None => self.container_statuses.iter().flatten().any(runs),
            }
    }
}

fn claims(spec: Spec, status: Status) -> PodClaims {
    let claims = status.resource_claim_statuses.unwrap_or_default();
    let claims = claims.into_iter().map(|claim| PodClaim {
        name: claim.name,
        claim: claim.resource_claim_name,
    });
    let extended = status.extended_resource_claim_status.map(|extended| {
        let mappings = extended.request_mappings.unwrap_or_default().into_iter();
        ExtendedClaim {
            claim: extended.resource_claim_name,
            requests: mappings
                .map(|mapping| (mapping.request_name, mapping.resource_name))
                .collect(),
        }
    });
    PodClaims {
        node: spec.node_name.filter(|node| !node.is_empty()),
        claims: claims.collect(),
        extended,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_keeps_its_identity_and_the_annotations_that_are_read() {
        let text = br#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"shop","uid":"u-1",
            "annotations":{"k8s.v1.cni.cncf.io/networks":"net-a","v1.multus-cni.io/default-network":"other",
            "kubernetes.io/config.source":"file","unrelated":"x"},
            "managedFields":[{"fieldsV1":{"f:metadata":{"f:annotations":{".":{}}}}}]},
            "spec":{"nodeName":"node-1","containers":[{"name":"c"}]},"status":{"phase":"Pending"}}"#;
        let pod = parse(text).unwrap();
        assert_eq!(pod.reference.namespace, "shop");
        assert_eq!(pod.reference.name, "web");
        assert_eq!(pod.reference.uid, "u-1");
        assert_eq!(pod.networks.as_deref(), Some("net-a"));
        assert_eq!(pod.default_network.as_deref(), Some("other"));
        assert_eq!(pod.config_source.as_deref(), Some("file"));
        assert!(!pod.has_status);
    }

    #[test]
    fn of_a_status_only_is_kept_that_there_is_one() {
        let text = br#"{"metadata":{"name":"web","namespace":"shop","uid":"u-1",
            "annotations":{"k8s.v1.cni.cncf.io/network-status":"[]"}}}"#;
        assert!(parse(text).unwrap().has_status);
    }

    #[test]
    fn a_pod_runs_from_when_its_sandbox_is_made_until_it_is_deleted() {
        let condition = |status: &str| {
            format!(
                r#"{{"phase":"Running","conditions":[{{"type":"Ready","status":"False"}},
                {{"type":"PodReadyToStartContainers","status":"{status}"}}]}}"#
            )
        };
        let older = |state: &str| {
            format!(r#"{{"phase":"Running","containerStatuses":[{{"state":{{"{state}":{{}}}}}}]}}"#)
        };
        let running = older("running");
        let running = running.as_str();
        let deleted = r#","deletionTimestamp":"2026-01-01T00:00:00Z""#;
        for (expected, metadata, spec, status) in [
            (true, "", "{}", running),
            (true, "", r#"{"hostNetwork":false}"#, &condition("True")),
            (false, "", "{}", &condition("False")),
            (false, "", "{}", &older("waiting")),
            (false, "", "{}", r#"{"phase":"Running"}"#),
            (false, "", "{}", r#"{"phase":"Pending"}"#),
            (false, "", "{}", r#"{"phase":"Succeeded"}"#),
            (false, "", "{}", r#"{"phase":"Failed"}"#),
            (false, "", r#"{"hostNetwork":true}"#, running),
            (false, deleted, "{}", running),
        ] {
            let text = format!(
                r#"{{"metadata":{{"name":"web","namespace":"shop","uid":"u-1"{metadata}}},"spec":{spec},"status":{status}}}"#
            );
            assert_eq!(
                parse(text.as_bytes()).unwrap().is_running,
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn a_pod_keeps_what_dynamic_resource_allocation_gave_to_it() {
        // B5.82
        let text = br#"{"metadata":{"name":"web","namespace":"shop","uid":"u-1"},"spec":{"nodeName":"node-1"},
            "status":{"phase":"Pending","resourceClaimStatuses":[{"name":"nic","resourceClaimName":"web-nic-x7"},
            {"name":"optional"}],"extendedResourceClaimStatus":{"resourceClaimName":"web-extended","requestMappings":[
            {"containerName":"c","resourceName":"example.com/nic","requestName":"container-0-request-0"}]}}}"#;
        let claims = parse(text).unwrap().claims;
        assert_eq!(claims.node.as_deref(), Some("node-1"));
        let names: Vec<_> = claims
            .claims
            .iter()
            .map(|claim| (claim.name.as_str(), claim.claim.as_deref()))
            .collect();
        assert_eq!(names, [("nic", Some("web-nic-x7")), ("optional", None)]);
        let extended = claims.extended.unwrap();
        assert_eq!(extended.claim, "web-extended");
        let pair = (
            "container-0-request-0".to_owned(),
            "example.com/nic".to_owned(),
        );
        assert_eq!(extended.requests, [pair]);
    }

    #[test]
    fn a_pod_without_annotations_is_a_pod() {
        for annotations in ["", r#","annotations":null"#, r#","annotations":{}"#] {
            let text =
                format!(r#"{{"metadata":{{"name":"a","namespace":"b","uid":"c"{annotations}}}}}"#);
            let pod = parse(text.as_bytes()).unwrap();
            assert_eq!(pod.networks, None, "{annotations}");
        }
    }

    #[test]
    fn an_answer_without_a_uid_is_no_pod() {
        assert!(parse(br#"{"metadata":{"name":"a","namespace":"b"}}"#).is_err());
        assert!(parse(b"<html>").is_err());
    }
}
