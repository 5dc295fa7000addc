//! Names that would become paths, interfaces or file names.

use serde_json::json;
use suites::scene::Scene;

const VERBS: [&str; 3] = ["ADD", "CHECK", "DEL"];

#[test]
fn a_hostile_container_id_is_refused_on_every_verb() {
    // B1.26, cni-runtime #51, #52
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    let long = "c".repeat(300);
    for id in [
        "../x", "..", ".", ".lock", ".lock-c1", "-c", "_c", "a/b", "a b", "a\nb", "é", "a;b", "%s",
        &long,
    ] {
        scene.pod.id = id.to_owned();
        for verb in VERBS {
            scene.call(verb, &conf).refused(4, &["containerID"]);
        }
    }
    scene.pod.id = String::new();
    for verb in VERBS {
        scene
            .call(verb, &conf)
            .refused(4, &["[CNI_CONTAINERID] missing"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_container_cannot_have_the_name_of_the_result_cache() {
    // B4.92
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    scene.recorder.clear().unwrap();
    scene.pod.id = "results".to_owned();
    for verb in VERBS {
        scene
            .call(verb, &conf)
            .refused(4, &["containerID", "results"]);
    }
    std::fs::remove_dir(scene.node.state.join("results")).unwrap();
    scene
        .call("ADD", &conf)
        .refused(4, &["containerID", "results"]);
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_hostile_interface_name_is_refused_on_every_verb() {
    // B1.26, cni-runtime #53, #54
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for ifname in [
        "sixteen-bytes-16",
        "ääääääää",
        "a/b",
        "a:b",
        "a b",
        "a\tb",
        "..",
        ".",
        "eth%d",
        "all",
        "default",
        "a\u{1}b",
        "a\u{a0}b",
    ] {
        scene.pod.ifname = ifname.to_owned();
        for verb in VERBS {
            scene.call(verb, &conf).refused(4, &["interface name"]);
        }
    }
    scene.pod.ifname = String::new();
    for verb in VERBS {
        scene
            .call(verb, &conf)
            .refused(4, &["[CNI_IFNAME] missing"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn fifteen_bytes_are_a_name_of_an_interface() {
    // B10.35, cni-runtime #53
    let mut scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    scene.pod.ifname = "fifteen-bytes-5".to_owned();
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_hostile_network_name_is_refused_on_every_verb() {
    // B1.26, B2.2, cni-runtime #5, #55
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    conf["cniVersion"] = json!("1.1.0");
    let long = "n".repeat(300);
    for (name, fragment) in [
        (json!("../x"), "network name"),
        (json!("a b"), "network name"),
        (json!("-x"), "network name"),
        (json!(".x"), "network name"),
        (json!("n\n"), "network name"),
        (json!("é"), "network name"),
        (json!(long), "network name"),
        (json!(""), "missing network name"),
        (json!(null), "missing network name"),
    ] {
        conf["name"] = name;
        for verb in ["ADD", "CHECK", "DEL", "GC", "STATUS"] {
            scene.call(verb, &conf).refused(7, &[fragment]);
        }
    }
    conf.as_object_mut().unwrap().remove("name");
    scene
        .call("ADD", &conf)
        .refused(7, &["missing network name"]);
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_delegates_hostile_name_is_refused_before_any_plugin_runs() {
    // B4.122, T3.7, cni-runtime #5, #8
    let scene = Scene::new();
    for name in ["../x", "", "a b", "a/b"] {
        let conf = scene.conf(&[
            scene.network("good", json!({})),
            scene.network(name, json!({})),
        ]);
        scene.call("ADD", &conf).refused(7, &["network name"]);
    }
    for plugin in ["../scripted", "/bin/true", "..", "a\\b"] {
        let mut network = scene.network("bad", json!({}));
        network["type"] = json!(plugin);
        let conf = scene.conf(&[scene.network("good", json!({})), network]);
        scene.call("ADD", &conf).refused(7, &["plugin name"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_network_whose_cached_result_would_have_too_long_a_name_is_refused_before_any_plugin_runs() {
    // cni-runtime #52
    let mut scene = Scene::new();
    scene.pod.id = "c".repeat(64);
    let long = "n".repeat(200);
    let conf = scene.conf(&[
        scene.network("good", json!({})),
        scene.network(&long, json!({})),
    ]);
    scene.call("ADD", &conf).refused(7, &["too long"]);
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn two_attachments_whose_cached_results_would_share_a_name_are_refused_before_any_plugin_runs() {
    // cni-runtime #56: `a`, `x`, `x-net1` and `a-x`, `x`, `net1`
    let mut scene = Scene::new();
    scene.pod.id = "x".to_owned();
    scene.pod.ifname = "x-net1".to_owned();
    let conf = scene.conf(&[
        scene.network("a", json!({})),
        scene.network("a-x", json!({})),
    ]);
    scene
        .call("ADD", &conf)
        .refused(7, &["a-x", "cached result"]);
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}
