//! `CNI_ARGS`.

use serde_json::json;
use suites::scene::Scene;

/// Whose pod it is.
const POD: &str = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod";

#[test]
fn arguments_that_are_no_pairs_are_refused() {
    // T2.17, B4.22, B4.1
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for (args, piece) in [
        ("K8S_POD_NAME", "K8S_POD_NAME"),
        ("IgnoreUnknown=1;K8S_POD_NAME:pod", "K8S_POD_NAME:pod"),
        ("IgnoreUnknown=1;oops;K8S_POD_NAME=pod", "oops"),
    ] {
        scene.pod.args = args.to_owned();
        for verb in ["ADD", "CHECK", "DEL"] {
            scene
                .call(verb, &conf)
                .refused(4, &["CNI_ARGS", "invalid pair", piece]);
        }
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn an_unknown_argument_is_an_error_unless_they_are_to_be_ignored() {
    // B4.1
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for args in [
        "FOO=bar",
        "K8S_POD_NAME=pod;FOO=bar;IgnoreUnknown=0",
        "IgnoreUnknown=no;FOO=bar",
    ] {
        scene.pod.args = args.to_owned();
        scene
            .call("ADD", &conf)
            .refused(4, &["CNI_ARGS", "unknown key", "FOO"]);
    }
    assert_eq!(scene.take_calls(), [""; 0]);
    for args in [
        "FOO=a=b;IgnoreUnknown=1",
        "IgnoreUnknown=TRUE;FOO=",
        ";;IgnoreUnknown=true;FOO=bar;",
    ] {
        scene.pod.args = format!("{args};{POD}");
        scene.call("ADD", &conf).result();
        scene.call("DEL", &conf).silent();
        assert_eq!(scene.take_calls(), ["ADD a eth0", "DEL a eth0"], "{args}");
    }
    scene.nothing_left();
}

#[test]
fn an_argument_that_no_delegate_could_be_given_is_refused_before_any_plugin_runs() {
    // cni-runtime #50
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for args in [
        "IgnoreUnknown=1;=x",
        "IgnoreUnknown=1;A\nB=x",
        "IgnoreUnknown=1;A=x\ny",
    ] {
        scene.pod.args = format!("{args};{POD}");
        let (code, message) = scene.call("ADD", &conf).error();
        assert!(
            code == 4 && message.contains("argument"),
            "{code} {message}"
        );
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_pods_name_never_becomes_a_path() {
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    let precious = scene.node.manifests.join("x_pod.json");
    let manifest = json!({"kind": "Pod", "metadata": {"namespace": "../x", "name": "pod"}});
    std::fs::write(&precious, manifest.to_string()).unwrap();
    std::fs::create_dir(scene.node.manifests.join(".status")).unwrap();
    scene.pod = scene.pod.clone().of_pod("../x", "pod");
    for verb in ["ADD", "DEL"] {
        // Whatever it answers, it leaves alone what is not a status.
        scene.call(verb, &conf);
    }
    let text = std::fs::read_to_string(&precious).unwrap();
    assert_eq!(text, manifest.to_string());
    std::fs::remove_file(&precious).unwrap();
    scene.nothing_left();
}

#[test]
fn long_arguments_are_cut_in_the_error() {
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    scene.pod.args = "x".repeat(60_000);
    let (code, message) = scene.call("ADD", &conf).error();
    assert!(code == 4 && message.len() < 400, "{code} {message}");
    scene.nothing_left();
}
