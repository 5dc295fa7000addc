//! How the program ends, and what it or another one leaves.

use std::fs::{File, FileTimes};
use std::time::SystemTime;

use sys::lock::Presence;

use super::*;

#[test]
fn at_the_end_the_configuration_goes_where_that_is_asked_for() {
    // B1.76, B6.144
    let node = Node::new(&["--cleanup-config-on-exit"]);
    beside(&node, || {
        until("it is generated", || node.has("conf/00-multus.conflist"));
    });
    assert!(!node.has("conf/00-multus.conflist"));
    assert!(node.has("conf/multus.d/multus.kubeconfig"));
    assert!(node.has("bin/multus"));
    assert!(node.has("conf/10-cluster.conflist"));
}

#[test]
fn whoever_ends_leaves_its_successors_configuration_alone() {
    let directory = tempfile::tempdir().unwrap();
    let own = directory.path().join("70-own.conf");
    write_atomic(&own, own::CONF.as_bytes(), 0o644, Durability::None).unwrap();
    let copied = format!("--multus-conf-file={}", own.display());
    for (flag, file) in [
        ("--skip-config-watch", "conf/00-multus.conflist"),
        (copied.as_str(), "conf/70-own.conf"),
    ] {
        let node = Node::new(&["--cleanup-config-on-exit", flag]);
        let mut successor = node.keeper();
        let watcher = DirWatcher::new().unwrap();
        beside(&node, || {
            until("the configuration is there", || node.has(file));
            assert!(successor.begin(&watcher).unwrap());
        });
        assert!(node.has(file), "{flag}");
        drop(successor);
        beside(&node, || ());
        assert!(!node.has(file), "{flag}");
    }
}

#[test]
fn a_signal_ends_it_while_it_waits_for_its_turn() {
    // B1.86
    let node = Node::new(&[]);
    let directory = node.path("conf/multus.d");
    fs::create_dir(&directory).unwrap();
    let uninstalling = Presence::beside_others(&directory, Instant::now()).unwrap();
    assert!(uninstalling.is_alone());
    beside(&node, || {
        until("it waits", || node.has("bin/multus"));
    });
    assert!(!node.has("conf/00-multus.conflist"));
    assert!(!node.has("conf/multus.d/multus.kubeconfig"));
    assert!(uninstalling.is_alone());
    drop(uninstalling);
    node.begin().unwrap();
    assert!(node.has("conf/00-multus.conflist"));
}

#[test]
fn what_a_killed_one_was_writing_goes() {
    let node = Node::new(&[]);
    fs::create_dir(node.path("conf/multus.d")).unwrap();
    let old = FileTimes::new().set_modified(SystemTime::now() - Duration::from_secs(90));
    for (name, times) in [
        ("conf/.tmp-1-0", Some(old)),
        ("conf/multus.d/.tmp-12-3", Some(old)),
        ("conf/.tmp-of-others", Some(old)),
        ("conf/.tmp-7-0", None),
    ] {
        node.put(name, "");
        if let Some(times) = times {
            File::options()
                .write(true)
                .open(node.path(name))
                .and_then(|file| file.set_times(times))
                .unwrap();
        }
    }
    node.begin().unwrap();
    for (name, stays) in [
        ("conf/.tmp-1-0", false),
        ("conf/multus.d/.tmp-12-3", false),
        ("conf/.tmp-of-others", true),
        ("conf/.tmp-7-0", true),
    ] {
        assert_eq!(node.has(name), stays, "{name}");
    }
}
