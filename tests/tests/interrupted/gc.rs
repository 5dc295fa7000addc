//! GC beside ADD and DEL.

use serde_json::{Value, json};
use suites::scene::{Scene, answer, one_after_the_other, until, until_it_waits};
use testkit::Signal;

/// The network `a`, whose plugin does this on ADD.
fn conf(scene: &Scene, on_add: Value) -> Value {
    let mut conf = scene.conf(&[scene.network("a", json!({"per_verb": {"ADD": on_add}}))]);
    conf["cniVersion"] = json!("1.1.0");
    conf["delegates"][0]["cniVersion"] = json!("1.1.0");
    conf
}

/// The same for GC: these containers are there.
fn with_valid(conf: &Value, ids: &[&str]) -> Value {
    let mut conf = conf.clone();
    let list: Vec<Value> = ids
        .iter()
        .map(|id| json!({"containerID": id, "ifname": "eth0"}))
        .collect();
    conf["cni.dev/valid-attachments"] = json!(list);
    conf
}

fn waiting(scene: &Scene) -> Value {
    json!({"then_wait_for_file": scene.signal("go")})
}

#[test]
fn gc_waits_for_an_add_that_runs() {
    // cni-runtime #64
    let scene = Scene::new();
    let conf = conf(&scene, waiting(&scene));
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    let gc = scene.start("GC", &with_valid(&conf, &["other"]));
    until_it_waits(&gc);
    assert_eq!(scene.calls(), ["ADD a eth0"]);
    scene.give("go");
    answer(add.wait().unwrap()).result();
    answer(gc.wait().unwrap()).silent();
    // The runtime's list is older than the ADD; that is the runtime's business.
    assert_eq!(scene.calls(), ["ADD a eth0", "DEL a eth0", "GC a "]);
    one_after_the_other(&scene.recorder.calls().unwrap());
    scene.nothing_left();
}

#[test]
fn gc_asks_to_be_called_again_where_an_add_takes_long() {
    // cni-runtime #64
    let scene = Scene::new();
    let conf = conf(&scene, waiting(&scene));
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    scene
        .call("GC", &with_valid(&conf, &["other"]))
        .refused(11, &["lock", "held by others"]);
    assert_eq!(scene.calls(), ["ADD a eth0"]);
    scene.give("go");
    answer(add.wait().unwrap()).result();
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn gc_never_detaches_beside_a_plugin_of_a_killed_add() {
    let scene = Scene::new();
    let conf = conf(&scene, waiting(&scene));
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    add.signal(Signal::KILL).unwrap();
    add.wait().unwrap();
    let stale = with_valid(&conf, &["other"]);
    let (code, message) = scene.call("GC", &stale).error();
    assert!(code == 11 && message.contains("c1"), "{code} {message}");
    assert!(!scene.calls().iter().any(|call| call.starts_with("DEL")));
    scene.give("go");
    until("the plugin has ended", || {
        scene.processes("scripted").is_empty()
    });
    scene.call("GC", &stale).silent();
    assert!(scene.calls().contains(&"DEL a eth0".to_owned()));
    scene.nothing_left();
}

#[test]
fn an_add_waits_for_gc() {
    // cni-runtime #64
    let scene = Scene::new();
    let mut conf = conf(&scene, json!({}));
    conf["delegates"][0]["script"]["per_verb"]["GC"] = json!({"wait_for_file": scene.signal("go")});
    scene.call("ADD", &conf).result();
    let gc = scene.start("GC", &with_valid(&conf, &["c1"]));
    scene.begun("GC", "a");
    let del = scene.start("DEL", &conf);
    until_it_waits(&del);
    assert_eq!(scene.calls(), ["ADD a eth0", "GC a "]);
    scene.give("go");
    answer(gc.wait().unwrap()).silent();
    answer(del.wait().unwrap()).silent();
    one_after_the_other(&scene.recorder.calls().unwrap());
    scene.nothing_left();
}

#[test]
fn what_gc_cannot_detach_stays_for_the_next() {
    let scene = Scene::new();
    let mut conf = conf(&scene, json!({}));
    let fail = json!({"code": 101, "msg": "wedged", "while_file": scene.signal("failing")});
    conf["delegates"][0]["script"]["per_verb"]["DEL"] = json!({"fail": fail});
    scene.call("ADD", &conf).result();
    scene.give("failing");
    let stale = with_valid(&conf, &["other"]);
    let (_, message) = scene.call("GC", &stale).error();
    assert!(
        message.contains("network \"a\"") && message.contains("wedged"),
        "{message}"
    );
    assert_eq!(scene.books(), ["c1", "results/a-c1-eth0"]);
    scene.take("failing");
    scene.call("GC", &stale).silent();
    scene.nothing_left();
}

#[test]
fn a_del_waits_for_gc_no_longer_than_its_own_time_allows() {
    let scene = Scene::new();
    let mut conf = conf(&scene, json!({}));
    let on_gc = json!({"wait_for_file": scene.signal("go")});
    conf["delegates"][0]["script"]["per_verb"] = json!({"GC": on_gc});
    conf["timeouts"] = json!({"gc": "30m"});
    scene.call("ADD", &conf).result();
    let gc = scene.start("GC", &with_valid(&conf, &["c1"]));
    scene.begun("GC", "a");
    let mut hurried = conf.clone();
    hurried["timeouts"]["del"] = json!("1s");
    scene
        .call("DEL", &hurried)
        .refused(11, &["[default/pod/", "lock", "held by others"]);
    scene.give("go");
    answer(gc.wait().unwrap()).silent();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.calls(), ["ADD a eth0", "GC a ", "DEL a eth0"]);
    scene.nothing_left();
}
