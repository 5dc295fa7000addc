//! Plugins that print without end. What `multus` needs for that is bounded.

use serde_json::json;
use suites::multus::Answer;
use suites::scene::{Scene, answer};

use crate::trio;

/// The most that `multus` may have resident.
const MEMORY: u64 = 12 << 20;

fn measured(scene: &Scene, conf: &serde_json::Value) -> Answer {
    let done = scene.command("ADD", conf).measure_memory().run().unwrap();
    let peak = done.peak_memory.unwrap();
    assert!(peak > 0 && peak <= MEMORY, "{} KiB", peak >> 10);
    answer(done)
}

#[test]
fn a_gigabyte_on_standard_output_is_no_result_and_takes_little_memory() {
    // cni-runtime #43
    let scene = Scene::new();
    let conf = trio::conf(&scene, json!({"stdout_bytes": 1 << 30}));
    measured(&scene, &conf).refused(
        999,
        &[
            "[default/pod/:bad]",
            "network \"bad\"",
            "type=\"scripted\"",
            "(add)",
            "printed too much",
        ],
    );
    assert_eq!(
        scene.calls(),
        ["ADD a eth0", "ADD bad net1", "DEL bad net1", "DEL a eth0"]
    );
    scene.nothing_left();
}

#[test]
fn a_gigabyte_of_log_beside_a_result_is_drained_and_takes_little_memory() {
    // cni-runtime #43, #45
    let scene = Scene::new();
    let conf = trio::conf(&scene, json!({"stderr_bytes": 1 << 30}));
    measured(&scene, &conf).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_gigabyte_of_log_before_a_failure_leaves_an_error_of_one_line() {
    // cni-runtime #43
    let scene = Scene::new();
    let conf = trio::conf(
        &scene,
        json!({"stderr_bytes": 1 << 30, "stdout": "", "exit": 1}),
    );
    let (code, message) = measured(&scene, &conf).error();
    assert!(code == 999 && message.len() < 1000, "{code} {message}");
    assert!(
        message.contains("network \"bad\"") && message.contains("xxx"),
        "{message}"
    );
    scene.nothing_left();
}

#[test]
fn more_output_than_a_pipe_holds_and_more_input_at_once_block_nobody() {
    // cni-runtime #45
    let scene = Scene::new();
    scene.shell_plugin(
        "chatty",
        "case $CNI_COMMAND in ADD) head -c 300000 /dev/zero >&2; cat >/dev/null; head -c 300000 /dev/zero | tr '\\0' ' '; echo '{}';; esac",
    );
    let network = json!({"cniVersion": "1.0.0", "name": "bad", "type": "chatty", "padding": "x".repeat(1 << 20)});
    let conf = trio::around(&scene, network);
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}
