//! Three networks of which the second one goes wrong, as most tests here have them.

use serde_json::{Value, json};
use suites::multus::Answer;
use suites::scene::Scene;

/// The networks `a`, `bad` and `c`; the plugin of `bad` does this on ADD and is well-mannered on DEL.
pub(crate) fn conf(scene: &Scene, on_add: Value) -> Value {
    let bad = scene.network("bad", json!({"per_verb": {"ADD": on_add}}));
    around(scene, bad)
}

/// The same with this network in the middle.
pub(crate) fn around(scene: &Scene, bad: Value) -> Value {
    scene.conf(&[
        scene.network("a", json!({})),
        bad,
        scene.network("c", json!({})),
    ])
}

/// ADD fails for what `bad` does; all of it is undone in reverse, and `c` is never touched.
#[track_caller]
pub(crate) fn fails(scene: &Scene, conf: &Value, code: u64, fragments: &[&str]) -> Answer {
    let answer = scene.call("ADD", conf);
    answer.refused(
        code,
        &[
            "[default/pod/:bad]",
            "network \"bad\"",
            "type=\"scripted\"",
            "(add)",
        ],
    );
    answer.refused(code, fragments);
    assert_eq!(
        scene.take_calls(),
        ["ADD a eth0", "ADD bad net1", "DEL bad net1", "DEL a eth0"]
    );
    assert_eq!(scene.books(), [""; 0]);
    answer
}
