//! What is known without asking.

use std::time::Instant;

use cluster::Lookup;
use testkit::apiserver::ApiServer;
use testkit::kube::wait;

use crate::scene::{LIMIT, Scene};

#[test]
fn pods_of_the_node_and_all_definitions_are_known_without_a_read() {
    let api = ApiServer::shared().unwrap();
    let mut scene = Scene::new(api, "known");
    let (client, namespace) = (api.client(), scene.namespace.clone());
    let before = scene.create_pod("before");
    client
        .create_definition(&namespace, "net-a", "{\"type\":\"a\"}", &[])
        .unwrap();
    scene.started();
    // What was there, and what comes.
    scene.appears("before", &before);
    let after = scene.create_pod("after");
    scene.appears("after", &after);
    client
        .create_definition(&namespace, "net-b", "{\"type\":\"b\"}", &[])
        .unwrap();
    let definitions = scene.watches().definitions();
    let deadline = Instant::now() + LIMIT;
    for (name, config) in [("net-a", "{\"type\":\"a\"}"), ("net-b", "{\"type\":\"b\"}")] {
        let found = scene.wait(definitions.wait(&namespace, name, |_| true, deadline));
        assert_eq!(found.unwrap().config, config);
        let read = scene.watches().definition(&namespace, name, deadline);
        assert_eq!(scene.wait(read).unwrap().unwrap().config, config);
    }
    for (name, uid) in [("before", &before), ("after", &after)] {
        let read = scene.watches().pod(&namespace, name, uid, deadline);
        assert_eq!(&scene.wait(read).unwrap().unwrap().reference.uid, uid);
    }
    // Two lists and two watches.
    assert_eq!(scene.proxy.seen("GET", "/").len(), 4);
}

#[test]
fn what_changes_and_goes_is_told() {
    let api = ApiServer::shared().unwrap();
    let mut scene = Scene::new(api, "changes");
    let (client, namespace) = (api.client(), scene.namespace.clone());
    let first = scene.create_pod("web");
    client
        .create_definition(&namespace, "net", "{}", &[])
        .unwrap();
    scene.started();
    scene.appears("web", &first);
    client.delete_pod(&namespace, "web").unwrap();
    scene.vanishes("web");
    // As a StatefulSet does it.
    let second = scene.create_pod("web");
    scene.appears("web", &second);
    client.delete_definition(&namespace, "net").unwrap();
    let definitions = scene.watches().definitions();
    wait::until_true("a definition to be absent", LIMIT, || {
        Ok(definitions.get(&namespace, "net") == Lookup::Absent)
    })
    .unwrap();
    assert_eq!(scene.watches().pods().progress().failures, 0);
}

#[test]
fn a_pod_of_another_node_is_not_watched_and_can_be_read() {
    let api = ApiServer::shared().unwrap();
    let mut scene = Scene::new(api, "elsewhere");
    scene.create_pod_elsewhere("web");
    scene.started();
    let namespace = scene.namespace.clone();
    let pods = scene.watches().pods();
    assert_eq!(pods.get(&namespace, "web"), Lookup::Absent);
    let deadline = Instant::now() + LIMIT;
    let read = scene.watches().pod(&namespace, "web", "", deadline);
    assert_eq!(scene.wait(read).unwrap().unwrap().reference.name, "web");
    let missing = scene.watches().pod(&namespace, "none", "", deadline);
    assert_eq!(scene.wait(missing).unwrap(), None);
    assert_eq!(pods.progress().reads, 2);
}
