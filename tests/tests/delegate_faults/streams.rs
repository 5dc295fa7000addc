//! Pipes: a plugin's, and those of `multus` itself.

use serde_json::json;
use suites::scene::{Scene, answer};

use crate::trio;

#[test]
fn a_plugin_need_not_read_its_input() {
    // cni-runtime #44
    let scene = Scene::new();
    scene.shell_plugin(
        "deaf",
        "exec <&-; case $CNI_COMMAND in ADD) echo '{\"cniVersion\": \"1.0.0\"}';; esac",
    );
    let network = json!({"cniVersion": "1.0.0", "name": "bad", "type": "deaf", "padding": "x".repeat(1 << 20)});
    let conf = trio::around(&scene, network);
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn output_that_is_not_utf_8_is_shown_as_far_as_it_goes() {
    // cni-runtime #46
    let scene = Scene::new();
    for (body, fragment) in [
        (
            "printf 'bad \\377\\376 bytes' >&2; exit 1",
            "bad \u{fffd}\u{fffd} bytes",
        ),
        (
            "printf 'bad \\377\\376 bytes'; exit 1",
            "bad \u{fffd}\u{fffd} bytes",
        ),
        (
            "printf 'bad \\377\\376 bytes'",
            "bad \u{fffd}\u{fffd} bytes",
        ),
        (
            "printf '{\"code\":7,\"msg\":\"\\377\"}'; exit 1",
            "exit status 1",
        ),
    ] {
        scene.shell_plugin("latin", &format!("case $CNI_COMMAND in ADD) {body};; esac"));
        let network = json!({"cniVersion": "1.0.0", "name": "bad", "type": "latin"});
        scene
            .call("ADD", &trio::around(&scene, network))
            .refused(999, &["network \"bad\"", "type=\"latin\"", fragment]);
        scene.nothing_left();
    }
}

#[test]
fn a_plugin_that_closes_its_outputs_early_is_waited_for() {
    let scene = Scene::new();
    let body = format!(
        "case $CNI_COMMAND in ADD) echo '{{}}'; exec >&- 2>&-; while [ ! -e {} ]; do sleep 0.01; done;; esac",
        scene.signal("go").display()
    );
    scene.shell_plugin("mute", &body);
    let network = json!({"cniVersion": "1.0.0", "name": "bad", "type": "mute"});
    let conf = trio::around(&scene, network);
    let mut running = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(running.is_running().unwrap());
    scene.give("go");
    answer(running.wait().unwrap()).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_result_that_the_runtime_cannot_be_given_is_undone() {
    // cni-runtime #118
    let scene = Scene::new();
    let conf = trio::conf(&scene, json!({}));
    let done = scene
        .pod
        .describe("ADD", scene.node.world.command("sh"))
        .env("CNI_PATH", &scene.node.plugins)
        .args(["-c", "exec \"$0\" >/dev/full"])
        .arg(&scene.node.multus)
        .stdin(conf.to_string())
        .run()
        .unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(
        scene.calls(),
        [
            "ADD a eth0",
            "ADD bad net1",
            "ADD c net2",
            "DEL c net2",
            "DEL bad net1",
            "DEL a eth0"
        ]
    );
    scene.nothing_left();
}

#[test]
fn a_log_that_cannot_be_written_disturbs_nothing() {
    // A missing capability is worth a line in the log.
    let scene = Scene::new();
    scene
        .node
        .definition("default", "b", &scene.network("b", json!({})));
    let annotation = json!([{"name": "b", "mac": "02:00:00:00:00:01", "unheard-of": 1}]);
    scene
        .node
        .pod_with("default", "pod", &annotation.to_string());
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for to in ["2>/dev/full", "2>&-", "2>/dev/null </dev/stdin"] {
        for verb in ["ADD", "DEL"] {
            let done = scene
                .pod
                .describe(verb, scene.node.world.command("sh"))
                .env("CNI_PATH", &scene.node.plugins)
                .args(["-c", &format!("exec \"$0\" {to}")])
                .arg(&scene.node.multus)
                .stdin(conf.to_string())
                .run()
                .unwrap();
            answer(done).good();
        }
        assert_eq!(
            scene.take_calls(),
            ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"],
            "{to}"
        );
        assert_eq!(scene.books(), [""; 0]);
    }
}

#[test]
fn a_plugin_has_its_three_streams_and_the_containers_lock_and_nothing_else_open() {
    let scene = Scene::new();
    let conf = trio::conf(&scene, json!({}));
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    let calls = scene.recorder.calls().unwrap();
    assert_eq!(calls.len(), 6);
    // What whoever runs this test has open is passed on to everyone.
    let plugin = scene.node.plugins.join("scripted");
    let alone = scene
        .pod
        .describe("CHECK", scene.node.world.command(plugin));
    alone
        .stdin(scene.network("alone", json!({})).to_string())
        .check()
        .unwrap();
    let alone = scene.recorder.calls_of("CHECK").unwrap();
    let inherited: Vec<_> = alone[0].descriptors.iter().map(|open| open.inode).collect();
    let lock = scene.node.state.join(".lock-c1").display().to_string();
    for call in calls {
        let mut rest = call.descriptors.clone();
        rest.retain(|open| open.number > 2 && !inherited.contains(&open.inode));
        let targets: Vec<_> = rest.iter().map(|open| &open.target).collect();
        assert_eq!(targets, [&lock]);
    }
    scene.nothing_left();
}
