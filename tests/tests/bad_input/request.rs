//! What every plugin checks before it looks at its own configuration: variables, verb, JSON, version.

use serde_json::{Value, json};
use suites::multus::Answer;
use suites::scene::{SECRET, Scene, answer};

/// Variables of a request that is in order.
const REQUEST: [(&str, &str); 4] = [
    ("CNI_CONTAINERID", "c1"),
    ("CNI_NETNS", "/run/netns/c1"),
    ("CNI_IFNAME", "eth0"),
    ("CNI_PATH", "/opt/cni/bin"),
];

fn send(scene: &Scene, variables: &[(&str, &str)], stdin: &[u8]) -> Answer {
    let run = scene.node.world.command(&scene.node.multus);
    answer(run.envs(variables.to_vec()).stdin(stdin).run().unwrap())
}

fn send_to(scene: &Scene, verb: &str, stdin: &[u8]) -> Answer {
    let mut variables = vec![("CNI_COMMAND", verb)];
    variables.extend(REQUEST);
    send(scene, &variables, stdin)
}

#[test]
fn all_missing_variables_are_named_in_one_error() {
    // B1.25, cni-runtime #112
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]).to_string();
    for (verb, missing) in [
        ("ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
        ("CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH"),
        ("DEL", "CNI_CONTAINERID,CNI_IFNAME,CNI_PATH"),
        ("GC", "CNI_PATH"),
        ("STATUS", "CNI_PATH"),
    ] {
        let text = format!("required env variables [{missing}] missing");
        send(&scene, &[("CNI_COMMAND", verb)], conf.as_bytes()).refused(4, &[&text]);
        // A variable without a value is missing too.
        let empty: Vec<_> = REQUEST.iter().map(|(name, _)| (*name, "")).collect();
        let empty: Vec<_> = [("CNI_COMMAND", verb)].into_iter().chain(empty).collect();
        send(&scene, &empty, conf.as_bytes()).refused(4, &[&text]);
    }
    let one = [("CNI_COMMAND", "DEL"), REQUEST[0], REQUEST[2]];
    send(&scene, &one, conf.as_bytes()).refused(4, &["required env variables [CNI_PATH] missing"]);
    scene.nothing_left();
}

#[test]
fn an_unknown_verb_is_named() {
    // B1.22, cni-runtime #114
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]).to_string();
    for verb in ["FROB", "add", "ADD ", "UPDATE"] {
        let text = format!("unknown CNI_COMMAND: {}", verb.trim());
        send_to(&scene, verb, conf.as_bytes()).refused(4, &[&text]);
    }
    let (_, message) = send_to(
        &scene,
        &format!("A\nB{}", "x".repeat(5000)),
        conf.as_bytes(),
    )
    .error();
    assert!(message.len() < 400, "{message}");
    scene.nothing_left();
}

#[test]
fn input_that_is_no_json_object_is_a_decoding_failure_with_its_place() {
    // B1.26, B4.100, T3.5, cni-runtime #1, #3, #4, #113
    let scene = Scene::new();
    let whole = scene.conf(&[scene.network("a", json!({}))]).to_string();
    let cases = [
        ("empty", String::new(), "line 1"),
        ("blank", " \n ".to_owned(), "line 2"),
        ("cut off", whole[..whole.len() / 2].to_owned(), "line 1"),
        ("two documents", format!("{whole}{whole}"), "line 1"),
        ("a BOM", format!("\u{feff}{whole}"), "line 1"),
        ("a comment", format!("// x\n{whole}"), "line 1"),
        (
            "a trailing comma",
            "{\"name\": \"n\",}".to_owned(),
            "line 1",
        ),
        ("an array", format!("[{whole}]"), "object"),
        ("null", "null".to_owned(), "object"),
        ("a string", format!("\"{SECRET}\""), "object"),
        ("a number", "7".to_owned(), "object"),
        ("deep nesting", "[".repeat(200_000), "line 1"),
        ("deep objects", "{\"a\":".repeat(200_000), "line 1"),
    ];
    for verb in ["ADD", "DEL", "CHECK", "GC", "STATUS", "FROB"] {
        for (what, input, place) in &cases {
            let (code, message) = send_to(&scene, verb, input.as_bytes()).error();
            assert!(
                code == 6 && message.contains(place) && message.len() < 300,
                "{verb}, {what}: {code} {message}"
            );
        }
        let (code, _) = send_to(&scene, verb, b"{\"name\": \"\xff\xfe\"}").error();
        assert_eq!(code, 6, "{verb}, not UTF-8");
    }
    scene.nothing_left();
}

#[test]
fn a_version_that_is_none_is_an_error_that_lists_those_that_are() {
    // B1.27, cni-runtime #13, #116
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    for version in ["1.0", "v1.0.0", "0.3.2", "1.2.0", "99.0.0", "one", "1.0.0 "] {
        conf["cniVersion"] = json!(version);
        for verb in ["ADD", "DEL"] {
            let answer = send_to(&scene, verb, conf.to_string().as_bytes());
            answer.refused(1, &["incompatible CNI versions"]);
            let details = answer.0.json().unwrap()["details"].to_string();
            assert!(
                details.contains("0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0")
                    && details.contains(version.trim()),
                "{details}"
            );
        }
    }
    scene.nothing_left();
}

