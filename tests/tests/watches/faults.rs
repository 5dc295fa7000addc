//! Watches that break, fall silent, or are no longer allowed.

use std::time::Duration;

use serde_json::json;
use testkit::apiserver::ApiServer;
use testkit::kube::wait;
use testkit::proxy::Fault;

use crate::scene::{LIMIT, POD_WATCH, Scene};

#[test]
fn a_frozen_watch_heals() {
    let mut scene = Scene::new(ApiServer::shared().unwrap(), "frozen");
    scene.proxy.next("GET", POD_WATCH, [Fault::Stall]);
    scene.start(Duration::from_secs(1));
    wait::until_true("the watch to begin", LIMIT, || {
        Ok(!scene.proxy.seen("GET", POD_WATCH).is_empty())
    })
    .unwrap();
    let uid = scene.create_pod("web");
    scene.appears("web", &uid);
    let told = scene.told.0.lock().unwrap().clone();
    let silent = "watch pods on node node at ";
    assert!(
        told.iter()
            .any(|told| told.starts_with(silent) && told.contains("nothing heard for 1.0 s")),
        "{told:?}"
    );
}

#[test]
fn a_broken_connection_goes_on_where_it_broke() {
    let mut scene = Scene::new(ApiServer::shared().unwrap(), "broken");
    scene.started();
    for name in ["a", "b", "c"] {
        scene.proxy.hang_up();
        let uid = scene.create_pod(name);
        scene.appears(name, &uid);
    }
    // Nothing was read a second time.
    assert_eq!(scene.watches().pods().progress().lists, 1);
    assert!(scene.watches().pods().progress().watches > 1);
}

#[test]
fn a_version_that_is_too_old_means_a_new_list() {
    let mut scene = Scene::new(ApiServer::shared().unwrap(), "expired");
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "too old resource version: 1 (2)", "reason": "Expired", "code": 410});
    let line = format!("{}\n", json!({"type": "ERROR", "object": status}));
    scene
        .proxy
        .next("GET", POD_WATCH, [Fault::Answer(200, String::new(), line)]);
    scene.started();
    let uid = scene.create_pod("web");
    scene.appears("web", &uid);
    wait::until_true("the second list to end", LIMIT, || {
        Ok(scene.watches().pods().progress().lists == 2)
    })
    .unwrap();
}

#[test]
fn a_token_that_expired_is_read_again() {
    let mut scene = Scene::new(ApiServer::shared().unwrap(), "token");
    scene.started();
    let fresh = scene.token();
    scene.write("token", &fresh);
    let refused = Fault::status(401, "Unauthorized");
    scene.proxy.next("GET", POD_WATCH, [refused]);
    scene.proxy.hang_up();
    let uid = scene.create_pod("web");
    scene.appears("web", &uid);
    let seen = scene.proxy.seen("GET", POD_WATCH);
    let last = &seen.last().unwrap().authorization;
    assert_eq!(*last, format!("Bearer {fresh}"));
    assert_eq!(scene.watches().pods().progress().lists, 1);
}

#[test]
fn an_api_that_is_down_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let api = ApiServer::start(directory.path()).unwrap();
    api.client().apply_definition_crd().unwrap();
    let mut scene = Scene::new(&api, "restarted");
    let old = scene.create_pod("old");
    let gone = scene.create_pod("gone");
    scene.started();
    scene.appears("old", &old);
    scene.appears("gone", &gone);
    api.kill().unwrap();
    scene.proxy.hang_up();
    // What was known stays known.
    scene.appears("old", &old);
    api.restart().unwrap();
    api.client().delete_pod(&scene.namespace, "gone").unwrap();
    let new = scene.create_pod("new");
    scene.appears("new", &new);
    scene.appears("old", &old);
    scene.vanishes("gone");
}
