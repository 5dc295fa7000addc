//! `multus` killed when all plugins have run, while it undoes, and while it collects.

use serde_json::json;
use suites::scene::{Scene, answer, one_after_the_other};
use testkit::Signal;
use testkit::world::Running;

#[track_caller]
pub(crate) fn kill(running: Running) {
    running.signal(Signal::KILL).unwrap();
    running.wait().unwrap();
}

#[test]
fn an_add_that_is_killed_while_it_undoes_is_undone_by_the_del() {
    let scene = Scene::new();
    let wait = json!({"per_verb": {"DEL": {"wait_for_file": scene.signal("go")}}});
    let fail = json!({"per_verb": {"ADD": {"fail": {"code": 100, "msg": "no"}}}});
    let conf = scene.conf(&[
        scene.network("a", json!({})),
        scene.network("b", wait),
        scene.network("c", fail),
    ]);
    let add = scene.start("ADD", &conf);
    scene.begun("DEL", "b");
    kill(add);
    let del = scene.start("DEL", &conf);
    scene.give("go");
    answer(del.wait().unwrap()).silent();
    one_after_the_other(&scene.recorder.calls().unwrap());
    scene.nothing_left();
}

#[test]
fn a_gc_that_is_killed_leaves_the_rest_to_the_del() {
    let scene = Scene::new();
    let wait = json!({"per_verb": {"DEL": {"wait_for_file": scene.signal("go")}}});
    let mut conf = scene.conf(&[scene.network("a", json!({})), scene.network("b", wait)]);
    conf["cniVersion"] = json!("1.1.0");
    scene.call("ADD", &conf).result();
    let mut collecting = conf.clone();
    collecting["cni.dev/valid-attachments"] = json!([{"containerID": "other", "ifname": "eth0"}]);
    let gc = scene.start("GC", &collecting);
    scene.begun("DEL", "b");
    kill(gc);
    let del = scene.start("DEL", &conf);
    scene.give("go");
    answer(del.wait().unwrap()).silent();
    one_after_the_other(&scene.recorder.calls().unwrap());
    scene.nothing_left();
}

#[test]
fn gc_removes_what_a_killed_call_has_left_half_written() {
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({}))]);
    conf["cniVersion"] = json!("1.1.0");
    scene.call("ADD", &conf).result();
    for folder in ["", "results"] {
        let path = scene.node.state.join(folder).join(".tmp-12345-0");
        std::fs::write(path, "half").unwrap();
    }
    conf["cni.dev/valid-attachments"] = json!([{"containerID": "c1", "ifname": "eth0"}]);
    scene.call("GC", &conf).silent();
    assert_eq!(scene.books(), ["c1", "results/a-c1-eth0"]);
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_del_removes_what_a_killed_call_of_its_container_has_left_half_written() {
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    let half_written = || {
        for file in [".tmp-c1", "results/.tmp-a-c1-eth0"] {
            std::fs::write(scene.node.state.join(file), "half").unwrap();
        }
    };
    scene.call("ADD", &conf).result();
    half_written();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.books(), [""; 0]);
    // Killed before there was a ledger.
    std::fs::write(scene.node.state.join(".tmp-c1"), "half").unwrap();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn with_too_few_descriptors_everything_is_attached_or_nothing() {
    // cni-runtime #47
    let scene = Scene::new();
    let quick = json!({"create_link": false});
    let conf = scene.conf(&[scene.network("a", quick.clone()), scene.network("b", quick)]);
    let mut attached = 0;
    for limit in 4..24 {
        let done = scene
            .pod
            .describe("ADD", scene.node.world.command("sh"))
            .env("CNI_PATH", &scene.node.plugins)
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\"")])
            .arg(&scene.node.multus)
            .stdin(conf.to_string())
            .run()
            .unwrap();
        if done.status.success() {
            attached += 1;
            answer(done).result();
        } else {
            answer(done).error();
        }
        scene.call("DEL", &conf).silent();
        assert_eq!(scene.books(), [""; 0], "{limit}");
    }
    assert!((1..20).contains(&attached), "{attached}");
    scene.nothing_left();
}
