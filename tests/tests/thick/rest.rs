//! What a DEL could not undo.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use suites::cluster::Pod;
use suites::scene::{names, one_after_the_other, until};
use suites::thick::{ThickNode, answer};
use testkit::scripted::{Call, Recorder};

/// A pod whose network `net-a` cannot be detached while the file is there.
struct Scene {
    node: ThickNode,
    fails: PathBuf,
}

impl Scene {
    #[track_caller]
    fn new(name: &str) -> Self {
        Self::with(name, json!({}))
    }

    /// The same, with more keys for the network's DEL.
    #[track_caller]
    fn with(name: &str, mut del: Value) -> Self {
        let node = ThickNode::new(name);
        let fails = node.file("fails", "");
        del["fail"] = json!({"code": 100, "msg": "not now", "while_file": fails});
        let mut network = node.scripted("net-a", "10.1.0.2/24");
        network["script"]["per_verb"] = json!({"DEL": del});
        node.define("net-a", &network);
        Self { node, fails }
    }

    #[track_caller]
    fn attached(&self, conf: &Value) -> Pod {
        let pod = self.node.pod("web", "net-a");
        self.node.add(&pod, conf).good();
        pod
    }

    /// DEL, which is said to be good; the rest is in the ledger.
    #[track_caller]
    fn leave_a_rest(&self, pod: &Pod, conf: &Value) {
        self.node.del(pod, conf);
        let ledger = self.node.ledger(&pod.container.id);
        assert_eq!(ledger.as_array().map(Vec::len), Some(1), "{ledger}");
    }

    /// The network can be detached now, and is.
    #[track_caller]
    fn is_undone(&self, pod: &Pod) {
        fs::remove_file(&self.fails).unwrap();
        until("the rest is undone", || {
            !self.node.state.join(&pod.container.id).exists()
        });
        assert!(pod.sandbox.link("net1").unwrap().is_none());
        until("the books are closed", || {
            names(&self.node.state).is_empty()
        });
    }

    fn retries(&self) -> String {
        let (_, text) = self.node.ask("/readyz").unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("[+]retries: "));
        line.unwrap_or_default().to_owned()
    }
}

#[test]
fn what_a_del_could_not_undo_is_undone_by_the_daemon() {
    // B6.31, Q16, decided: exit 0 once the rest is durable in the ledger
    let scene = Scene::new("thick-rest");
    let daemon = scene.node.started();
    let conf = scene.node.generated();
    let pod = scene.attached(&conf);

    scene.leave_a_rest(&pod, &conf);

    until("the daemon knows", || scene.retries().starts_with("1 "));
    scene.is_undone(&pod);
    until("the daemon is done", || scene.retries().starts_with("0 "));
    let told = daemon.stop().stderr_text();
    let id = &pod.container.id;
    assert!(told.contains(&format!("warning: container {id} is not detached: ")));
    assert!(told.contains(&format!(
        "container {id} is detached, what was left included"
    )));
}

#[test]
fn what_was_left_while_no_daemon_was_there_is_undone_by_the_next() {
    // B6.93
    let scene = Scene::new("thick-rest-late");
    let daemon = scene.node.started();
    let conf = scene.node.generated();
    let pod = scene.attached(&conf);
    daemon.stop();

    scene.leave_a_rest(&pod, &conf);

    let _daemon = scene.node.started();
    until("the daemon knows", || scene.retries().starts_with("1 "));
    scene.is_undone(&pod);
}

#[test]
fn gc_does_not_wait_for_what_the_daemon_tries_again() {
    let go = PathBuf::from(format!("/tmp/multus-rest-gc-{}", std::process::id()));
    fs::write(&go, "").unwrap();
    let scene = Scene::with("thick-rest-gc", json!({"wait_for_file": go}));
    let _daemon = scene.node.started();
    let conf = scene.node.generated();
    let pod = scene.attached(&conf);
    scene.leave_a_rest(&pod, &conf);
    // From now on the network's plugin hangs.
    fs::remove_file(&go).unwrap();
    until("the daemon tries it", || {
        let calls = Recorder::new(scene.node.record()).calls().unwrap();
        let of_network = |call: &&Call| call.verb == "DEL" && call.network() == "net-a";
        calls.iter().filter(of_network).count() >= 2
    });

    let mut gc = conf;
    gc["cniVersion"] = json!("1.1.0");
    gc["cni.dev/valid-attachments"] = json!([{"containerID": pod.container.id, "ifname": "eth0"}]);
    until("GC has its turn", || {
        let answer = scene.node.call("GC", &pod.container, &gc);
        answer.0.status.success()
    });

    fs::write(&go, "").unwrap();
    scene.is_undone(&pod);
    fs::remove_file(&go).unwrap();
}

#[test]
fn a_runtime_that_is_to_try_again_itself_is_told_so() {
    // B2.23, B4.107
    let scene = Scene::new("thick-rest-told");
    let _daemon = scene.node.started();
    let mut conf = scene.node.generated();
    conf["retryDeleteOnError"] = json!(true);
    let pod = scene.attached(&conf);

    let answer = scene.node.call("DEL", &pod.container, &conf);

    answer.refused(100, &["network \"net-a\"", "not now"]);
    scene.is_undone(&pod);
}

#[test]
fn a_rest_that_the_daemon_would_not_find_is_the_runtimes() {
    let scene = Scene::new("thick-rest-elsewhere");
    let _daemon = scene.node.started();
    let mut conf = scene.node.generated();
    conf["cniDir"] = json!(scene.node.state.with_extension("elsewhere"));
    let pod = scene.attached(&conf);

    let answer = scene.node.call("DEL", &pod.container, &conf);

    answer.refused(100, &["network \"net-a\"", "not now"]);
    fs::remove_file(&scene.fails).unwrap();
    scene.node.del(&pod, &conf);
    assert!(pod.sandbox.link("net1").unwrap().is_none());
}

#[test]
fn the_daemon_never_works_on_a_container_beside_a_plugin() {
    let go = PathBuf::from(format!("/tmp/multus-rest-{}", std::process::id()));
    fs::write(&go, "").unwrap();
    let scene = Scene::with("thick-rest-beside", json!({"wait_for_file": go}));
    let _daemon = scene.node.started();
    let conf = scene.node.generated();
    let pod = scene.attached(&conf);
    scene.leave_a_rest(&pod, &conf);
    fs::remove_file(&go).unwrap();
    let deleted = || {
        let calls = Recorder::new(scene.node.record()).calls().unwrap();
        let of_network = |call: &&Call| call.verb == "DEL" && call.network() == "net-a";
        calls.iter().filter(of_network).cloned().collect::<Vec<_>>()
    };
    until("the daemon tries it", || deleted().len() >= 2);

    // Waits for the daemon's attempt to end, and then holds the lock while that would like to make another.
    let del = scene.node.begin(&scene.node.multus, "DEL", &pod, &conf);
    fs::write(&go, "").unwrap();
    answer(del).good();

    scene.is_undone(&pod);
    one_after_the_other(&deleted());
}
