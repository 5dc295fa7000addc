//! How much is told.

use serde_json::{Value, json};
use suites::scene::Scene;

use crate::{Logged, lines, text};

/// A scene, and networks whose second one fails.
fn failing(scene: &Scene) -> [Value; 2] {
    let fail = json!({"fail": {"verb": "ADD", "code": 120, "msg": "no more cables"}});
    [scene.network("a", json!({})), scene.network("b", fail)]
}

#[test]
fn what_fails_is_told_on_stderr_without_being_asked_for() {
    // B9.1: upstream's level is `panic` where none is given.
    let scene = Scene::new();
    let answer = scene.call("ADD", &scene.conf(&failing(&scene)));
    let (_, message) = answer.error();
    assert!(message.contains("no more cables"), "{message}");
    assert_eq!(
        lines(&answer.0.stderr_text()),
        [format!("[error] {message}")]
    );
}

#[test]
fn what_succeeds_is_silent_unless_it_is_asked_for() {
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for verb in ["ADD", "CHECK", "DEL"] {
        let answer = scene.call(verb, &conf);
        assert_eq!(answer.good().0.stderr_text(), "", "{verb}");
    }
}

#[test]
fn levels_are_named_in_any_case_and_the_empty_one_is_the_default() {
    // B9.3, T6.1
    for (level, told) in [
        (json!("panic"), 0),
        (json!("Panic"), 0),
        (json!("error"), 1),
        (json!(""), 1),
        (Value::Null, 1),
        (json!("ERROR"), 1),
    ] {
        let scene = Scene::new();
        let mut conf = scene.conf(&failing(&scene));
        conf["logLevel"] = level.clone();
        let answer = scene.call("ADD", &conf);
        answer.error();
        assert_eq!(lines(&answer.0.stderr_text()).len(), told, "{level}");
    }
}

#[test]
fn an_unknown_level_is_told_whatever_the_settings_and_leaves_the_default() {
    // B9.3, T6.1
    for to_stderr in [true, false] {
        let logged = Logged::new();
        let mut conf = logged.conf("loud", &failing(&logged.scene));
        conf["logToStderr"] = json!(to_stderr);
        let answer = logged.scene.call("ADD", &conf);
        answer.error();
        let told = answer.0.stderr_text();
        let (first, rest) = told.split_once('\n').unwrap_or_default();
        assert_eq!(first, "multus logging: cannot set logging level to loud");
        assert_eq!(lines(rest).len(), usize::from(to_stderr));
        assert_eq!(logged.lines().len(), 1);
    }
}

#[test]
fn lines_go_to_the_file_and_to_stderr_unless_that_is_switched_off() {
    // B2.16, B9.2
    for (to_stderr, expected) in [
        (json!(true), true),
        (Value::Null, true),
        (json!(false), false),
    ] {
        let logged = Logged::new();
        let mut conf = logged.conf("error", &failing(&logged.scene));
        conf["logToStderr"] = to_stderr.clone();
        let answer = logged.scene.call("ADD", &conf);
        answer.error();
        let stderr = answer.0.stderr_text();
        let in_file = text(&logged.file());
        assert_eq!(lines(&in_file).len(), 1);
        assert_eq!(stderr == in_file, expected, "{to_stderr}: {stderr:?}");
        assert!(expected || stderr.is_empty(), "{stderr:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_told_on_stderr() {
    let scene = Scene::new();
    let mut conf = scene.conf(&[]);
    conf["logToStderr"] = json!("no");
    let answer = scene.call("ADD", &conf);
    answer.refused(6, &["logToStderr"]);
    assert_eq!(lines(&answer.0.stderr_text()).len(), 1);
}

#[test]
fn options_of_the_wrong_type_are_refused_with_their_key() {
    // B2.17, B0.3
    let scene = Scene::new();
    for (options, key) in [
        (json!({"maxSize": "100"}), "logOptions.maxSize"),
        (json!({"maxAge": 1.5}), "logOptions.maxAge"),
        (json!({"compress": "yes"}), "logOptions.compress"),
    ] {
        let mut conf = scene.conf(&[scene.network("a", json!({}))]);
        conf["logOptions"] = options;
        scene.call("ADD", &conf).refused(6, &[key]);
    }
}
