//! Many containers at once.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use suites::multus::Container;
use suites::node::Node;
use suites::scene::{Scene, names, one_after_the_other};

const CONTAINERS: usize = 50;
const AT_ONCE: usize = 10;

#[test]
fn fifty_containers_come_and_go_beside_each_other() {
    // cni-runtime #62: the address allocator is a real one, which everybody shares
    let scene = Scene::on(Node::with_plugins());
    let quick = json!({"create_link": false});
    let mut addresses = scene.node.host_local(&["10.77.0.0/24"], &[]);
    addresses["cniVersion"] = json!("1.0.0");
    addresses["name"] = json!("addresses");
    addresses["ipam"] = addresses.clone();
    let conf = scene.conf(&[
        scene.network("a", quick.clone()),
        addresses,
        scene.network("b", quick),
    ]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(id) = take(&next) {
                    let sandbox = scene.node.sandbox(&id);
                    let container = Container::new(&sandbox).of_pod("default", &id);
                    let result = scene.node.add(&container, &conf);
                    assert_eq!(result["interfaces"][0]["sandbox"], container.netns);
                    scene.node.check(&container, &conf);
                    scene.node.del(&container, &conf);
                }
            });
        }
    });
    let calls = scene.recorder.calls().unwrap();
    let ids: BTreeSet<&str> = calls
        .iter()
        .map(|call| call.variable("CNI_CONTAINERID"))
        .collect();
    assert_eq!(ids.len(), CONTAINERS);
    for id in ids {
        let own: Vec<_> = calls
            .iter()
            .filter(|call| call.variable("CNI_CONTAINERID") == id)
            .cloned()
            .collect();
        one_after_the_other(&own);
        let verbs: Vec<_> = own
            .iter()
            .map(|call| format!("{} {}", call.verb, call.network()))
            .collect();
        assert_eq!(
            verbs,
            ["ADD a", "ADD b", "CHECK a", "CHECK b", "DEL b", "DEL a"],
            "{id}"
        );
    }
    assert_eq!(scene.books(), [""; 0]);
    scene.nothing_left();
}

/// The next container's id.
fn take(next: &AtomicUsize) -> Option<String> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    (number < CONTAINERS).then(|| format!("crowd-{number}"))
}

#[test]
fn addresses_of_a_crowd_are_all_different_and_all_given_back() {
    let scene = Scene::on(Node::with_plugins());
    let mut conf = scene.conf(&[]);
    conf["delegates"] = json!([scene
        .node
        .bridge("crowd0", &["10.78.0.0/24"], &["0.0.0.0/0"])]);
    let containers: Vec<_> = (0..8)
        .map(|number| scene.node.sandbox(&format!("pod-{number}")))
        .collect();
    let all = |verb: &str| -> Vec<serde_json::Value> {
        std::thread::scope(|scope| {
            let calls: Vec<_> = containers
                .iter()
                .map(|sandbox| {
                    let conf = &conf;
                    let node = &scene.node;
                    scope.spawn(move || {
                        let answer = node.call(
                            verb,
                            &Container::new(sandbox).of_pod("default", sandbox.name()),
                            conf,
                        );
                        answer.good();
                        answer.0.json().unwrap_or_default()
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        })
    };
    let results = all("ADD");
    let addresses: BTreeSet<String> = results
        .iter()
        .map(|result| result["ips"][0]["address"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(addresses.len(), containers.len());
    all("DEL");
    drop(containers);
    let left: Vec<_> = names(&scene.node.addresses)
        .into_iter()
        .filter(|name| name.contains("/10.78."))
        .collect();
    assert_eq!(left, [""; 0]);
    assert!(fs::read_dir(&scene.node.state).is_ok());
    scene.nothing_left_but(&["crowd0"]);
}
