//! NetworkAttachmentDefinitions on the wire.

use npwg::Definition;
use serde::Deserialize;

/// The object on the wire; what is not named is skipped while decoding.
#[derive(Deserialize)]
pub(crate) struct Document {
    metadata: Metadata,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Metadata {
    namespace: String,
    name: String,
    annotations: Option<Annotations>,
}

#[derive(Default, Deserialize)]
struct Annotations {
    #[serde(rename = "k8s.v1.cni.cncf.io/resourceName")]
    resource_name: Option<String>,
}

#[derive(Deserialize)]
struct Spec {
    config: Option<String>,
}

/// Reads a definition.
///
/// # Errors
/// Not JSON, no identity, or a value of the wrong type.
pub(crate) fn parse(bytes: &[u8]) -> Result<Definition, serde_json::Error> {
    serde_json::from_slice::<Document>(bytes).map(Definition::from)
}

impl From<Document> for Definition {
    fn from(document: Document) -> Self {
        let annotations = document.metadata.annotations.unwrap_or_default();
        Self {
            namespace: document.metadata.namespace,
            name: document.metadata.name,
            resource_name: annotations.resource_name.filter(|name| !name.is_empty()),
            config: document
                .spec
                .and_then(|spec| spec.config)
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lean_definition_is_the_one_that_the_standard_crate_reads() {
        let cases = [
            (
                "with everything",
                r#"{"apiVersion":"k8s.cni.cncf.io/v1","kind":"NetworkAttachmentDefinition",
                    "metadata":{"name":"net","namespace":"ns","uid":"u","managedFields":[{"a":{"b":1}}],
                    "annotations":{"k8s.v1.cni.cncf.io/resourceName":"example.com/nic","other":"x"}},
                    "spec":{"config":"{\"type\":\"macvlan\"}"}}"#,
            ),
            (
                "without spec",
                r#"{"metadata":{"name":"net","namespace":"ns"}}"#,
            ),
            (
                "with an empty spec",
                r#"{"metadata":{"name":"net","namespace":"ns"},"spec":{}}"#,
            ),
            (
                "with an empty resource name",
                r#"{"metadata":{"name":"net","namespace":"ns","annotations":{"k8s.v1.cni.cncf.io/resourceName":""}}}"#,
            ),
        ];
        for (name, text) in cases {
            let lean = parse(text.as_bytes()).unwrap();
            assert_eq!(
                lean,
                Definition::from_json(text.as_bytes()).unwrap(),
                "{name}"
            );
        }
    }

    #[test]
    fn a_config_that_is_no_text_is_refused() {
        let text = br#"{"metadata":{"name":"net","namespace":"ns"},"spec":{"config":{}}}"#;
        assert!(parse(text).is_err());
    }
}
