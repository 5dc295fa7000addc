//! The program `passthru`, called as a plugin.

use serde_json::{Value, json};
use suites::multus::{Answer, Container, program};
use suites::node::Node;

fn call(node: &Node, verb: &str, conf: &Value) -> Answer {
    let container = Container::new(&node.sandbox(&format!("pod-{verb}").to_lowercase()));
    let run = container.describe(verb, node.world.command(program("passthru")));
    let run = run.env("CNI_PATH", &node.plugins).stdin(conf.to_string());
    Answer(run.run().unwrap())
}

fn conf(version: &str) -> Value {
    let previous = json!({"cniVersion": version, "interfaces": [{"name": "eth0"}], "dns": {"domain": "example"}});
    json!({"cniVersion": version, "name": "n", "type": "passthru", "prevResult": previous})
}

#[test]
fn add_prints_the_version_and_nothing_else() {
    // B1.121
    let node = Node::bare();
    for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let answer = call(&node, "ADD", &conf(version));
        let expected = format!("{{\n    \"cniVersion\": \"{version}\"\n}}");
        assert_eq!(answer.good().0.stdout_text(), expected);
    }
}

#[test]
fn a_result_of_which_only_a_part_can_be_written_is_a_failure() {
    // The limit leaves out the last byte.
    let node = Node::bare();
    let container = Container::new(&node.sandbox("pod-add"));
    let whole = "{\n    \"cniVersion\": \"1.0.0\"\n}";
    let script = format!(
        "trap '' XFSZ; exec prlimit --fsize={} \"$0\" >result",
        whole.len() - 1
    );
    let said = container
        .describe("ADD", node.world.command("sh"))
        .env("CNI_PATH", &node.plugins)
        .args(["-c", &script])
        .arg(program("passthru"))
        .stdin(conf("1.0.0").to_string())
        .run()
        .unwrap();
    assert_eq!(said.status.code(), Some(1));
}

#[test]
fn every_other_verb_does_nothing() {
    // B1.122, B1.27
    let node = Node::bare();
    for (verb, since) in [
        ("DEL", "0.3.0"),
        ("CHECK", "0.4.0"),
        ("STATUS", "1.1.0"),
        ("GC", "1.1.0"),
    ] {
        for version in ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
            let answer = call(&node, verb, &conf(version));
            if version < since {
                answer.refused(1, &["config version does not allow", verb]);
            } else {
                answer.silent();
            }
        }
    }
}

#[test]
fn versions_without_chains_are_not_spoken() {
    // B1.120
    let node = Node::bare();
    for version in ["0.1.0", "0.2.0", "", "1.2.0"] {
        for verb in ["ADD", "DEL"] {
            call(&node, verb, &conf(version)).refused(1, &["incompatible CNI versions"]);
        }
    }
    let run = node.world.command(program("passthru"));
    let said = run.env("CNI_COMMAND", "VERSION").run().unwrap();
    let versions = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}";
    assert_eq!(said.stdout_text().trim_end(), versions);
    let by_hand = node.world.command(program("passthru")).run().unwrap();
    assert!(by_hand.status.success());
    assert!(
        by_hand
            .stderr_text()
            .starts_with("Passthrough CNI Plugin v1.0\n")
    );
}
