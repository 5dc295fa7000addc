//! The CRD knows what a definition is.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use testkit::kube;

use crate::stage::installed;

const DEFINITIONS: &str =
    "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";

fn definition(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "k8s.cni.cncf.io/v1",
        "kind": "NetworkAttachmentDefinition",
        "metadata": {"name": name},
        "spec": spec,
    })
}

#[test]
fn good_definitions_are_taken() {
    // B8.1
    let client = installed().client();
    for (number, config) in [
        r#"{"cniVersion":"1.0.0","type":"macvlan"}"#,
        "\n {\"cniVersion\": \"1.0.0\", \"name\": \"a\", \"plugins\": [\n{\"type\": \"bridge\"}]}\n",
        r#"{"Type":"bridge"}"#,
        // Keys in any order, other types before, texts that look like an end.
        "{\"ipam\": {\"type\": \"\"},\t\"type\"\n:\r\n\"b\"}",
        r#"{"a":"}{","b":",}","plugins":[{"ipam":{},"type":"b"}],"c":",}"}"#,
        "",
    ]
    .iter()
    .enumerate()
    {
        let object = definition(&format!("good-{number}"), &json!({"config": config}));
        client.post(DEFINITIONS, &object).unwrap();
    }
    // One that is taken from a file of the node.
    client
        .post(DEFINITIONS, &definition("without", &json!({})))
        .unwrap();
}

#[test]
fn broken_definitions_are_refused_and_told_why() {
    let client = installed().client();
    for (config, expected) in [
        ("type: bridge", "spec.config is not a JSON object"),
        (
            "[{\"type\":\"bridge\"}]",
            "spec.config is not a JSON object",
        ),
        ("{\"type\":\"bridge\"", "spec.config is not a JSON object"),
        ("{\"type\":\"bridge\",}", "spec.config is not a JSON object"),
        ("{type: bridge}", "spec.config is not a JSON object"),
        ("{}", "spec.config names no plugin"),
        ("{\"cniVersion\":\"1.0.0\"}", "spec.config names no plugin"),
        ("{\"plugins\":[]}", "spec.config names no plugin"),
        ("{\"plugins\": {}}", "spec.config names no plugin"),
        (
            "{\"plugins\":[{\"name\":\"x\"}]}",
            "spec.config names no plugin",
        ),
        ("{\"type\": 5}", "spec.config names no plugin"),
        ("{\"type\": \"\"}", "spec.config names no plugin"),
    ] {
        let object = definition("broken", &json!({"config": config}));
        let refused = client.post(DEFINITIONS, &object).unwrap_err();
        assert_eq!(kube::status(&refused), Some(422), "{config}");
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

/// Whether the API would take it.
#[track_caller]
fn taken(config: &str) {
    let object = definition("dry", &json!({"config": config}));
    let path = format!("{DEFINITIONS}?dryRun=All");
    let answer = installed().client().post(&path, &object);
    assert!(answer.is_ok(), "{answer:?}: {config:.200}");
}

#[test]
fn no_definition_is_refused_that_multus_attaches() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut configs = Vec::new();
    let text = fs::read(root.join("tests/fixtures/vectors/definitions.json")).unwrap();
    let recorded: Value = serde_json::from_slice(&text).unwrap();
    for config in recorded.as_object().unwrap().values() {
        configs.push(config.to_string());
        configs.push(format!("\n{config:#}\n"));
    }
    for page in ["README.md", "docs/devices.md"] {
        let text = fs::read_to_string(root.join(page)).unwrap();
        let blocks = text
            .split("config: |\n")
            .skip(1)
            .map(|rest| rest.split("\n---").next().unwrap());
        let lines = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("config: '")?.strip_suffix('\''));
        let before = configs.len();
        configs.extend(blocks.chain(lines).map(str::to_owned));
        assert_ne!(configs.len(), before, "{page}");
    }
    for config in configs {
        cni::NetworkConf::parse(config.as_bytes()).unwrap();
        taken(&config);
    }
}

/// As long as the schema takes one: the patterns cost more than the API spends on any of them otherwise.
#[test]
fn a_definition_may_be_as_long_as_the_schema_says() {
    let (head, tail) = (r#"{"type":"b","a":""#, r#""}"#);
    let rest = (1 << 20) - head.len() - tail.len();
    taken(&format!("{head}{}{tail}", "x".repeat(rest)));
}
