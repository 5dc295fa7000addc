//! A ledger that is damaged or no file at all: the result cache tells what was attached.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

use serde_json::{Value, json};
use suites::scene::Scene;

/// What becomes of the bytes of a file.
type Damage = fn(Vec<u8>) -> Vec<u8>;

/// Three networks, attached.
fn attached(scene: &Scene) -> Value {
    let conf = scene.conf(&["a", "b", "c"].map(|name| scene.network(name, json!({}))));
    scene.call("ADD", &conf).result();
    scene.take_calls();
    conf
}

const DETACHED: [&str; 3] = ["DEL c net2", "DEL b net1", "DEL a eth0"];

/// DEL detaches all three from the result cache, each with its result, and everything is gone.
#[track_caller]
fn detached_from_cache(scene: &Scene, conf: &Value, what: &str) {
    scene.call("DEL", conf).silent();
    let calls = scene.recorder.calls().unwrap();
    for call in &calls {
        assert!(
            call.at("/prevResult/interfaces/0").is_object(),
            "{what}: {:?}",
            call.config
        );
        assert_eq!(call.variable("CNI_NETNS"), "/run/netns/c1", "{what}");
    }
    let mut networks = scene.take_calls();
    networks.sort();
    let mut expected = DETACHED;
    expected.sort_unstable();
    assert_eq!(networks, expected, "{what}");
}

#[test]
fn a_damaged_ledger_is_replaced_by_the_result_cache() {
    // cni-runtime #105, #107
    let scene = Scene::new();
    let path = scene.node.state.join("c1");
    let damages: [(&str, Damage); 9] = [
        ("empty", |_| Vec::new()),
        ("cut off", |whole| whole[..whole.len() / 2].to_vec()),
        ("garbage", |_| b"\xff\x00garbage".to_vec()),
        ("zeroes", |whole| vec![0; whole.len()]),
        ("an empty array", |_| b"[]".to_vec()),
        ("null", |_| b"null".to_vec()),
        ("an object", |_| b"{}".to_vec()),
        ("bytes that are no base64", |_| {
            b"[{\"Name\":\"a\",\"Bytes\":\"!\"}]".to_vec()
        }),
        ("bytes that are no configuration", |_| {
            b"[{\"Name\":\"a\",\"Bytes\":\"e30=\"}]".to_vec()
        }),
    ];
    for (what, damage) in damages {
        let conf = attached(&scene);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, damage(whole)).unwrap();
        detached_from_cache(&scene, &conf, what);
        scene.nothing_left();
    }
}

#[test]
fn a_ledger_that_is_gone_is_replaced_by_the_result_cache() {
    let scene = Scene::new();
    let conf = attached(&scene);
    fs::remove_file(scene.node.state.join("c1")).unwrap();
    detached_from_cache(&scene, &conf, "gone");
    scene.nothing_left();
}

#[test]
fn a_ledger_that_leads_elsewhere_is_not_followed() {
    // cni-runtime #106
    let scene = Scene::new();
    let path = scene.node.state.join("c1");
    let precious = scene.signal("precious");
    for target in [precious.as_path(), Path::new("/nonexistent/ledger")] {
        let conf = attached(&scene);
        // Were it followed, it would name other networks.
        let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
        fs::write(&precious, text.replace("\"Name\":\"a\"", "\"Name\":\"z\"")).unwrap();
        let before = fs::read(&precious).unwrap();
        fs::remove_file(&path).unwrap();
        symlink(target, &path).unwrap();
        detached_from_cache(&scene, &conf, &target.display().to_string());
        assert_eq!(fs::read(&precious).unwrap(), before);
        scene.nothing_left();
    }
}

#[test]
fn a_ledger_of_somebody_else_is_not_believed() {
    // cni-runtime #106
    let scene = Scene::new();
    let conf = attached(&scene);
    let path = scene.node.state.join("c1");
    chown(&path, Some(12345), None).unwrap();
    detached_from_cache(&scene, &conf, "another user's");
    scene.nothing_left();
}

#[test]
fn a_ledger_larger_than_any_is_not_read() {
    let scene = Scene::new();
    let conf = attached(&scene);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(scene.node.state.join("c1"))
        .unwrap();
    file.set_len(1 << 30).unwrap();
    detached_from_cache(&scene, &conf, "a gigabyte");
    scene.nothing_left();
}

#[test]
fn a_directory_or_pipe_in_the_ledgers_place_does_not_keep_a_container_from_being_detached() {
    let scene = Scene::new();
    let path = scene.node.state.join("c1");
    let conf = attached(&scene);
    fs::remove_file(&path).unwrap();
    scene
        .node
        .world
        .command("mkfifo")
        .arg(&path)
        .check()
        .unwrap();
    detached_from_cache(&scene, &conf, "a pipe");
    scene.nothing_left();

    let conf = attached(&scene);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("precious"), "not ours").unwrap();
    detached_from_cache(&scene, &conf, "a directory");
    // It is not ours to remove.
    assert_eq!(
        fs::read_to_string(path.join("precious")).unwrap(),
        "not ours"
    );
    assert_eq!(scene.books(), ["c1/precious"]);
    // Nor is a ledger to be put in its place.
    scene
        .call("ADD", &conf)
        .refused(5, &["[default/pod/", "ledger"]);
    assert_eq!(scene.take_calls(), [""; 0]);
}

#[test]
fn an_add_that_finds_a_damaged_ledger_detaches_what_the_cache_knows_first() {
    let scene = Scene::new();
    let conf = attached(&scene);
    fs::write(scene.node.state.join("c1"), "").unwrap();
    scene.call("ADD", &conf).result();
    let calls = scene.take_calls();
    assert_eq!(
        calls[3..],
        ["ADD a eth0", "ADD b net1", "ADD c net2"],
        "{calls:?}"
    );
    assert!(
        calls[..3].iter().all(|call| call.starts_with("DEL ")),
        "{calls:?}"
    );
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn without_ledger_and_cache_there_is_nothing_to_detach() {
    let scene = Scene::new();
    let conf = attached(&scene);
    for folder in [scene.node.state.join("results"), scene.node.state.clone()] {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    }
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), [""; 0]);
}
