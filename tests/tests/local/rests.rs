//! A DEL that could not undo everything is told to the runtime, which tries again. With a daemon that is the daemon's to do.

use serde_json::json;

use crate::teardown::Scene;

#[test]
fn a_delegate_that_fails_on_del_does_not_keep_the_others_and_is_tried_again() {
    // B4.105, B4.107
    let mut scene = Scene::set();
    let stuck = scene.node.world.directory().join("stuck");
    std::fs::write(&stuck, "").unwrap();
    let fail =
        json!({"verb": "DEL", "code": 112, "msg": "switch unreachable", "while_file": stuck});
    let stubborn = json!({"cniVersion": "1.0.0", "name": "stubborn", "type": "scripted", "script": {"fail": fail}});
    scene.node.definition("shop", "stubborn", &stubborn);
    scene.node.pod_with("shop", "web", "lan,stubborn,storage");
    scene.before = scene.node.snapshot();
    scene.node.add(&scene.container, &scene.conf);

    let (_, message) = scene
        .node
        .call("DEL", &scene.container, &scene.conf)
        .error();
    assert!(
        message.contains("stubborn") && message.contains("switch unreachable"),
        "{message}"
    );
    assert_eq!(scene.sandbox.links().unwrap().len(), 1);
    let left = scene.node.ledger("pod");
    let names: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|element| &element["Name"])
        .collect();
    assert_eq!(names, ["shop/stubborn"]);

    std::fs::remove_file(&stuck).unwrap();
    scene.del_leaves_nothing(&scene.container);
}
