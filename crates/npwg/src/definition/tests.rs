use serde_json::json;

use super::*;

#[test]
fn an_object_of_the_api_is_read() {
    let text = br#"{
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {
            "name": "sriov-a",
            "namespace": "blue",
            "annotations": {"k8s.v1.cni.cncf.io/resourceName": "intel.com/vfs", "other": "x"},
            "managedFields": [{"manager": "kubectl"}]
        },
        "spec": {"config": "{\"type\": \"sriov\"}"}
    }"#;
    let definition = Definition::from_json(text).unwrap();
    assert_eq!(definition.namespace, "blue");
    assert_eq!(definition.name, "sriov-a");
    assert_eq!(definition.reference(), "blue/sriov-a");
    assert_eq!(definition.resource_name.as_deref(), Some("intel.com/vfs"));
    assert_eq!(definition.config, r#"{"type": "sriov"}"#);
}

#[test]
fn a_definition_without_configuration_has_an_empty_one() {
    // MN-004, B5.57, Q7
    for spec in [
        json!(null),
        json!({}),
        json!({"config": null}),
        json!({"config": ""}),
        json!({"other": 1}),
    ] {
        let object = json!({"metadata": {"name": "a", "namespace": "b"}, "spec": spec});
        assert_eq!(
            Definition::from_value(&object).unwrap().config,
            "",
            "{object}"
        );
    }
    let object = json!({"metadata": {"name": "a", "namespace": "b"}});
    let expected = Definition {
        namespace: "b".into(),
        name: "a".into(),
        ..Definition::default()
    };
    assert_eq!(Definition::from_value(&object), Ok(expected));
}

#[test]
fn the_configuration_stays_as_written() {
    // B5.57: the text is used byte for byte, and is not this crate's to judge
    for config in ["null", "not json", " { }\n", "[]"] {
        let object =
            json!({"metadata": {"name": "a", "namespace": "b"}, "spec": {"config": config}});
        assert_eq!(Definition::from_value(&object).unwrap().config, config);
    }
}

#[test]
fn an_absent_or_empty_resource_name_is_none() {
    // B5.56
    for annotations in [
        json!(null),
        json!({}),
        json!({"k8s.v1.cni.cncf.io/resourceName": ""}),
    ] {
        let object = json!({"metadata": {"name": "a", "annotations": annotations}});
        assert_eq!(
            Definition::from_value(&object).unwrap().resource_name,
            None,
            "{object}"
        );
    }
}

#[test]
fn a_manifest_may_leave_the_namespace_open() {
    let object = json!({"kind": "NetworkAttachmentDefinition", "metadata": {"name": "a"}});
    assert_eq!(Definition::from_value(&object).unwrap().namespace, "");
}

#[test]
fn what_is_no_definition_is_refused_with_the_key() {
    let cases = [
        (
            json!([]),
            "read NetworkAttachmentDefinition: it is not an object",
        ),
        (
            json!({"kind": "List", "items": []}),
            "read NetworkAttachmentDefinition: the object is a \"List\"",
        ),
        (
            json!({}),
            "read NetworkAttachmentDefinition: metadata.name is missing",
        ),
        (
            json!({"metadata": {"name": ""}}),
            "read NetworkAttachmentDefinition: metadata.name is missing",
        ),
        (
            json!({"metadata": {"name": 7}}),
            "read NetworkAttachmentDefinition: metadata.name is not a string",
        ),
        (
            json!({"metadata": {"name": "a", "namespace": []}}),
            "read NetworkAttachmentDefinition (\"a\"): metadata.namespace is not a string",
        ),
        (
            json!({"metadata": {"name": "a"}, "spec": "x"}),
            "read NetworkAttachmentDefinition (\"a\"): spec is not an object",
        ),
        (
            json!({"metadata": {"name": "a"}, "spec": {"config": {"type": "macvlan"}}}),
            "read NetworkAttachmentDefinition (\"a\"): spec.config is not a string",
        ),
        (
            json!({"metadata": {"name": "a", "annotations": {"k8s.v1.cni.cncf.io/resourceName": 1}}}),
            "read NetworkAttachmentDefinition (\"a\"): the annotation of the resource name is not a string",
        ),
    ];
    for (object, expected) in cases {
        assert_eq!(
            Definition::from_value(&object).unwrap_err().to_string(),
            expected
        );
    }
    let error = Definition::from_json(b"{").unwrap_err().to_string();
    assert!(
        error.starts_with("read NetworkAttachmentDefinition: EOF"),
        "{error}"
    );
}
