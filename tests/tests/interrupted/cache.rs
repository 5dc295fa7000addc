//! Cached results that are damaged, missing or somebody else's.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use serde_json::{Value, json};
use suites::scene::Scene;

/// What becomes of the bytes of a file.
type Damage = fn(Vec<u8>) -> Vec<u8>;

fn attached(scene: &Scene) -> Value {
    let conf = scene.conf(&[scene.network("a", json!({})), scene.network("b", json!({}))]);
    scene.call("ADD", &conf).result();
    scene.take_calls();
    conf
}

/// CHECK refuses; DEL goes on without a previous result for `b`, and leaves nothing.
#[track_caller]
fn counts_as_none(scene: &Scene, conf: &Value, what: &str) {
    let (code, message) = scene.call("CHECK", conf).error();
    assert!(
        code > 0 && message.contains("network \"b\"") && message.contains("cached result"),
        "{what}: {code} {message}"
    );
    scene.recorder.clear().unwrap();
    scene.call("DEL", conf).silent();
    let calls = scene.recorder.calls().unwrap();
    let given: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call.network().to_owned(),
                call.at("/prevResult").is_object(),
            )
        })
        .collect();
    assert_eq!(
        given,
        [("b".to_owned(), false), ("a".to_owned(), true)],
        "{what}"
    );
    scene.recorder.clear().unwrap();
}

#[test]
fn a_damaged_result_counts_as_none() {
    // cni-runtime #100, #102
    let scene = Scene::new();
    let path = scene.node.state.join("results/b-c1-net1");
    let damages: [(&str, Damage); 6] = [
        ("empty", |_| Vec::new()),
        ("cut off", |whole| whole[..whole.len() / 2].to_vec()),
        ("garbage", |_| b"\xff\x00garbage".to_vec()),
        ("an array", |_| b"[]".to_vec()),
        ("of an unknown kind", |_| {
            b"{\"kind\":\"cniCacheV9\"}".to_vec()
        }),
        ("of an unknown version", |whole| {
            String::from_utf8(whole)
                .unwrap()
                .replace("\"cniVersion\":\"1.0.0\"", "\"cniVersion\":\"9.0.0\"")
                .into_bytes()
        }),
    ];
    for (what, damage) in damages {
        let conf = attached(&scene);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, damage(whole)).unwrap();
        counts_as_none(&scene, &conf, what);
        scene.nothing_left();
    }
}

#[test]
fn a_missing_result_counts_as_none() {
    // cni-runtime #88, #108
    let scene = Scene::new();
    let conf = attached(&scene);
    fs::remove_file(scene.node.state.join("results/b-c1-net1")).unwrap();
    counts_as_none(&scene, &conf, "missing");
    scene.nothing_left();
}

#[test]
fn a_result_that_leads_elsewhere_or_is_somebody_elses_is_not_believed() {
    // cni-runtime #106
    let scene = Scene::new();
    let path = scene.node.state.join("results/b-c1-net1");
    let precious = scene.signal("precious");
    let conf = attached(&scene);
    fs::rename(&path, &precious).unwrap();
    symlink(&precious, &path).unwrap();
    counts_as_none(&scene, &conf, "a symbolic link");
    assert!(precious.is_file());
    scene.nothing_left();

    let conf = attached(&scene);
    chown(&path, Some(12345), None).unwrap();
    counts_as_none(&scene, &conf, "another user's");
    scene.nothing_left();
}

#[test]
fn a_result_of_another_attachment_counts_as_none_and_stays() {
    // cni-runtime #56, #101
    let scene = Scene::new();
    let conf = attached(&scene);
    let path = scene.node.state.join("results/b-c1-net1");
    fs::copy(scene.node.state.join("results/a-c1-eth0"), &path).unwrap();
    counts_as_none(&scene, &conf, "another's");
    assert_eq!(scene.books(), ["results/b-c1-net1"]);
    fs::remove_file(&path).unwrap();
    scene.nothing_left();
}

#[test]
fn containers_whose_results_share_a_file_do_not_take_each_others() {
    // cni-runtime #56: `a`, `b-c`, `eth0` and `a-b`, `c`, `eth0`
    let mut scene = Scene::new();
    let one = scene.conf(&[scene.network("a", json!({}))]);
    let other = scene.conf(&[scene.network("a-b", json!({}))]);
    let sandbox = scene.node.sandbox("c");
    let (first, second) = (
        suites::multus::Container {
            id: "b-c".to_owned(),
            ..scene.pod.clone()
        },
        suites::multus::Container::new(&sandbox).of_pod("default", "second"),
    );
    scene.pod = first.clone();
    scene.call("ADD", &one).result();
    scene.pod = second.clone();
    scene.call("ADD", &other).result();
    scene.pod = first;
    scene.call("DEL", &one).silent();
    scene.pod = second;
    scene.call("CHECK", &other).silent();
    scene.call("DEL", &other).silent();
    let calls = scene.recorder.calls_of("DEL").unwrap();
    assert_eq!(calls[0].at("/prevResult"), &Value::Null);
    assert_eq!(
        calls[1].at("/prevResult/interfaces/0/sandbox"),
        "/run/netns/c"
    );
    drop(sandbox);
    scene.nothing_left();
}

#[test]
fn a_cache_that_is_no_directory_is_refused_with_everything_undone() {
    let scene = Scene::new();
    let results = scene.node.state.join("results");
    fs::write(&results, "precious").unwrap();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    let (_, message) = scene.call("ADD", &conf).error();
    assert!(
        message.contains("cached result") && message.contains("Not a directory"),
        "{message}"
    );
    assert_eq!(scene.books(), ["results"]);
    assert_eq!(fs::read_to_string(&results).unwrap(), "precious");
    fs::remove_file(Path::new(&results)).unwrap();
    scene.nothing_left();
}
