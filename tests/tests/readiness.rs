//! The file that says that the default network is there: `readinessindicatorfile`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use suites::multus::{Answer, Container};
use suites::scene::{Scene, answer, until};
use testkit::world::Running;

/// A scene whose default network says by a file that it is there.
struct Waiting {
    scene: Scene,
    log: PathBuf,
}

impl Waiting {
    fn new() -> Self {
        let scene = Scene::new();
        let log = scene.node.world.directory().join("multus.log");
        Self { scene, log }
    }

    /// The configuration that waits for this file.
    fn conf(&self, path: &Path) -> Value {
        let mut network = self.scene.network("a", json!({}));
        network["cniVersion"] = json!("1.1.0");
        let mut conf = self.scene.conf(&[network]);
        conf["cniVersion"] = json!("1.1.0");
        conf["readinessindicatorfile"] = json!(path);
        conf["logFile"] = json!(self.log);
        conf["logLevel"] = json!("verbose");
        conf["logToStderr"] = json!(false);
        conf
    }

    /// How often the log has this.
    fn told(&self, fragment: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.matches(fragment).count()
    }

    /// Starts a verb and returns when it waits.
    #[track_caller]
    fn start(&self, verb: &str, conf: &Value) -> Running {
        let running = self.scene.start(verb, conf);
        until("multus waits", || {
            self.told("waiting for readinessindicatorfile @ ") == 1
        });
        running
    }

    /// Calls a verb that is about no container.
    #[track_caller]
    fn call_for_nobody(&self, verb: &str, conf: &Value) -> Answer {
        let run = self.scene.node.world.command(&self.scene.node.multus);
        let run = run.env("CNI_COMMAND", verb);
        let run = run.env("CNI_PATH", &self.scene.node.plugins);
        answer(run.stdin(conf.to_string()).run().expect("multus ends"))
    }
}

fn make(path: &Path) {
    fs::write(path, "").unwrap();
}

#[test]
fn an_add_waits_for_the_file_and_goes_on_when_it_comes() {
    // B4.23, B2.144
    type Step = fn(&Path);
    let cases: [(&str, &str, Step, Step); 4] = [
        ("a file", "ready", |_| {}, |at| make(&at.join("ready"))),
        (
            "directories and a file",
            "cni/net.d/ready",
            |_| {},
            |at| {
                fs::create_dir_all(at.join("cni/net.d")).unwrap();
                make(&at.join("cni/net.d/ready"));
            },
        ),
        (
            "what a link leads to",
            "link",
            |at| symlink("there/ready", at.join("link")).unwrap(),
            |at| {
                fs::create_dir(at.join("there")).unwrap();
                make(&at.join("there/ready"));
            },
        ),
        (
            "another directory in place of the old one",
            "net.d/ready",
            |at| fs::create_dir(at.join("net.d")).unwrap(),
            |at| {
                fs::rename(at.join("net.d"), at.join("old")).unwrap();
                fs::create_dir(at.join("new")).unwrap();
                make(&at.join("new/ready"));
                fs::rename(at.join("new"), at.join("net.d")).unwrap();
            },
        ),
    ];
    for (name, path, before, comes) in cases {
        let waiting = Waiting::new();
        let folder = waiting.scene.node.world.folder("run").unwrap();
        before(&folder);
        let running = waiting.start("ADD", &waiting.conf(&folder.join(path)));
        assert!(waiting.scene.calls().is_empty(), "{name}");
        comes(&folder);
        let done = answer(running.wait().unwrap());
        assert_eq!(done.result()["interfaces"][0]["name"], "eth0", "{name}");
        assert_eq!(waiting.scene.calls(), ["ADD a eth0"], "{name}");
        assert_eq!(waiting.told(" came after "), 1, "{name}");
    }
}