#[test]
fn verbs_that_are_younger_than_the_configuration_are_refused() {
    // B1.27
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    for (verb, too_old) in [
        ("CHECK", &["", "0.1.0", "0.2.0", "0.3.0", "0.3.1"][..]),
        ("GC", &["", "0.3.1", "0.4.0", "1.0.0"]),
        ("STATUS", &["", "0.3.1", "0.4.0", "1.0.0"]),
    ] {
        for version in too_old {
            conf["cniVersion"] = json!(version);
            let text = format!("config version does not allow {verb}");
            send_to(&scene, verb, conf.to_string().as_bytes()).refused(1, &[&text]);
        }
        conf["cniVersion"] = json!("x.y");
        let (code, _) = send_to(&scene, verb, conf.to_string().as_bytes()).error();
        assert_eq!(code, 6, "{verb}");
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn more_input_than_any_configuration_has_is_not_even_read() {
    // cni-runtime #43
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    conf["padding"] = Value::from("x".repeat(5 << 20));
    for verb in ["ADD", "DEL", "CHECK", "GC", "STATUS"] {
        send_to(&scene, verb, conf.to_string().as_bytes()).refused(5, &["stdin", "4 MiB"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_large_configuration_works_all_the_same() {
    // cni-runtime #45
    let scene = Scene::new();
    let mut network = scene.network("a", json!({}));
    network["padding"] = Value::from("x".repeat(1 << 20));
    let conf = scene.conf(&[network]);
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.calls(), ["ADD a eth0", "DEL a eth0"]);
    scene.nothing_left();
}

#[test]
fn an_error_says_the_version_that_the_configuration_asked_for() {
    // cni-runtime §3.3
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network(
        "a",
        json!({"create_link": false, "per_verb": {"ADD": {"exit": 1}}}),
    )]);
    for version in ["0.3.1", "1.0.0", "1.1.0"] {
        conf["cniVersion"] = json!(version);
        let answer = scene.call("ADD", &conf);
        answer.error();
        assert_eq!(answer.0.json().unwrap()["cniVersion"], version);
    }
    scene.nothing_left();
}

#[test]
fn an_error_is_one_indented_document_and_exit_status_1() {
    // B1.28: four spaces, no line end; the code of the plugin is kept, every other one is 999
    let scene = Scene::new();
    let fail = json!({"verb": "ADD", "code": 123, "msg": "no uplink", "details": "port 7"});
    let conf = scene.conf(&[scene.network("a", json!({"fail": fail}))]);
    let answer = scene.call("ADD", &conf);
    answer.refused(123, &["no uplink", "port 7"]);
    let text = answer.0.stdout_text();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(
        text.starts_with("{\n    \"") && text.ends_with("\n}"),
        "{text:?}"
    );
    let keys: Vec<&String> = document.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["cniVersion", "code", "msg"]);

    let dies = scene.network("a", json!({"per_verb": {"ADD": {"crash": "SIGKILL"}}}));
    let (code, _) = scene.call("ADD", &scene.conf(&[dies])).error();
    assert_eq!(code, 999);
}

#[test]
fn an_error_begins_with_the_pod_and_the_network_as_far_as_they_are_known() {
    // B4.2, B4.20, B4.22, B4.25, B4.28, B4.101
    let mut scene = Scene::new();
    let good = scene.conf(&[scene.network("a", json!({}))]);
    let begins = |answer: &Answer, text: &str| {
        let (_, message) = answer.error();
        assert!(message.starts_with(text), "{message}");
    };

    let nothing = scene.conf(&[]);
    begins(
        &scene.call("ADD", &nothing),
        "Multus: error loading netconf: ",
    );

    scene.node.pod_with("default", "pod", "a/b/c");
    let text = "Multus: [default/pod/]: error loading k8s delegates k8s args: ";
    begins(&scene.call("ADD", &good), text);

    let mut nowhere = scene.conf(&[]);
    nowhere["clusterNetwork"] = json!("nowhere");
    let text = "Multus: [default/pod/]: failed to get clusterNetwork/defaultNetworks: ";
    begins(&scene.call("ADD", &nowhere), text);

    scene.node.pod_with("default", "pod", "");
    let failing = scene.network(
        "a",
        json!({"fail": {"verb": "ADD", "code": 100, "msg": "no"}}),
    );
    let text = "[default/pod/:a]: error adding container to network \"a\": ";
    begins(&scene.call("ADD", &scene.conf(&[failing])), text);

    scene.pod.args = "IgnoreUnknown=1;oops".to_owned();
    for verb in ["ADD", "DEL", "CHECK"] {
        begins(&scene.call(verb, &good), "Multus: error getting k8s args: ");
    }
}
