//! What no line gives away.

use serde_json::json;
use suites::scene::{SECRET, Scene};

use crate::{Logged, text};

#[test]
fn configurations_stand_in_the_log_at_the_debug_level_alone() {
    // Q58, B4.110: upstream prints them at the verbose level.
    for (level, expected) in [("verbose", false), ("debug", true)] {
        let logged = Logged::new();
        let conf = logged.conf(level, &[logged.scene.network("a", json!({}))]);
        for verb in ["ADD", "CHECK", "DEL"] {
            logged.scene.call(verb, &conf).good();
        }
        let told = text(&logged.file());
        assert_eq!(told.contains(SECRET), expected, "{told}");
    }
}

#[test]
fn credentials_stand_in_no_log() {
    // B9.9
    let scene = Scene::new();
    let token = "eyJhbGciOiJub25lIn0.token-of-multus";
    let kubeconfig = scene.signal("kubeconfig");
    let file = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    });
    std::fs::write(&kubeconfig, file.to_string()).unwrap();
    let mut conf = scene.conf_with(&[scene.network("a", json!({}))], json!({"api": "100ms"}));
    let keys = conf.as_object_mut().unwrap();
    keys.remove("manifestDir");
    keys.insert("kubeconfig".to_owned(), json!(kubeconfig));
    keys.insert("logLevel".to_owned(), json!("debug"));
    let done = scene.command("ADD", &conf).run().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(
        done.stderr_text().contains("[debug]"),
        "{}",
        done.stderr_text()
    );
    for text in [done.stdout_text(), done.stderr_text()] {
        assert!(!text.contains(token), "{text}");
    }
}
