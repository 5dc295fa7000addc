//! Plugins that die, and plugins that don't.

use std::time::Duration;

use serde_json::{Value, json};
use suites::scene::{Scene, until};

use crate::trio;

/// The networks of [`trio::conf`] with six seconds for ADD.
fn hurried(scene: &Scene, on_add: Value) -> Value {
    let mut conf = trio::conf(scene, on_add);
    conf["timeouts"] = json!({"add": "6s"});
    conf
}

#[test]
fn a_plugin_that_is_killed_is_reported_with_its_signal() {
    // cni-runtime #40
    let scene = Scene::new();
    for (way, signal) in [
        ("SIGSEGV", 11),
        ("SIGKILL", 9),
        ("abort", 6),
        ("SIGTERM", 15),
    ] {
        let conf = trio::conf(&scene, json!({"crash": way}));
        trio::fails(&scene, &conf, 999, &[&format!("killed by signal {signal}")]);
    }
    scene.nothing_left();
}

#[test]
fn a_plugin_that_hangs_is_ended_at_the_deadline_with_all_that_it_started() {
    // B4.3, Q52: upstream waits for ever; cni-runtime #41
    let scene = Scene::new();
    let conf = hurried(&scene, json!({"hang": true}));
    let answer = trio::fails(&scene, &conf, 999, &["timed out"]);
    assert_eq!(scene.processes("sleep"), []);
    // Far from the 110 s that an ADD has without a word about it.
    assert!(
        answer.0.took < Duration::from_secs(50),
        "{:?}",
        answer.0.took
    );
    scene.nothing_left();
}

#[test]
fn a_plugin_that_ignores_sigterm_is_killed() {
    // cni-runtime #41
    let scene = Scene::new();
    let conf = hurried(&scene, json!({"ignore_sigterm": true}));
    trio::fails(&scene, &conf, 999, &["timed out"]);
    assert_eq!(scene.processes("sleep"), []);
    scene.nothing_left();
}

#[test]
fn children_of_a_plugin_that_hangs_end_with_it() {
    // cni-runtime #41
    let scene = Scene::new();
    scene.shell_plugin(
        "family",
        "case $CNI_COMMAND in ADD) sleep 601 & (trap '' TERM; sleep 602) & wait; sleep 603;; esac",
    );
    let mut conf = trio::around(
        &scene,
        json!({"cniVersion": "1.0.0", "name": "bad", "type": "family"}),
    );
    conf["timeouts"] = json!({"add": "6s"});
    scene
        .call("ADD", &conf)
        .refused(999, &["network \"bad\"", "type=\"family\"", "timed out"]);
    assert_eq!(scene.processes("sleep"), []);
    scene.nothing_left();
}

#[test]
fn a_process_that_holds_standard_output_open_holds_up_neither_add_nor_del() {
    // cni-runtime #42
    let scene = Scene::new();
    let held = json!({"per_verb": {"ADD": {"spawn_grandchild_holding_stdout_ms": 300_000}}});
    let conf = trio::around(&scene, scene.network("bad", held));
    let answer = scene.call("ADD", &conf);
    answer.result();
    assert!(
        answer.0.took < Duration::from_secs(50),
        "{:?}",
        answer.0.took
    );
    let still = scene.processes("--hold-stdout-ms");
    assert_eq!(still.len(), 1, "{still:?}");
    // It has the container's lock open as well.
    let answer = scene.call("DEL", &conf);
    answer.silent();
    assert!(
        answer.0.took < Duration::from_secs(50),
        "{:?}",
        answer.0.took
    );
    end(&scene, still[0].0);
    scene.nothing_left();
}

#[test]
fn what_a_failing_plugin_leaves_running_does_not_hold_up_the_undo() {
    // cni-runtime #42
    let scene = Scene::new();
    let on_add =
        json!({"spawn_grandchild_holding_stdout_ms": 300_000, "fail": {"code": 100, "msg": "no"}});
    let answer = trio::fails(&scene, &trio::conf(&scene, on_add), 100, &["no"]);
    assert!(
        answer.0.took < Duration::from_secs(50),
        "{:?}",
        answer.0.took
    );
    for (pid, _) in scene.processes("--hold-stdout-ms") {
        end(&scene, pid);
    }
    scene.nothing_left();
}

fn end(scene: &Scene, pid: u32) {
    let kill = scene.node.world.command("kill").arg(pid.to_string());
    kill.check().unwrap();
    until("the process is gone", || {
        scene
            .node
            .world
            .processes()
            .iter()
            .all(|(other, _)| *other != pid)
    });
}
