//! Error codes: a plugin's own, but for those that would mislead a runtime.

use serde_json::json;
use suites::scene::Scene;

use crate::trio;

#[test]
fn a_plugins_code_is_kept() {
    // Q17
    let scene = Scene::new();
    for code in [
        1,
        2,
        4,
        5,
        6,
        7,
        8,
        9,
        11,
        50,
        51,
        99,
        100,
        101,
        999,
        4_294_967_295_u64,
    ] {
        let on_add = json!({"fail": {"code": code, "msg": "as it says"}});
        trio::fails(&scene, &trio::conf(&scene, on_add), code, &["as it says"]);
    }
    scene.nothing_left();
}

#[test]
fn a_code_that_tells_a_runtime_that_there_is_nothing_to_delete_is_not_a_plugins_to_give() {
    let scene = Scene::new();
    for code in [0, 3] {
        let on_add = json!({"fail": {"code": code, "msg": "as it says"}});
        trio::fails(&scene, &trio::conf(&scene, on_add), 999, &["as it says"]);
    }
    scene.nothing_left();
}
