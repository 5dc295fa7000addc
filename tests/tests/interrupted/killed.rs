//! `multus` killed in the middle of an ADD or a DEL, as runtimes do at their own deadline.

use serde_json::{Value, json};
use suites::scene::{Scene, answer, one_after_the_other, until, until_it_waits};
use testkit::Signal;

/// The keys of a script that waits for the file `go`: before it has made its link, and after.
const POINTS: [&str; 2] = ["wait_for_file", "then_wait_for_file"];

/// The networks and their interfaces.
const NETWORKS: [(&str, &str); 3] = [("a", "eth0"), ("b", "net1"), ("c", "net2")];

/// The networks, of which the plugin of one does this on one verb.
fn conf(scene: &Scene, special: &str, verb: &str, keys: &Value) -> Value {
    let networks = NETWORKS.map(|(name, _)| {
        let own = if name == special {
            json!({"per_verb": {verb: keys}})
        } else {
            json!({})
        };
        scene.network(name, own)
    });
    scene.conf(&networks)
}

/// Starts a verb and kills `multus` while the plugin of a network runs; with its link in place, if that is asked for.
#[track_caller]
fn kill(scene: &Scene, verb: &str, conf: &Value, network: &str, with_link: bool, signal: Signal) {
    let running = scene.start(verb, conf);
    scene.begun(verb, network);
    let (_, ifname) = NETWORKS.iter().find(|(name, _)| *name == network).unwrap();
    if with_link {
        until("the link is there", || {
            scene.sandbox.link(ifname).unwrap().is_some()
        });
    }
    running.signal(signal).unwrap();
    assert!(!running.wait().unwrap().status.success());
}

#[track_caller]
fn not_beside_each_other(scene: &Scene) {
    one_after_the_other(&scene.recorder.calls().unwrap());
}

#[test]
fn wherever_in_an_add_it_is_killed_the_del_that_follows_leaves_nothing() {
    let scene = Scene::new();
    for (network, _) in NETWORKS {
        for point in POINTS {
            let conf = conf(&scene, network, "ADD", &json!({point: scene.signal("go")}));
            let with_link = point == POINTS[1];
            kill(&scene, "ADD", &conf, network, with_link, Signal::KILL);
            scene.give("go");
            scene.call("DEL", &conf).silent();
            not_beside_each_other(&scene);
            let calls = scene.take_calls();
            assert_eq!(
                calls[calls.len() - 3..],
                ["DEL c net2", "DEL b net1", "DEL a eth0"],
                "{network}, {point}"
            );
            scene.take("go");
            scene.nothing_left();
        }
    }
}

#[test]
fn the_same_holds_where_it_is_asked_to_end() {
    // cni-runtime #120
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let scene = Scene::new();
        let conf = conf(&scene, "b", "ADD", &json!({POINTS[1]: scene.signal("go")}));
        kill(&scene, "ADD", &conf, "b", true, signal);
        scene.give("go");
        scene.call("DEL", &conf).silent();
        not_beside_each_other(&scene);
        scene.nothing_left();
    }
}

#[test]
fn a_plugin_that_still_runs_is_waited_for() {
    let scene = Scene::new();
    let conf = conf(&scene, "b", "ADD", &json!({POINTS[0]: scene.signal("go")}));
    kill(&scene, "ADD", &conf, "b", false, Signal::KILL);
    let mut del = scene.start("DEL", &conf);
    until_it_waits(&del);
    assert!(del.is_running().unwrap());
    assert_eq!(scene.calls(), ["ADD a eth0", "ADD b net1"]);
    scene.give("go");
    answer(del.wait().unwrap()).silent();
    not_beside_each_other(&scene);
    scene.nothing_left();
}

#[test]
fn a_plugin_that_never_ends_is_ended_and_cleaned_up_after() {
    let scene = Scene::new();
    for keys in [json!({"hang": true}), json!({"ignore_sigterm": true})] {
        let mut conf = conf(&scene, "b", "ADD", &keys);
        conf["timeouts"] = json!({"lock": "3s"});
        kill(&scene, "ADD", &conf, "b", true, Signal::KILL);
        until("the plugin hangs", || {
            scene.processes("sleep 600").len() == 1
        });
        let done = scene.call("DEL", &conf);
        done.silent();
        let log = done.0.stderr_text();
        assert!(
            log.contains("default/pod") && log.contains("ended process"),
            "{log}"
        );
        assert_eq!(scene.processes("sleep"), []);
        assert_eq!(
            scene.take_calls(),
            [
                "ADD a eth0",
                "ADD b net1",
                "DEL c net2",
                "DEL b net1",
                "DEL a eth0"
            ]
        );
        scene.nothing_left();
    }
}

#[test]
fn children_of_a_plugin_that_never_ends_are_ended_with_it() {
    let scene = Scene::new();
    scene.shell_plugin(
        "family",
        "case $CNI_COMMAND in ADD) sleep 601 & (trap '' TERM; sleep 602) & setsid sleep 603 & sleep 604;; esac",
    );
    let family = json!({"cniVersion": "1.0.0", "name": "b", "type": "family"});
    let conf = scene.conf_with(
        &[scene.network("a", json!({})), family],
        json!({"lock": "3s"}),
    );
    let running = scene.start("ADD", &conf);
    until("the children run", || {
        scene.processes("sleep 60").len() >= 4
    });
    running.signal(Signal::KILL).unwrap();
    running.wait().unwrap();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.processes("sleep"), []);
    scene.nothing_left();
}

