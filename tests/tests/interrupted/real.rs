//! Interrupted over the reference plugins: their links and addresses go too.

use serde_json::{Value, json};
use suites::node::Node;
use suites::scene::{Scene, names, until};
use testkit::Signal;

/// The address files of the allocator.
fn addresses(scene: &Scene) -> Vec<String> {
    let mut found = names(&scene.node.addresses);
    found.retain(|name| !name.ends_with("/lock") && !name.contains("last_reserved_ip"));
    found
}

/// A bridge and a macvlan network with real addresses, then one that waits.
fn conf(scene: &Scene, timeouts: Value) -> Value {
    let waiting = json!({"per_verb": {"ADD": {"then_wait_for_file": scene.signal("go")}}});
    scene.conf_with(
        &[
            scene
                .node
                .bridge("real0", &["10.81.0.0/24"], &["0.0.0.0/0"]),
            scene.node.macvlan("lan", "10.82.0.0/24"),
            scene.network("waiting", waiting),
        ],
        timeouts,
    )
}

#[test]
fn links_and_addresses_of_a_killed_add_go_with_the_del() {
    let scene = Scene::on(Node::with_plugins());
    let conf = conf(&scene, json!({}));
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "waiting");
    assert_eq!(addresses(&scene).len(), 2);
    add.signal(Signal::KILL).unwrap();
    add.wait().unwrap();
    scene.give("go");
    scene.call("DEL", &conf).silent();
    assert_eq!(addresses(&scene), [""; 0]);
    scene.nothing_left_but(&["real0"]);
}

#[test]
fn links_and_addresses_of_a_failed_add_are_gone_when_it_returns() {
    let scene = Scene::on(Node::with_plugins());
    let mut conf = conf(&scene, json!({"add": "10s"}));
    conf["delegates"][2]["script"]["per_verb"]["ADD"] = json!({"crash": "SIGSEGV"});
    scene
        .call("ADD", &conf)
        .refused(999, &["network \"waiting\"", "signal 11"]);
    assert_eq!(addresses(&scene), [""; 0]);
    scene.nothing_left_but(&["real0"]);
}

#[test]
fn a_plugin_that_waits_for_its_address_plugin_is_ended_with_it() {
    // The bridge plugin passes the lock on to the address plugin, as Go leaves inherited descriptors open.
    let scene = Scene::on(Node::with_plugins());
    let mut network = scene.network(
        "slow",
        json!({"create_link": false, "per_verb": {"ADD": {"hang": true}}}),
    );
    network["type"] = json!("bridge");
    network["bridge"] = json!("real1");
    network["ipam"] = json!({"type": "scripted"});
    let conf = scene.conf_with(
        &[
            scene
                .node
                .bridge("real0", &["10.83.0.0/24"], &["0.0.0.0/0"]),
            network,
        ],
        json!({"lock": "1s"}),
    );
    let add = scene.start("ADD", &conf);
    scene.begun("ADD", "slow");
    until("the address plugin hangs", || {
        scene.processes("sleep 600").len() == 1
    });
    add.signal(Signal::KILL).unwrap();
    add.wait().unwrap();
    scene.call("DEL", &conf).silent();
    assert_eq!(scene.processes("sleep"), []);
    assert_eq!(addresses(&scene), [""; 0]);
    scene.nothing_left_but(&["real0", "real1"]);
}

#[test]
fn a_sandbox_that_is_gone_already_gives_its_addresses_back() {
    // cni-runtime #79, #80
    for (what, netns) in [("gone", "/run/netns/c1"), ("not told", "")] {
        let mut scene = Scene::on(Node::with_plugins());
        let mut conf = conf(&scene, json!({}));
        conf["delegates"].as_array_mut().unwrap().truncate(2);
        scene.call("ADD", &conf).result();
        let sandbox = scene.node.sandbox("spare");
        std::mem::replace(&mut scene.sandbox, sandbox)
            .destroy()
            .unwrap();
        scene.pod.netns = netns.to_owned();
        scene.call("DEL", &conf).silent();
        assert_eq!(addresses(&scene), [""; 0], "{what}");
        assert_eq!(scene.books(), [""; 0], "{what}");
    }
}
