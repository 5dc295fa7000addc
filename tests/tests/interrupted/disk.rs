//! A disk that is full, read-only or not there.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use suites::scene::{Scene, answer, names};

/// Mounts a small file system over a folder of the node.
pub(crate) fn mount(scene: &Scene, folder: &Path, options: &str) {
    fs::create_dir_all(folder).unwrap();
    let run = scene.node.world.command("mount");
    run.args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(folder)
        .check()
        .unwrap();
}

fn remount(scene: &Scene, folder: &Path, options: &str) {
    let run = scene.node.world.command("mount");
    run.args(["-o", &format!("remount,{options}")])
        .arg(folder)
        .check()
        .unwrap();
}

/// Writes until nothing more fits.
pub(crate) fn fill(scene: &Scene, folder: &Path) {
    let script = "head -c 100000000 /dev/zero > \"$0/ballast\"; test -s \"$0/ballast\"";
    let run = scene.node.world.command("sh").args(["-c", script]);
    run.arg(folder).check().unwrap();
}

fn conf(scene: &Scene) -> Value {
    scene.conf(&[scene.network("a", json!({})), scene.network("b", json!({}))])
}

/// The files on the mounted file system, but for what fills it and the node's lock.
fn books(scene: &Scene) -> Vec<String> {
    let mut found = names(&scene.node.world.outside(&scene.node.state));
    found.retain(|name| name != "ballast" && name != "results/ballast");
    found
}

pub(crate) const ADDED_AND_UNDONE: [&str; 4] =
    ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"];

