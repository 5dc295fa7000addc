//! Calls for one container that come while another one still works on it.

use serde_json::{Value, json};
use suites::scene::{Scene, answer, one_after_the_other, until_it_waits};
use testkit::world::Running;

const ADDED: [&str; 2] = ["ADD a eth0", "ADD b net1"];
const ALL: [&str; 4] = ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"];

/// Two networks; the plugin of `b` does this on one verb.
fn conf(scene: &Scene, verb: &str, keys: Value) -> Value {
    let b = scene.network("b", json!({"per_verb": {verb: keys}}));
    scene.conf(&[scene.network("a", json!({})), b])
}

fn waiting(scene: &Scene) -> Value {
    json!({"then_wait_for_file": scene.signal("go")})
}

/// Starts a verb that has to wait for another one, and returns when it does.
#[track_caller]
fn start_beside(scene: &Scene, verb: &str, conf: &Value) -> Running {
    let calls = scene.calls();
    let running = scene.start(verb, conf);
    until_it_waits(&running);
    assert_eq!(scene.calls(), calls);
    running
}

#[track_caller]
fn finished_in_order(scene: &Scene) {
    one_after_the_other(&scene.recorder.calls().unwrap());
    scene.nothing_left();
}

#[test]
fn a_del_waits_for_the_add_that_runs() {
    // B4.3, Q53: upstream runs both at once; cni-runtime #63
    let scene = Scene::new();
    let conf = conf(&scene, "ADD", waiting(&scene));
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "b");
    let del = start_beside(&scene, "DEL", &conf);
    scene.give("go");
    answer(add.wait().unwrap()).result();
    answer(del.wait().unwrap()).silent();
    assert_eq!(scene.calls(), ALL);
    finished_in_order(&scene);
}

#[test]
fn a_del_waits_for_the_undo_of_the_add_that_runs() {
    let scene = Scene::new();
    let keys =
        json!({"then_wait_for_file": scene.signal("go"), "fail": {"code": 100, "msg": "no"}});
    let conf = conf(&scene, "ADD", keys);
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "b");
    let del = start_beside(&scene, "DEL", &conf);
    scene.give("go");
    answer(add.wait().unwrap()).refused(100, &["network \"b\""]);
    answer(del.wait().unwrap()).silent();
    assert_eq!(scene.calls(), ALL);
    finished_in_order(&scene);
}

#[test]
fn a_del_ends_an_add_that_takes_too_long() {
    let scene = Scene::new();
    let mut conf = conf(&scene, "ADD", json!({"hang": true}));
    conf["timeouts"] = json!({"lock": "1s"});
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "b");
    scene.call("DEL", &conf).silent();
    let add = add.wait().unwrap();
    assert!(!add.status.success(), "{add:?}");
    assert_eq!(scene.processes("sleep"), []);
    // Whether the ADD still came to undo itself, or the DEL did it: nothing is left.
    scene.nothing_left();
}

#[test]
fn of_two_dels_at_once_one_detaches_and_both_succeed() {
    let scene = Scene::new();
    let conf = conf(&scene, "DEL", json!({"wait_for_file": scene.signal("go")}));
    scene.call("ADD", &conf).result();
    let first = scene.start("DEL", &conf);
    scene.begun("DEL", "b");
    let second = start_beside(&scene, "DEL", &conf);
    scene.give("go");
    answer(first.wait().unwrap()).silent();
    answer(second.wait().unwrap()).silent();
    assert_eq!(scene.calls(), ALL);
    finished_in_order(&scene);
}

#[test]
fn a_del_lets_another_del_be_that_takes_too_long() {
    let scene = Scene::new();
    let mut conf = conf(&scene, "DEL", json!({"wait_for_file": scene.signal("go")}));
    conf["timeouts"] = json!({"lock": "300ms", "del": "20s"});
    scene.call("ADD", &conf).result();
    let first = scene.start("DEL", &conf);
    scene.begun("DEL", "b");
    conf["timeouts"]["del"] = json!("1s");
    scene
        .call("DEL", &conf)
        .refused(11, &["[default/pod/", "lock", "held by others"]);
    scene.give("go");
    answer(first.wait().unwrap()).silent();
    assert_eq!(scene.calls(), ALL);
    finished_in_order(&scene);
}

#[test]
fn of_two_adds_at_once_one_attaches_and_the_other_says_so() {
    let scene = Scene::new();
    let conf = conf(&scene, "ADD", waiting(&scene));
    let first = scene.start("ADD", &conf);
    scene.begun("ADD", "b");
    let second = start_beside(&scene, "ADD", &conf);
    scene.give("go");
    answer(first.wait().unwrap()).result();
    answer(second.wait().unwrap()).refused(4, &["[default/pod/", "attached already"]);
    assert_eq!(scene.calls(), ADDED);
    scene.call("CHECK", &conf).silent();
    scene.call("DEL", &conf).silent();
    finished_in_order(&scene);
}

#[test]
fn an_add_waits_for_another_one_no_longer_than_it_may() {
    let scene = Scene::new();
    let mut conf = conf(&scene, "ADD", waiting(&scene));
    let first = scene.start("ADD", &conf);
    scene.begun("ADD", "b");
    conf["timeouts"] = json!({"lock": "300ms"});
    scene
        .call("ADD", &conf)
        .refused(11, &["[default/pod/", "lock", "held by others"]);
    scene.give("go");
    answer(first.wait().unwrap()).result();
    assert_eq!(scene.calls(), ADDED);
    scene.call("DEL", &conf).silent();
    finished_in_order(&scene);
}

#[test]
fn containers_do_not_wait_for_each_other() {
    // cni-runtime #62
    let mut scene = Scene::new();
    let slow = conf(&scene, "ADD", waiting(&scene));
    let quick = scene.conf(&[scene.network("q", json!({}))]);
    let other = scene.node.sandbox("c2");
    let first = scene.start("ADD", &slow);
    scene.begun("ADD", "b");
    let mine = scene.pod.clone();
    scene.pod = suites::multus::Container::new(&other).of_pod("default", "other");
    scene.call("ADD", &quick).result();
    scene.call("CHECK", &quick).silent();
    scene.call("DEL", &quick).silent();
    scene.pod = mine;
    scene.give("go");
    answer(first.wait().unwrap()).result();
    scene.call("DEL", &slow).silent();
    drop(other);
    scene.nothing_left();
}
