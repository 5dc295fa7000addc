//! What lines say.

use serde_json::{Value, json};
use suites::multus::Container;
use suites::scene::Scene;

use crate::{Logged, lines};

/// The lines that begin with this.
fn beginning(lines: &[String], start: &str) -> Vec<String> {
    let found = lines.iter().filter(|line| line.starts_with(start));
    found.cloned().collect()
}

#[test]
fn each_attachment_has_a_line_when_it_was_made_checked_and_removed() {
    // B4.44, B4.110, B9.8
    let logged = Logged::new();
    let scene = &logged.scene;
    let result = json!({"cniVersion": "1.0.0", "dns": {"domain": "pods.example"}});
    let chain = json!({
        "cniVersion": "1.0.0",
        "name": "b",
        "plugins": [scene.plugin("scripted", json!({})), {"type": "scripted", "script": {}}],
    });
    let networks = [scene.network("a", json!({"result": result})), chain];
    let conf = logged.conf("verbose", &networks);
    for verb in ["ADD", "CHECK", "DEL"] {
        scene.call(verb, &conf).good();
    }
    let lines = logged.lines();

    let added = beginning(&lines, "[verbose] Add: ");
    let [first, second] = &added[..] else {
        panic!("{lines:#?}");
    };
    let prefix = "[verbose] Add: default:pod:unknownUID:a(a):eth0 ";
    let printed: Value = serde_json::from_str(first.strip_prefix(prefix).expect(first)).unwrap();
    assert_eq!(printed, result);
    assert!(
        second.starts_with("[verbose] Add: default:pod:unknownUID:b(b):net1 {"),
        "{second}"
    );
    assert_eq!(
        beginning(&lines, "[verbose] Check: "),
        [
            "[verbose] Check: default:pod:a(a):eth0 scripted",
            "[verbose] Check: default:pod:b(b):net1 scripted,scripted",
        ]
    );
    assert_eq!(
        beginning(&lines, "[verbose] Del: "),
        [
            "[verbose] Del: default:pod:unknownUID:b:net1 scripted,scripted",
            "[verbose] Del: default:pod:unknownUID:a:eth0 scripted",
        ]
    );
}

#[test]
fn each_call_has_a_line_when_it_has_ended_well() {
    let logged = Logged::new();
    let scene = &logged.scene;
    let conf = logged.conf("verbose", &[scene.network("a", json!({}))]);
    for verb in ["ADD", "CHECK", "DEL", "DEL"] {
        scene.call(verb, &conf).good();
        let lines = logged.lines();
        let last = lines.last().expect("there are lines");
        let start = format!("[verbose] {verb} of container c1 [default/pod/] done in ");
        assert!(last.starts_with(&start) && last.ends_with(" ms"), "{last}");
    }
}

#[test]
fn status_and_gc_have_lines_of_their_own() {
    // B9.8, Q88
    let logged = Logged::new();
    let scene = &logged.scene;
    let mut network = scene.network("a", json!({}));
    network["cniVersion"] = json!("1.1.0");
    let mut conf = logged.conf("verbose", &[network]);
    conf["cniVersion"] = json!("1.1.0");
    scene.call("ADD", &conf).good();
    conf["cni.dev/valid-attachments"] = json!([{"containerID": "other", "ifname": "eth0"}]);
    let said = |verb: &str| {
        let before = logged.lines().len();
        scene.call(verb, &conf).good();
        let lines = logged.lines();
        let about: Vec<&str> = lines[before..]
            .iter()
            .map(|line| line.split(" done in ").next().unwrap())
            .collect();
        about.join("\n")
    };
    // The runtime of this test names a container; a real one does not.
    let of = "of container c1 [default/pod/]";
    assert_eq!(
        said("STATUS"),
        format!("[verbose] Status: a scripted\n[verbose] STATUS {of}")
    );
    let gone = "[verbose] [default/pod/]: GC detached container c1, which the runtime does not know any more";
    let del = "[verbose] Del: default:pod:unknownUID:a:eth0 scripted";
    assert_eq!(said("GC"), format!("{del}\n{gone}\n[verbose] GC {of}"));
}

#[test]
fn lines_name_the_uid_that_the_runtime_gives() {
    // B4.44
    let logged = Logged::new();
    let scene = &logged.scene;
    let conf = logged.conf("verbose", &[scene.network("a", json!({}))]);
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=7f3a";
    let pod = Container::new(&scene.sandbox).with_args(args);
    scene.node.add(&pod, &conf);
    scene.node.del(&pod, &conf);
    let lines = logged.lines();
    for start in [
        "Add: shop:web:7f3a:a(a):eth0 ",
        "Del: shop:web:7f3a:a:eth0 ",
    ] {
        assert_eq!(
            beginning(&lines, &format!("[verbose] {start}")).len(),
            1,
            "{lines:#?}"
        );
    }
}

#[test]
fn what_is_undone_is_told_before_the_reason() {
    let logged = Logged::new();
    let scene = &logged.scene;
    let fail = json!({"fail": {"verb": "ADD", "code": 120, "msg": "no more cables"}});
    let networks = [scene.network("a", json!({})), scene.network("b", fail)];
    let answer = scene.call("ADD", &logged.conf("verbose", &networks));
    let (_, message) = answer.error();
    let lines = logged.lines();
    let starts: Vec<&str> = lines
        .iter()
        .map(|line| line.split_once(": ").expect(line).0)
        .collect();
    assert_eq!(
        starts[..3],
        ["[verbose] Add", "[verbose] Del", "[verbose] Del"],
        "{lines:#?}"
    );
    assert_eq!(lines[3], format!("[error] {message}"));
}

#[test]
fn a_network_that_may_fail_and_does_is_a_warning() {
    let scene = Scene::new();
    let node = &scene.node;
    let fail = json!({"fail": {"verb": "ADD", "code": 120, "msg": "no more cables"}});
    node.definition("default", "extra", &scene.network("extra", fail));
    let element = json!([{"name": "extra", "multus-cni.io/optional": true}]);
    node.pod_with("default", "pod", &element.to_string());
    let answer = scene.call("ADD", &scene.conf(&[scene.network("a", json!({}))]));
    let told = lines(&answer.good().0.stderr_text());
    let [line] = &told[..] else {
        panic!("{told:#?}");
    };
    for fragment in ["[error] warning: [default/pod/", "extra", "no more cables"] {
        assert!(line.contains(fragment), "{line}");
    }
}

#[test]
fn nobody_can_forge_a_line() {
    let scene = Scene::new();
    let msg = "broken\n2026-01-31T23:59:59Z [error] forged \u{1b}[31m";
    let fail = json!({"fail": {"code": 120, "msg": msg}});
    let answer = scene.call("ADD", &scene.conf(&[scene.network("a", fail)]));
    answer.error();
    let told = answer.0.stderr_text();
    assert_eq!(lines(&told).len(), 1, "{told:?}");
    assert!(!told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn times_are_those_of_the_node() {
    // B9.1
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({"fail": {"code": 120, "msg": "no"}}))]);
    let run = scene.command("ADD", &conf).env("TZ", "Asia/Kolkata");
    let told = run.run().unwrap().stderr_text();
    assert_eq!(&told[19..25], "+05:30", "{told}");
}