#[test]
fn a_full_disk_is_refused_before_any_plugin_runs() {
    // B4.27
    // cni-runtime #104
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=64k");
    fill(&scene, state);
    let conf = conf(&scene);
    scene.call("ADD", &conf).refused(
        5,
        &[
            "[default/pod/",
            "ledger",
            &state.display().to_string(),
            "No space left",
        ],
    );
    assert_eq!(scene.calls(), [""; 0]);
    assert_eq!(books(&scene), [""; 0]);
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_disk_without_room_for_another_file_is_refused_before_any_plugin_runs() {
    // cni-runtime #104
    let scene = Scene::new();
    for inodes in 1..=4 {
        let state = scene.node.state.join(format!("disk-{inodes}"));
        mount(&scene, &state, &format!("size=1m,nr_inodes={inodes}"));
        let mut conf = conf(&scene);
        conf["cniDir"] = json!(state);
        scene
            .call("ADD", &conf)
            .refused(5, &["[default/pod/", "No space left"]);
        let calls = scene.take_calls();
        assert!(calls.is_empty() || inodes == 4, "{inodes}: {calls:?}");
        assert_eq!(
            names(&scene.node.world.outside(&state)),
            [""; 0],
            "{inodes}"
        );
        scene.call("DEL", &conf).silent();
        scene.nothing_left();
    }
}

#[test]
fn a_read_only_disk_is_refused_before_any_plugin_runs() {
    // cni-runtime #104
    let scene = Scene::new();
    mount(&scene, &scene.node.state, "size=64k,ro");
    let conf = conf(&scene);
    scene
        .call("ADD", &conf)
        .refused(5, &["[default/pod/", "Read-only file system"]);
    assert_eq!(scene.calls(), [""; 0]);
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_result_that_cannot_be_cached_undoes_everything() {
    // B4.126, cni-runtime #104
    let scene = Scene::new();
    let results = scene.node.state.join("results");
    mount(&scene, &results, "size=64k");
    fill(&scene, &results);
    let conf = conf(&scene);
    let (_, message) = scene.call("ADD", &conf).error();
    for fragment in [
        "[default/pod/:a]",
        "network \"a\"",
        "cached result",
        "No space left",
    ] {
        assert!(message.contains(fragment), "{message}");
    }
    let calls = scene.calls();
    // What is stored while the next one is made is known to fail then.
    let (added, deleted) = calls.split_at(2);
    assert_eq!(added, ["ADD a eth0", "ADD b net1"]);
    assert!(
        deleted.iter().all(|call| call.starts_with("DEL ")),
        "{calls:?}"
    );
    for made in ["DEL a eth0", "DEL b net1"] {
        assert!(deleted.iter().any(|call| call == made), "{calls:?}");
    }
    assert_eq!(books(&scene), [""; 0]);
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_disk_that_fills_up_while_plugins_run_undoes_everything() {
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=256k");
    let b = scene.network(
        "b",
        json!({"per_verb": {"ADD": {"then_wait_for_file": scene.signal("go")}}}),
    );
    let conf = scene.conf(&[scene.network("a", json!({})), b]);
    let running = scene.start("ADD", &conf);
    scene.begun("ADD", "b");
    fill(&scene, state);
    scene.give("go");
    let (_, message) = answer(running.wait().unwrap()).error();
    assert!(message.contains("No space left"), "{message}");
    let calls = scene.calls();
    assert_eq!(calls[..2], ["ADD a eth0", "ADD b net1"]);
    assert_eq!(calls.last().unwrap(), "DEL a eth0");
    assert_eq!(books(&scene), [""; 0]);
    scene.nothing_left();
}

#[test]
fn detaching_needs_no_room_on_the_disk() {
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=256k");
    let conf = conf(&scene);
    scene.call("ADD", &conf).result();
    fill(&scene, state);
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.calls(), ADDED_AND_UNDONE);
    assert_eq!(books(&scene), [""; 0]);
    scene.nothing_left();
}

#[test]
fn what_a_full_disk_cannot_be_told_is_tried_again() {
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=256k");
    let fail = json!({"code": 101, "msg": "wedged", "while_file": scene.signal("failing")});
    let wedged = scene.network("a", json!({"per_verb": {"DEL": {"fail": fail}}}));
    let conf = scene.conf(&[wedged]);
    scene.call("ADD", &conf).result();
    fill(&scene, state);
    scene.give("failing");
    // The ledger cannot be rewritten; the old one says no less than is left.
    let (code, message) = scene.call("DEL", &conf).error();
    assert_eq!(code, 101, "{message}");
    for fragment in ["[default/pod/", "network \"a\", interface eth0", "wedged"] {
        assert!(message.contains(fragment), "{message}");
    }
    scene.take("failing");
    scene.take_calls();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.calls(), ["DEL a eth0"]);
    assert_eq!(books(&scene), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_container_on_a_disk_that_became_read_only_is_detached_and_forgotten_later() {
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=256k");
    let conf = conf(&scene);
    scene.call("ADD", &conf).result();
    scene.take_calls();
    remount(&scene, state, "ro");
    scene.call("DEL", &conf).refused(
        5,
        &[
            "[default/pod/",
            "cannot remove the ledger",
            "Read-only file system",
        ],
    );
    assert_eq!(scene.take_calls(), ["DEL b net1", "DEL a eth0"]);
    assert_eq!(scene.sandbox.links().unwrap().len(), 1);
    remount(&scene, state, "rw");
    scene.call("DEL", &conf).silent();
    assert_eq!(books(&scene), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_missing_directory_is_made_and_one_that_is_a_file_is_refused() {
    let scene = Scene::new();
    let mut conf = conf(&scene);
    let missing: PathBuf = scene.signals.join("not/yet/there");
    conf["cniDir"] = json!(missing);
    scene.call("DEL", &conf).silent();
    scene.call("ADD", &conf).result();
    assert!(missing.join("c1").is_file());
    scene.call("DEL", &conf).silent();
    scene.take_calls();

    let file = scene.signal("file");
    fs::write(&file, "precious").unwrap();
    for path in [file.clone(), file.join("below")] {
        conf["cniDir"] = json!(path);
        scene
            .call("ADD", &conf)
            .refused(5, &["[default/pod/", "Not a directory"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    assert_eq!(fs::read_to_string(file).unwrap(), "precious");
    scene.nothing_left();
}

#[test]
fn detaching_without_room_for_its_own_lock_still_keeps_gc_away() {
    // cni-runtime #64
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=1m,nr_inodes=32");
    let slow = json!({"per_verb": {"DEL": {"wait_for_file": scene.signal("go")}}});
    let conf = scene.conf(&[scene.network("a", slow)]);
    scene.call("ADD", &conf).result();
    let fill = "mkdir \"$0/.fill\"; i=0; while touch \"$0/.fill/$i\"; do i=$((i+1)); done 2>/dev/null; test $i -gt 1";
    let run = scene.node.world.command("sh").args(["-c", fill]);
    run.arg(state).check().unwrap();
    let del = scene.start("DEL", &conf);
    scene.begun("DEL", "a");
    let held = names(&scene.node.world.outside(state));
    assert!(held.iter().all(|name| !name.contains("lock-")), "{held:?}");
    let gc = scene.node.world.command("flock").args(["-n", "-x"]);
    let gc = gc.arg(state.join(".lock")).arg("true");
    assert!(!gc.run().unwrap().status.success());
    scene.give("go");
    answer(del.wait().unwrap()).silent();
    scene.nothing_left();
}

#[test]
fn detaching_on_a_read_only_disk_keeps_gc_away() {
    // cni-runtime #64
    let scene = Scene::new();
    let state = &scene.node.state;
    mount(&scene, state, "size=1m");
    let slow = json!({"per_verb": {"DEL": {"wait_for_file": scene.signal("go")}}});
    let conf = scene.conf(&[scene.network("a", slow)]);
    scene.call("ADD", &conf).result();
    remount(&scene, state, "ro");
    let del = scene.start("DEL", &conf);
    scene.begun("DEL", "a");
    let gc = scene.node.world.command("flock").args(["-n", "-x"]);
    let gc = gc.arg(state.join(".lock")).arg("true");
    assert!(!gc.run().unwrap().status.success());
    scene.give("go");
    answer(del.wait().unwrap()).refused(5, &["cannot remove the ledger"]);
    remount(&scene, state, "rw");
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}