#[test]
fn a_child_that_outlives_its_plugin_holds_up_no_del_for_ever() {
    let scene = Scene::new();
    let keys =
        json!({"spawn_grandchild_holding_stdout_ms": 120_000, POINTS[1]: scene.signal("go")});
    let mut conf = conf(&scene, "b", "ADD", &keys);
    conf["timeouts"] = json!({"lock": "3s"});
    kill(&scene, "ADD", &conf, "b", true, Signal::KILL);
    scene.give("go");
    until("the child runs", || {
        scene.processes("--hold-stdout-ms").len() == 1
    });
    scene.call("DEL", &conf).silent();
    not_beside_each_other(&scene);
    assert_eq!(scene.processes("--hold-stdout-ms"), []);
    scene.nothing_left();
}

#[test]
fn an_add_after_a_killed_one_undoes_it_first() {
    let scene = Scene::new();
    let conf = conf(&scene, "b", "ADD", &json!({POINTS[1]: scene.signal("go")}));
    kill(&scene, "ADD", &conf, "b", true, Signal::KILL);
    scene.give("go");
    scene.call("ADD", &conf).result();
    not_beside_each_other(&scene);
    assert_eq!(
        scene.take_calls(),
        [
            "ADD a eth0",
            "ADD b net1",
            "DEL c net2",
            "DEL b net1",
            "DEL a eth0",
            "ADD a eth0",
            "ADD b net1",
            "ADD c net2"
        ]
    );
    scene.call("CHECK", &conf).silent();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn an_add_never_runs_beside_a_plugin_of_a_killed_one() {
    let scene = Scene::new();
    let mut conf = conf(&scene, "b", "ADD", &json!({POINTS[1]: scene.signal("go")}));
    conf["timeouts"] = json!({"lock": "3s"});
    kill(&scene, "ADD", &conf, "b", true, Signal::KILL);
    scene
        .call("ADD", &conf)
        .refused(11, &["[default/pod/", "lock", "held by others"]);
    assert_eq!(scene.calls(), ["ADD a eth0", "ADD b net1"]);
    scene.give("go");
    scene.call("ADD", &conf).result();
    not_beside_each_other(&scene);
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn an_add_whose_undo_of_a_killed_one_fails_attaches_nothing() {
    let scene = Scene::new();
    let fail = json!({"code": 101, "msg": "wedged", "while_file": scene.signal("failing")});
    let keys = json!({"ADD": {POINTS[1]: scene.signal("go")}, "DEL": {"fail": fail}});
    let conf = scene.conf(&[
        scene.network("a", json!({})),
        scene.network("b", json!({"per_verb": keys})),
    ]);
    kill(&scene, "ADD", &conf, "b", true, Signal::KILL);
    scene.give("go");
    scene.give("failing");
    scene.call("ADD", &conf).refused(
        101,
        &["[default/pod/", "earlier ADD", "network \"b\"", "wedged"],
    );
    // Its DEL removes the link before it fails, and so it is asked once more, without a sandbox.
    assert_eq!(
        scene.take_calls(),
        [
            "ADD a eth0",
            "ADD b net1",
            "DEL b net1",
            "DEL b net1",
            "DEL a eth0"
        ]
    );
    scene.take("failing");
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.take_calls(), ["DEL b net1"]);
    scene.nothing_left();
}

#[test]
fn a_killed_add_is_not_attached_as_far_as_check_is_concerned() {
    let scene = Scene::new();
    let conf = conf(&scene, "c", "ADD", &json!({POINTS[1]: scene.signal("go")}));
    kill(&scene, "ADD", &conf, "c", true, Signal::KILL);
    scene.give("go");
    scene
        .call("CHECK", &conf)
        .refused(999, &["[default/pod/", "half attached"]);
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_killed_del_is_finished_by_the_next() {
    let scene = Scene::new();
    for (network, _) in NETWORKS {
        let conf = conf(
            &scene,
            network,
            "DEL",
            &json!({POINTS[0]: scene.signal("go")}),
        );
        scene.call("ADD", &conf).result();
        scene.take_calls();
        kill(&scene, "DEL", &conf, network, true, Signal::KILL);
        let running = scene.start("DEL", &conf);
        scene.give("go");
        answer(running.wait().unwrap()).silent();
        not_beside_each_other(&scene);
        scene.take("go");
        scene.nothing_left();
    }
}

#[test]
fn a_plugin_of_a_killed_del_that_never_ends_is_ended_by_the_next() {
    let scene = Scene::new();
    scene.shell_plugin(
        "stuck",
        &format!(
            "case $CNI_COMMAND in ADD) echo '{{\"cniVersion\": \"1.0.0\"}}';; DEL) test -e {} || exec sleep 600;; esac",
            scene.signal("go").display()
        ),
    );
    let stuck = json!({"cniVersion": "1.0.0", "name": "b", "type": "stuck"});
    let conf = scene.conf_with(
        &[scene.network("a", json!({})), stuck],
        json!({"lock": "1s"}),
    );
    scene.call("ADD", &conf).result();
    let running = scene.start("DEL", &conf);
    until("the plugin hangs", || {
        scene.processes("sleep 600").len() == 1
    });
    running.signal(Signal::KILL).unwrap();
    running.wait().unwrap();
    scene.give("go");
    let done = scene.call("DEL", &conf);
    done.silent();
    let log = done.0.stderr_text();
    assert!(log.contains("ended process"), "{log}");
    assert_eq!(scene.processes("sleep"), []);
    scene.nothing_left();
}
