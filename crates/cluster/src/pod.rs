//! Pods, as far as anyone here reads them.

use plan::{Pod, PodRef};
use serde::Deserialize;

/// The object on the wire. What is not named is skipped while decoding: of a pod of 15 KB a few hundred bytes stay.
#[derive(Deserialize)]
struct Document {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    namespace: String,
    name: String,
    uid: String,
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "k8s.v1.cni.cncf.io/networks")]
    networks: Option<String>,
    #[serde(rename = "v1.multus-cni.io/default-network")]
    default_network: Option<String>,
    #[serde(rename = "kubernetes.io/config.source")]
    config_source: Option<String>,
}

/// Reads a pod.
///
/// # Errors
/// Not JSON, or an object without the identity that every object of the API has.
pub(crate) fn parse(bytes: &[u8]) -> Result<Pod, serde_json::Error> {
    let document: Document = serde_json::from_slice(bytes)?;
    let annotations = document.metadata.annotations.unwrap_or_default();
    Ok(Pod {
        reference: PodRef {
            namespace: document.metadata.namespace,
            name: document.metadata.name,
            uid: document.metadata.uid,
        },
        networks: annotations.networks,
        default_network: annotations.default_network,
        config_source: annotations.config_source,
    })
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
