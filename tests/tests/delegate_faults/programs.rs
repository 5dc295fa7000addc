//! Plugins that cannot be found or started.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use suites::scene::Scene;
use testkit::scripted;

use crate::trio;

/// A network of this plugin.
pub(crate) fn network(scene: &Scene, plugin: &str) -> Value {
    let mut network = scene.network("bad", json!({}));
    network["type"] = json!(plugin);
    network
}

/// A copy of the scripted plugin that a test may damage.
pub(crate) fn copy(scene: &Scene, name: &str) -> PathBuf {
    let path = scene.node.plugins.join(name);
    fs::copy(scripted::program("scripted-cni").unwrap(), &path).unwrap();
    path
}

/// Refused before any plugin runs and anything is written.
#[track_caller]
fn refused(scene: &Scene, conf: &Value, fragments: &[&str]) {
    let answer = scene.call("ADD", conf);
    answer.refused(7, &["[default/pod/:bad]", "network \"bad\""]);
    answer.refused(7, fragments);
    assert_eq!(scene.calls(), [""; 0]);
    assert_eq!(scene.books(), [""; 0]);
}

#[test]
fn a_plugin_that_is_missing_is_refused_before_any_plugin_runs() {
    // cni-runtime #24
    let scene = Scene::new();
    let folder = scene.node.plugins.display().to_string();
    let missing = "failed to find plugin \"missing\" in path [";
    refused(
        &scene,
        &trio::around(&scene, network(&scene, "missing")),
        &[missing, &folder],
    );
    let chain = json!({
        "cniVersion": "1.0.0",
        "name": "bad",
        "plugins": [scene.plugin("scripted", json!({})), scene.plugin("missing", json!({}))],
    });
    refused(&scene, &trio::around(&scene, chain), &[missing, &folder]);
    scene.nothing_left();
}

#[test]
fn what_is_no_program_is_not_taken_for_one() {
    // cni-runtime #25, #26, #27
    let scene = Scene::new();
    let at = |name: &str| scene.node.plugins.join(name);
    fs::create_dir(at("folder")).unwrap();
    symlink("/nonexistent/program", at("dangling")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    scene
        .node
        .world
        .command("mkfifo")
        .arg(at("pipe"))
        .check()
        .unwrap();
    for plugin in ["folder", "dangling", "loop", "pipe"] {
        let conf = trio::around(&scene, network(&scene, plugin));
        refused(
            &scene,
            &conf,
            &[&format!("failed to find plugin \"{plugin}\"")],
        );
    }
    let plain = copy(&scene, "plain");
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    let text = format!("{} is not executable", plain.display());
    refused(
        &scene,
        &trio::around(&scene, network(&scene, "plain")),
        &["\"plain\"", &text],
    );
    scene.nothing_left();
}

#[test]
fn a_file_that_is_not_executable_does_not_hide_a_program_behind_it() {
    // cni-runtime #25
    let scene = Scene::new();
    let plain = copy(&scene, "plugin");
    fs::set_permissions(&plain, Permissions::from_mode(0o644)).unwrap();
    let second = scene.node.world.folder("second").unwrap();
    scripted::install(&second, &["plugin"]).unwrap();
    let conf = trio::around(&scene, network(&scene, "plugin"));
    for verb in ["ADD", "DEL"] {
        let run = scene.command(verb, &conf).env("CNI_PATH", &second);
        suites::scene::answer(run.run().unwrap()).good();
    }
    assert_eq!(scene.calls().len(), 6);
    scene.nothing_left();
}

#[test]
fn neither_path_nor_working_directory_are_searched_for_plugins() {
    // cni-runtime #30
    let scene = Scene::new();
    scripted::install(&scene.signals, &["scripted"]).unwrap();
    let mut conf = trio::conf(&scene, json!({}));
    let search = format!("{}:/usr/bin:/bin", scene.signals.display());
    for (bin_dir, path) in [("", ":.:"), (".", "signals"), ("bin", "::")] {
        conf["binDir"] = json!(bin_dir);
        let run = scene
            .command("ADD", &conf)
            .env("PATH", &search)
            .env("CNI_PATH", path);
        let answer = suites::scene::answer(run.run().unwrap());
        answer.refused(
            7,
            &["failed to find plugin \"scripted\": no paths provided"],
        );
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_program_that_the_kernel_refuses_to_start_has_nothing_to_undo() {
    // cni-runtime #28
    let scene = Scene::new();
    for (plugin, content, cause) in [
        (
            "alien",
            &b"\x7fELF\x02\x01\x01 of another machine"[..],
            "Exec format error",
        ),
        ("orphan", b"#!/nonexistent/interpreter\n", "No such file"),
    ] {
        let path = scene.node.plugins.join(plugin);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let answer = scene.call("ADD", &trio::around(&scene, network(&scene, plugin)));
        let at = path.display().to_string();
        answer.refused(999, &["[default/pod/:bad]", plugin, "(add)", &at, cause]);
        assert!(!answer.error().1.contains("not undone"));
        assert_eq!(scene.take_calls(), ["ADD a eth0", "DEL a eth0"]);
        scene.nothing_left();
    }
}

#[test]
fn a_program_that_is_being_replaced_is_waited_for() {
    // cni-runtime #31
    let scene = Scene::new();
    let path = copy(&scene, "busy");
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let conf = trio::around(&scene, network(&scene, "busy"));
    let running = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    thread::sleep(Duration::from_millis(300));
    assert_eq!(scene.calls(), ["ADD a eth0"]);
    drop(writer);
    suites::scene::answer(running.wait().unwrap()).result();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.calls().len(), 6);
    scene.nothing_left();
}

#[test]
fn a_program_that_stays_busy_is_an_error_in_the_end_and_never_a_success() {
    // Q40, cni-runtime #31
    let scene = Scene::new();
    let path = copy(&scene, "busy");
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let mut conf = trio::around(&scene, network(&scene, "busy"));
    conf["timeouts"] = json!({"add": "3s"});
    let answer = scene.call("ADD", &conf);
    let at = path.display().to_string();
    answer.refused(
        999,
        &[
            "[default/pod/:bad]",
            "\"busy\"",
            "(add)",
            &at,
            "attempts",
            "Text file busy",
        ],
    );
    assert_eq!(scene.take_calls(), ["ADD a eth0", "DEL a eth0"]);
    assert_eq!(scene.books(), [""; 0]);
    drop::<File>(writer);
    scene.nothing_left();
}
