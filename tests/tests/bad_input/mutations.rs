//! Every value of a configuration replaced by others, and the text cut anywhere: an error or a success, and nothing in between.

use serde_json::{Value, json};
use suites::scene::{SECRET, Scene};

/// A configuration that uses most keys, without links, so that a call is quick.
fn full(scene: &Scene) -> Value {
    let quick = json!({"create_link": false});
    let mut conf = scene.conf(&[
        json!({"cniVersion": "1.0.0", "name": "a", "plugins": [scene.plugin("scripted", quick.clone())]}),
        scene.network("b", quick),
    ]);
    conf["capabilities"] = json!({"mac": true});
    conf["runtimeConfig"] = json!({
        "mac": "02:00:00:00:00:01",
        "ips": ["192.0.2.1/24"],
        "portMappings": [{"hostPort": 80, "containerPort": 8080, "protocol": "tcp"}],
        "bandwidth": {"ingressRate": 1, "ingressBurst": 1, "egressRate": 1, "egressBurst": 1},
    });
    conf["systemNamespaces"] = json!(["kube-system"]);
    conf["timeouts"] = json!({"add": "20s", "lock": "2s"});
    conf
}

/// The JSON pointers of all values that `multus` itself may look at.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    if at.contains("/script") {
        return;
    }
    if !at.is_empty() {
        found.push(at.to_owned());
    }
    match value {
        Value::Object(keys) => keys
            .iter()
            .for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found)),
        _ => {}
    }
}

/// Either attached, and detached again, or refused in one line.
#[track_caller]
fn attempt(scene: &Scene, conf: &Value, what: &str) {
    let answer = scene.call("ADD", conf);
    if answer.0.status.success() {
        assert!(answer.result().is_object(), "{what}");
        scene.call("DEL", conf).silent();
    } else {
        let (code, message) = answer.error();
        assert!(code > 0 && message.len() < 2000, "{what}: {code} {message}");
        assert_eq!(scene.books(), [""; 0], "{what}: {message}");
    }
}

#[test]
fn whatever_stands_in_the_place_of_a_value_is_attached_or_refused_and_never_repeated() {
    // Q58
    let scene = Scene::new();
    let conf = full(&scene);
    let mut all = Vec::new();
    pointers(&conf, "", &mut all);
    assert!(all.len() > 30, "{all:?}");
    let long = format!("{SECRET}{}", "x".repeat(100_000));
    for pointer in &all {
        for value in [
            json!(null),
            json!([long]),
            json!({"key": SECRET}),
            json!(-1.5e300),
        ] {
            let mut conf = conf.clone();
            *conf.pointer_mut(pointer).unwrap() = value.clone();
            // What is written to another place would not be missed at the end, and there is no daemon at another one.
            if ["/cniDir", "/daemonSocketDir"].contains(&pointer.as_str()) && value.is_null() {
                continue;
            }
            attempt(&scene, &conf, pointer);
        }
    }
    scene.nothing_left();
}

#[test]
fn a_configuration_that_is_cut_off_anywhere_is_a_decoding_failure() {
    // T1.2, T3.5
    // cni-runtime #3
    let scene = Scene::new();
    let text = full(&scene).to_string();
    for end in (0..text.len()).step_by(23) {
        let run = scene
            .pod
            .describe("ADD", scene.node.world.command(&scene.node.multus))
            .env("CNI_PATH", &scene.node.plugins)
            .stdin(&text.as_bytes()[..end]);
        suites::scene::answer(run.run().unwrap()).refused(6, &["line 1"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}
