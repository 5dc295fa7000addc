//! Lock files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};
use suites::scene::Scene;

fn conf(scene: &Scene) -> Value {
    scene.conf(&[scene.network("a", json!({}))])
}

#[test]
fn a_lock_file_that_nobody_holds_is_no_obstacle_and_goes() {
    let scene = Scene::new();
    let conf = conf(&scene);
    for verb in ["ADD", "DEL"] {
        fs::write(scene.node.state.join(".lock-c1"), "stale").unwrap();
        scene.call(verb, &conf).good();
        assert!(!scene.books().contains(&".lock-c1".to_owned()), "{verb}");
    }
    scene.nothing_left();
}

#[test]
fn the_lock_of_a_killed_add_goes_with_the_del() {
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({"wait_for_file": scene.signal("go")}))]);
    let running = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    running.signal(testkit::Signal::KILL).unwrap();
    running.wait().unwrap();
    assert!(scene.books().contains(&".lock-c1".to_owned()));
    scene.give("go");
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn gc_removes_the_locks_of_killed_calls_and_leaves_those_that_are_held() {
    let scene = Scene::new();
    let mut conf = scene.conf(&[scene.network("a", json!({"wait_for_file": scene.signal("go")}))]);
    conf["cniVersion"] = json!("1.1.0");
    let running = scene.start("ADD", &conf);
    scene.begun("ADD", "a");
    running.signal(testkit::Signal::KILL).unwrap();
    running.wait().unwrap();
    fs::write(scene.node.state.join(".lock-gone"), "").unwrap();
    conf["cni.dev/valid-attachments"] = json!([{"containerID": "c1", "ifname": "eth0"}]);
    // The plugin of the killed ADD still has the lock.
    scene.call("GC", &conf).silent();
    assert!(scene.books().contains(&".lock-c1".to_owned()));
    assert!(!scene.books().contains(&".lock-gone".to_owned()));
    scene.give("go");
    scene.call("DEL", &conf).silent();
    scene.nothing_left();
}

#[test]
fn a_lock_that_leads_elsewhere_is_refused_and_not_followed() {
    let scene = Scene::new();
    let conf = conf(&scene);
    for name in [".lock-c1", ".lock"] {
        let lock = scene.node.state.join(name);
        // The node's lock may be there already.
        let _ = fs::remove_file(&lock);
        let outside = scene.signal("outside");
        symlink(&outside, &lock).unwrap();
        for verb in ["ADD", "DEL"] {
            scene.call(verb, &conf).refused(5, &["[default/pod/", name]);
        }
        assert!(!outside.exists(), "{name}");
        fs::remove_file(&lock).unwrap();
        fs::create_dir(&lock).unwrap();
        scene
            .call("ADD", &conf)
            .refused(5, &["[default/pod/", name]);
        fs::remove_dir(&lock).unwrap();
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn the_directory_and_its_files_are_for_root_alone() {
    // B10.3, B10.4, B10.31, B4.90, B4.126
    let scene = Scene::new();
    let mut conf = conf(&scene);
    let state = scene.signals.join("deep/er/state");
    conf["cniDir"] = json!(state);
    scene.call("ADD", &conf).result();
    let mode = |name: &str| {
        let meta = fs::symlink_metadata(state.join(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    let modes = ["", "results", "c1", "results/a-c1-eth0", ".lock"].map(mode);
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o600, 0o600]);
    scene.call("DEL", &conf).silent();
    assert_eq!(suites::scene::names(&state), [""; 0]);
    scene.nothing_left();
}
