//! Writing the status: of a plugin that does it itself.

use std::fs;
use std::path::Path;

use serde_json::json;
use suites::cluster::ClusterNode;
use suites::multus::Container;
use suites::scene::{Scene, answer, names, until};
use testkit::proxy::Fault;

use crate::disk::{ADDED_AND_UNDONE, fill, mount};
use crate::late::kill;

fn relieve(scene: &Scene, folder: &Path) {
    fs::remove_file(scene.node.world.outside(&folder.join("ballast"))).unwrap();
}

#[test]
fn a_status_that_finds_no_room_undoes_everything() {
    let scene = Scene::new();
    let statuses = scene.node.manifests.join(".status");
    mount(&scene, &statuses, "size=64k");
    fill(&scene, &statuses);
    scene.node.pod_with("default", "pod", "b");
    scene
        .node
        .definition("default", "b", &scene.network("b", json!({})));
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    scene
        .call("ADD", &conf)
        .refused(5, &["[default/pod/", "networks status", "No space left"]);
    assert_eq!(scene.calls(), ADDED_AND_UNDONE);
    assert_eq!(scene.books(), [""; 0]);
    relieve(&scene, &statuses);
    scene.call("ADD", &conf).result();
    scene.call("DEL", &conf).silent();
    assert_eq!(names(&scene.node.world.outside(&statuses)), [""; 0]);
}

#[test]
fn an_add_that_is_killed_while_it_writes_the_status_is_undone_without_the_api() {
    let mut node = ClusterNode::behind_proxy("late");
    node.define("net-a", &node.scripted("net-a", "10.1.0.2/24"));
    let pod = node.pod("web", "net-a");
    let before = node.snapshot();
    let conf = node.scripted_conf();
    node.proxy().every("PATCH", "/pods/web/status", Fault::Hang);
    let command = |verb: &str| {
        let run = node.world.command(&node.multus);
        let run = Container::describe(&pod.container, verb, run);
        run.env("CNI_PATH", &node.plugins).stdin(conf.to_string())
    };
    let add = command("ADD").spawn().unwrap();
    until("the status is written", || {
        !node.proxy().seen("PATCH", "/pods/web/status").is_empty()
    });
    assert_eq!(pod.sandbox.links().unwrap().len(), 3);
    kill(add);
    let del = command("DEL");
    node.cut_off();
    answer(del.run().unwrap()).silent();
    assert_eq!(pod.sandbox.links().unwrap().len(), 1);
    node.nothing_left(&before, &[]);
}
