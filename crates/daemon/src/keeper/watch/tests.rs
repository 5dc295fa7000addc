use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use plan::PrimaryRecord;
use sys::lock::Presence;
use sys::watch::{Left, Pause};
use tempfile::TempDir;

use super::{Work, before, remove_same};
use crate::keeper::{OUR_FILE, Report, Watch};
use crate::settings::Settings;

/// As other programs write: in place.
#[expect(clippy::disallowed_methods, reason = "sets the scene, not under test")]
fn put(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
}

/// A node's directories.
struct Node {
    root: TempDir,
    more: String,
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Node {
    fn new() -> Self {
        let node = Self {
            root: TempDir::new().unwrap(),
            more: String::new(),
            reports: Arc::default(),
        };
        fs::create_dir(node.net_d("")).unwrap();
        node
    }

    fn with(more: &str) -> Self {
        Self {
            more: more.to_owned(),
            ..Self::new()
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn net_d(&self, name: &str) -> PathBuf {
        self.at("net.d").join(name)
    }

    fn ours(&self) -> PathBuf {
        self.net_d(OUR_FILE)
    }

    fn write(&self, name: &str, content: &str) {
        let new = self.at("new");
        put(&new, content);
        fs::rename(new, self.net_d(name)).unwrap();
    }

    fn settings(&self) -> Settings {
        let root = self.root.path().display();
        let text = format!(
            r#"{{"cniVersion":"0.3.1","multusAutoconfigDir":"{root}/net.d","cniConfigDir":"{root}/net.d","cniDir":"{root}/cni"{}}}"#,
            self.more.replace("ROOT", &root.to_string())
        );
        Settings::parse(text.as_bytes()).unwrap()
    }

    fn start(&self) -> Watch {
        let reports = Arc::clone(&self.reports);
        let observer = move |report: &Report| reports.lock().unwrap().push(report.clone());
        Watch::start(&self.settings(), observer).unwrap()
    }

    fn told(&self, text: &str) -> bool {
        let reports = self.reports.lock().unwrap();
        reports
            .iter()
            .any(|report| report.to_string().contains(text))
    }

    fn until_told(&self, text: &str) {
        until(text, || self.told(text));
    }

    fn until_ours_has(&self, text: &str) {
        until(text, || read(&self.ours()).contains(text));
    }
}

/// The file's text, empty where there is none.
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn list(network: &str) -> String {
    format!(r#"{{"cniVersion":"1.0.0","name":"{network}","plugins":[{{"type":"bridge"}}]}}"#)
}

#[test]
fn the_configuration_comes_with_the_primary_and_stays_when_the_daemon_ends() {
    // B6.5, B6.78; rows 1 and 4 of what users report
    let node = Node::new();
    let watch = node.start();
    assert!(
        watch
            .status()
            .not_ready
            .unwrap()
            .contains("no primary network")
    );
    node.write("10-a.conflist", &list("a"));
    until("ready", || watch.status().not_ready.is_none());
    assert_eq!(fs::metadata(node.ours()).unwrap().mode() & 0o777, 0o600);
    let status = watch.status();
    let primary = status.primary.as_ref().unwrap();
    assert_eq!(
        status.content_at(&node.net_d("10-a.conflist")),
        Some(list("a").as_bytes())
    );
    assert_eq!(primary.conf.name(), "a");
    let text = read(&node.ours());
    drop(watch);
    assert_eq!(read(&node.ours()), text);
    let record = PrimaryRecord::decode(&fs::read(node.at("cni/.primary")).unwrap()).unwrap();
    assert_eq!(record.content, list("a"));
    assert_eq!(fs::metadata(node.at("cni")).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        fs::metadata(node.at("cni/.primary")).unwrap().mode() & 0o777,
        0o600
    );
}

#[test]
fn who_may_read_our_file_still_may_and_nobody_else_writes_it() {
    // B6.76
    for (before, after) in [(0o640, 0o640), (0o666, 0o644)] {
        let node = Node::new();
        node.write("10-a.conflist", &list("a"));
        node.write(OUR_FILE, "{}");
        fs::set_permissions(node.ours(), fs::Permissions::from_mode(before)).unwrap();
        let _watch = node.start();
        assert!(read(&node.ours()).contains("multus-shim"));
        let mode = fs::metadata(node.ours()).unwrap().mode();
        assert_eq!(mode & 0o777, after);
    }
}

#[test]
fn a_primary_that_is_written_slowly_never_leaves_a_broken_configuration() {
    // Q9, B6.77
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    let watch = node.start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20 {
                let capability = format!(r#""bridge","capabilities":{{"c{round}":true}}"#);
                let text = list("a").replace("\"bridge\"", &capability);
                for end in [0, 20, 40, text.len()] {
                    put(node.net_d("10-a.conflist"), &text[..end]);
                    thread::sleep(Duration::from_millis(3));
                }
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let text = read(&node.ours());
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["type"], "multus-shim");
        }
    });
    node.until_ours_has("\"c19\":true");
    until("ready", || watch.status().not_ready.is_none());
}

#[test]
fn a_program_that_renames_our_file_is_named_and_the_file_is_put_back() {
    // row 8 of what users report: Cilium with cni-exclusive
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    let watch = node.start();
    for times in 1..3 {
        fs::rename(node.ours(), node.net_d("00-multus.conf.cilium_bak")).unwrap();
        node.until_told(&format!(
            "cilium_bak, as Cilium does unless cni-exclusive is off; it was put back (time {times})"
        ));
        until("ready", || watch.status().not_ready.is_none());
        assert!(read(&node.ours()).contains("multus-shim"));
    }
    assert_eq!(watch.status().repairs, 2);
    fs::remove_file(node.ours()).unwrap();
    node.until_told("another program removed 00-multus.conf; it is put back in 2 s");
    until("back", || watch.status().repairs == 3);
}

#[test]
fn who_took_our_file_away_is_known_though_one_could_not_look_when_it_was_told() {
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    let reports = Arc::clone(&node.reports);
    let observer = move |report: &Report| reports.lock().unwrap().push(report.clone());
    let mut work = Work::new(&node.settings(), observer).unwrap();
    work.look(None);
    fs::rename(node.ours(), node.net_d("00-multus.conf.cilium_bak")).unwrap();
    let told = work.watcher.pause(Duration::from_secs(60), OUR_FILE);
    let left = Some(Left::RenamedTo("00-multus.conf.cilium_bak".to_owned()));
    assert_eq!(told, Pause::Over { left: left.clone() });
    // EIO
    symlink("/proc/self/mem", node.net_d("00-fault.conf")).unwrap();
    work.look(left);
    assert!(node.told("cannot be looked at") && !node.ours().exists());
    fs::remove_file(node.net_d("00-fault.conf")).unwrap();
    work.look(None);
    assert!(node.told("another program renamed 00-multus.conf to 00-multus.conf.cilium_bak"));
}

#[test]
fn a_program_that_chains_itself_into_our_file_stays_in_it() {
    // neighbours 3.4: Istio writes a list under our name, and renames it
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    let watch = node.start();
    let own = read(&node.ours());
    let text = format!(
        r#"{{"cniVersion":"0.3.1","name":"k8s-pod-network","plugins":[{own},{{"type":"istio-cni"}}]}}"#
    );
    node.write(OUR_FILE, &text);
    fs::rename(node.ours(), node.net_d("00-multus.conflist")).unwrap();
    node.until_told("another program appended istio-cni to 00-multus.conflist, where it stays");
    until("ready", || watch.status().not_ready.is_none());
    assert_eq!(read(&node.net_d("00-multus.conflist")), text);
    drop(watch);
    let watch = node.start();
    assert_eq!(watch.status().not_ready, None);
    assert!(!node.ours().exists());
}

#[test]
fn restarts_among_hostile_files_change_nothing() {
    // row 5 of what users report
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    drop(node.start());
    let text = read(&node.ours());
    for (name, content) in [
        (
            "00-multus.conflist",
            format!(r#"{{"name":"m","plugins":[{text}]}}"#),
        ),
        ("01-multus.conf", text.clone()),
        ("02-thin.conf", text.replace("multus-shim", "multus")),
        (
            "03-mixed.conflist",
            format!(r#"{{"name":"m","plugins":[{{"type":"bridge"}},{text}]}}"#),
        ),
        ("05-a.conflist.cilium_bak", list("b")),
        ("05-b.json", list("b")),
    ] {
        node.write(name, &content);
    }
    symlink("00-multus.conf", node.net_d("04-link.conf")).unwrap();
    symlink("nowhere", node.net_d("05-nowhere.conf")).unwrap();
    fs::create_dir(node.net_d("06-directory.conf")).unwrap();
    for _ in 0..20 {
        let watch = node.start();
        assert_eq!(watch.status().not_ready, None);
        assert_eq!(read(&node.ours()), text);
    }
    assert!(!node.told("put back") && !node.told("appended"));
}

#[test]
fn directories_that_come_later_are_followed() {
    // OpenShift: the primary's directory lies in memory, and is gone after a boot
    let node = Node::with(r#","multusAutoconfigDir":"ROOT/run/multus/net.d""#);
    let watch = node.start();
    fs::create_dir_all(node.at("run/multus/net.d")).unwrap();
    put(
        node.at("run/multus/net.d/10-ovn.conf"),
        r#"{"cniVersion":"0.4.0","name":"ovn","type":"ovn"}"#,
    );
    node.until_ours_has("/run/multus/net.d/10-ovn.conf");
    until("ready", || watch.status().not_ready.is_none());
    fs::remove_dir_all(node.at("run")).unwrap();
    until("gone", || {
        watch
            .status()
            .not_ready
            .is_some_and(|reason| reason.contains("is gone"))
    });
    assert!(read(&node.ours()).contains("10-ovn.conf"));
}

#[test]
fn a_directory_of_ours_that_cannot_be_written_is_told_and_tried_again() {
    let node = Node::with(r#","cniConfigDir":"ROOT/other.d""#);
    node.write("10-a.conflist", &list("a"));
    let watch = node.start();
    assert!(node.told("other.d"));
    assert!(watch.status().not_ready.is_some());
    fs::create_dir(node.at("other.d")).unwrap();
    until("written", || node.at("other.d").join(OUR_FILE).exists());
    until("ready", || watch.status().not_ready.is_none());
}

#[test]
fn plugins_of_the_lists_sub_directory_belong_to_the_primary() {
    // B5.40, B6.73
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    let watch = node.start();
    fs::create_dir(node.net_d("a")).unwrap();
    let text = r#"{"type":"portmap","capabilities":{"portMappings":true}}"#;
    put(node.net_d("a/50-portmap.conf"), text);
    node.until_ours_has("\"portMappings\":true");
    until("attached", || {
        watch.status().primary.unwrap().conf.plugins().len() == 2
    });
}

#[test]
fn a_readiness_file_that_goes_away_makes_the_node_unready_and_nothing_else() {
    // B6.77
    let node = Node::with(r#","readinessindicatorfile":"ROOT/ready/file""#);
    node.write("10-a.conflist", &list("a"));
    let watch = node.start();
    assert!(!node.ours().exists());
    fs::create_dir(node.at("ready")).unwrap();
    put(node.at("ready/file"), "");
    until("ready", || watch.status().not_ready.is_none());
    let text = read(&node.ours());
    fs::remove_file(node.at("ready/file")).unwrap();
    until("unready", || watch.status().not_ready.is_some());
    assert_eq!(read(&node.ours()), text);
}

#[test]
fn a_file_of_the_user_is_copied_and_followed() {
    // B6.2, Q4, Q83
    let node = Node::with(r#","multusConfigFile":"ROOT/70-user.conf""#);
    let text = |name: &str| {
        format!(r#"{{"cniVersion":"1.0.0","name":"{name}","type":"multus-shim","delegates":[]}}"#)
    };
    put(node.at("70-user.conf"), text("a"));
    let watch = node.start();
    assert_eq!(watch.status().not_ready, None);
    assert_eq!(read(&node.net_d("70-user.conf")), text("a"));
    put(node.at("70-user.conf"), text("b"));
    until("followed", || {
        read(&node.net_d("70-user.conf")) == text("b")
    });
    fs::remove_file(node.net_d("70-user.conf")).unwrap();
    until("put back", || {
        read(&node.net_d("70-user.conf")) == text("b")
    });
}

#[test]
fn a_file_that_lies_where_it_belongs_is_its_own_copy() {
    // upstream empties it
    let node = Node::with(r#","multusConfigFile":"ROOT/net.d/70-user.conf""#);
    let text = r#"{"cniVersion":"1.0.0","name":"a","type":"multus-shim"}"#;
    node.write("70-user.conf", text);
    let watch = node.start();
    assert_eq!(watch.status().not_ready, None);
    assert_eq!(read(&node.net_d("70-user.conf")), text);
}

#[test]
fn what_sorts_before_ours_counts_though_nobody_can_read_it() {
    let node = Node::new();
    for (file, text) in [
        ("00-half.conflist", "{"),
        ("00-calico.conf", r#"{"name":"n","type":"calico"}"#),
        ("00-notes.txt", "no configuration"),
        ("10-half.conflist", "{"),
    ] {
        put(node.net_d(file), text);
    }
    let found = before(&node.net_d(""), OUR_FILE).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|of| (of.file.as_str(), of.is_broken))
        .collect();
    assert_eq!(
        found,
        [("00-calico.conf", false), ("00-half.conflist", true)]
    );
    // What is no file, no runtime reads.
    fs::create_dir(node.net_d("00-directory.conf")).unwrap();
    put(node.net_d("00-large.conf"), vec![b' '; (1 << 20) + 1]);
    let found = before(&node.net_d(""), OUR_FILE).unwrap();
    let large = found.iter().find(|of| of.file == "00-large.conf");
    assert!(found.len() == 3 && large.unwrap().is_broken);
    // The kernel reads nothing at the beginning of a process's memory: EIO.
    symlink("/proc/self/mem", node.net_d("10-fault.conf")).unwrap();
    assert!(before(&node.net_d(""), OUR_FILE).is_ok());
    symlink("/proc/self/mem", node.net_d("00-fault.conf")).unwrap();
    let told = before(&node.net_d(""), OUR_FILE).unwrap_err().to_string();
    assert!(told.contains("00-fault.conf"), "{told}");
}

#[test]
fn what_another_program_has_written_since_one_looked_is_not_removed() {
    let node = Node::new();
    let left = node.net_d("00-multus.conflist");
    assert!(!remove_same(&left, b"old").unwrap());
    put(&left, "new");
    assert!(!remove_same(&left, b"old").unwrap());
    assert!(left.exists());
    assert!(remove_same(&left, b"new").unwrap());
    assert!(!left.exists());
}

#[test]
fn what_the_thin_plugin_left_is_removed_once_nobody_keeps_it() {
    let thin = r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"multus"}]}"#;
    let node = Node::new();
    node.write("10-a.conflist", &list("a"));
    node.write("00-multus.conflist", thin);
    let left = node.net_d("00-multus.conflist");
    fs::create_dir(node.net_d("multus.d")).unwrap();
    let keeping = Presence::beside_others(&node.net_d("multus.d"), Instant::now()).unwrap();
    let watch = node.start();
    assert!(watch.status().in_force);
    assert!(left.exists(), "thin_entrypoint would put it back");
    drop(keeping);
    until("removed", || {
        // So that it looks.
        node.write("look", "");
        !left.exists()
    });
    node.until_told("removed 00-multus.conflist");
    assert!(node.ours().exists());
    node.write("00-multus.conflist", thin);
    node.write("10-a.conflist", &list("b"));
    node.until_told("10-a.conflist changed");
    // Whoever has the capabilities of the next one is done with the look that told.
    let next = list("c").replace(r#""bridge""#, r#""bridge","capabilities":{"c1":true}"#);
    node.write("10-a.conflist", &next);
    node.until_ours_has(r#""c1":true"#);
    assert!(left.exists(), "somebody put it there since");
}

#[test]
fn what_lies_before_a_file_of_the_user_and_is_multus_alone_is_removed() {
    let node = Node::with(r#","multusConfigFile":"ROOT/70-user.conf""#);
    let text = r#"{"cniVersion":"1.0.0","name":"a","type":"multus-shim"}"#;
    put(node.at("70-user.conf"), text);
    for (name, text) in [
        ("00-multus.conf", text),
        (
            "00-multus.conflist",
            r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"multus"}]}"#,
        ),
        (
            "00-other.conf",
            r#"{"cniVersion":"1.0.0","name":"n","type":"bridge"}"#,
        ),
    ] {
        node.write(name, text);
    }
    let watch = node.start();
    until("alone", || watch.status().before_ours == 1);
    assert!(node.net_d("00-other.conf").exists());
}