#[test]
fn an_add_gives_up_in_time_and_says_what_it_waited_for() {
    // B4.23: the runtime may try again.
    let waiting = Waiting::new();
    let path = waiting.scene.signal("never/./ready");
    let mut conf = waiting.conf(&path);
    conf["timeouts"] = json!({"add": "300ms"});
    let answer = waiting.scene.call("ADD", &conf);
    let clean = waiting.scene.signal("never/ready");
    let still = format!(
        "still waiting for readinessindicatorfile @ {} after 0.",
        clean.display()
    );
    let question = "have you checked that your default network is ready? ";
    answer.refused(11, &["Multus: [default/pod/]: ", question, &still]);
    assert!(waiting.scene.calls().is_empty());
    waiting.scene.nothing_left();
}

#[test]
fn status_waits_as_long_as_it_may_and_says_that_no_add_can_be_served() {
    // B4.137
    let waiting = Waiting::new();
    let path = waiting.scene.signal("ready");
    let mut conf = waiting.conf(&path);
    conf["timeouts"] = json!({"status": "300ms"});
    let fragment = "still waiting for readinessindicatorfile @ ";
    waiting
        .call_for_nobody("STATUS", &conf)
        .refused(50, &[fragment]);
    assert!(waiting.scene.calls().is_empty());
    make(&path);
    waiting.call_for_nobody("STATUS", &conf).silent();
    assert_eq!(waiting.scene.calls(), ["STATUS a "]);
}

#[test]
fn detaching_and_checking_wait_for_nothing() {
    // B4.102, B4.136; Q72
    let waiting = Waiting::new();
    let path = waiting.scene.signal("ready");
    let conf = waiting.conf(&path);
    make(&path);
    waiting.scene.call("ADD", &conf).good();
    fs::remove_file(&path).unwrap();

    waiting.scene.call("CHECK", &conf).silent();
    let mut listed = conf.clone();
    listed["cni.dev/valid-attachments"] = json!([{"containerID": "c1", "ifname": "eth0"}]);
    waiting.call_for_nobody("GC", &listed).silent();
    waiting.scene.call("DEL", &conf).silent();
    waiting.scene.call("DEL", &conf).silent();
    let expected = ["ADD a eth0", "CHECK a eth0", "GC a ", "DEL a eth0"];
    assert_eq!(waiting.scene.calls(), expected);
    let mention = format!("no readinessindicatorfile @ {}: ", path.display());
    assert_eq!(waiting.told(&mention), 3);
    waiting.scene.nothing_left();
}

#[test]
fn a_del_does_not_wait_for_an_add_that_waits_for_the_file() {
    let waiting = Waiting::new();
    let conf = waiting.conf(&waiting.scene.signal("ready"));
    let running = waiting.start("ADD", &conf);
    waiting.scene.call("DEL", &conf).silent();
    // Killed, as by a runtime that gives up.
    drop(running);
    waiting.scene.call("DEL", &conf).silent();
    assert!(waiting.scene.calls().is_empty());
}

#[test]
fn many_adds_wait_with_one_watcher_and_all_go_on() {
    // A user may have 128 of them, for all programs.
    const PODS: usize = 8;
    let waiting = Waiting::new();
    let (scene, node) = (&waiting.scene, &waiting.scene.node);
    let path = scene.signal("ready");
    let conf = waiting.conf(&path);
    let sandboxes: Vec<_> = (0..PODS)
        .map(|number| node.sandbox(&format!("p{number}")))
        .collect();
    let start = |sandbox| {
        let pod = Container::new(sandbox).of_pod("default", "pod");
        let run = pod.describe("ADD", node.world.command(&node.multus));
        let run = run.env("CNI_PATH", &node.plugins).stdin(conf.to_string());
        run.spawn().expect("multus starts")
    };
    let running: Vec<Running> = sandboxes.iter().map(start).collect();
    until("all wait", || {
        waiting.told("waiting for readinessindicatorfile @ ") == PODS
    });
    until("one of them watches", || watchers(scene) == 1);
    make(&path);
    for one in running {
        answer(one.wait().unwrap()).result();
    }
    assert_eq!(scene.calls().len(), PODS);
}

/// How many inotify instances the programs of a node have.
fn watchers(scene: &Scene) -> usize {
    let processes = scene.processes("multus").into_iter();
    let descriptors = processes.flat_map(|(pid, _)| fs::read_dir(format!("/proc/{pid}/fd")));
    let targets = descriptors
        .flatten()
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().contains("inotify"))
        .count()
}
