//! The log file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;
use suites::multus::Container;
use suites::scene::names;

use crate::{Logged, lines, text};

/// What a compressed file holds, as `gzip` has it.
#[track_caller]
fn unpacked(logged: &Logged, path: &Path) -> String {
    let run = logged.scene.node.world.command("gzip");
    let done = run.args(["-dc"]).arg(path).check();
    done.expect("gzip can unpack it").stdout_text()
}

#[test]
fn a_log_file_is_made_with_its_directories_and_is_not_for_everyone() {
    // B9.4, T6.1
    let logged = Logged::new();
    let conf = logged.conf("verbose", &[logged.scene.network("a", json!({}))]);
    assert!(!logged.folder.exists());
    logged.scene.call("ADD", &conf).good();
    let mode = fs::metadata(logged.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let before = logged.lines().len();
    logged.scene.call("DEL", &conf).good();
    assert!(logged.lines().len() > before, "lines are appended");
}

#[test]
fn no_log_file_and_the_empty_name_make_none() {
    // B9.4, T6.1
    let logged = Logged::new();
    let mut conf = logged.conf("debug", &[logged.scene.network("a", json!({}))]);
    for name in [json!(""), serde_json::Value::Null] {
        conf["logFile"] = name;
        for verb in ["ADD", "DEL"] {
            let answer = logged.scene.call(verb, &conf);
            assert_eq!(answer.good().0.stderr_text(), "");
        }
        assert!(!logged.folder.exists());
    }
}

#[test]
fn a_log_that_cannot_be_written_is_told_once_and_fails_nothing() {
    let logged = Logged::new();
    let world = logged.scene.node.world.directory();
    fs::write(world.join("file"), "").unwrap();
    for path in [
        world.join("file/multus.log"),
        world.to_owned(),
        "/proc/nowhere/log".into(),
    ] {
        let mut conf = logged.conf("verbose", &[logged.scene.network("a", json!({}))]);
        conf["logFile"] = json!(path);
        for verb in ["ADD", "CHECK", "DEL"] {
            let told = logged.scene.call(verb, &conf).good().0.stderr_text();
            let (first, rest) = told.split_once('\n').unwrap_or_default();
            let start = format!("multus logging: cannot write {}: ", path.display());
            assert!(first.starts_with(&start), "{told}");
            // What has no file goes to stderr, though it is switched off.
            assert!(!lines(rest).is_empty(), "{told}");
        }
    }
}

#[test]
fn a_full_log_file_is_put_aside_and_the_next_del_compresses_it() {
    // B9.4, B9.5, Q50: upstream's options have no effect in a thin plugin.
    let logged = Logged::new();
    fs::create_dir_all(&logged.folder).unwrap();
    let full = "2026-01-31T23:59:59Z [verbose] an old line\n".repeat(25_000);
    assert!(full.len() > 1 << 20);
    fs::write(logged.file(), &full).unwrap();
    let mut conf = logged.conf("verbose", &[logged.scene.network("a", json!({}))]);
    conf["logOptions"] = json!({"maxSize": 1});

    logged.scene.call("ADD", &conf).good();
    let aside = names(&logged.folder);
    let [old, _current] = &aside[..] else {
        panic!("{aside:?}");
    };
    assert!(
        old.starts_with("multus-2") && old.ends_with(".log"),
        "{old}"
    );
    assert_eq!(text(&logged.folder.join(old)), full);
    assert!(logged.lines().iter().any(|line| line.contains("Add: ")));

    logged.scene.call("DEL", &conf).good();
    let packed = format!("{old}.gz");
    assert_eq!(names(&logged.folder), [packed.as_str(), "multus.log"]);
    assert!(unpacked(&logged, &logged.folder.join(packed)) == full);
}

#[test]
fn old_files_are_removed_and_compressed_as_the_options_say() {
    // B2.17, B9.4
    let old = [
        "multus-2001-01-01T00-00-00.000.log",
        "multus-2001-01-02T00-00-00.000.log.gz",
        "multus-2001-01-03T00-00-00.000.log",
        "multus-2001-01-04T00-00-00.000.log",
    ];
    let strangers = ["multus-old.log", "multus.log.1"];
    for (options, left) in [
        (json!(null), &[][..]),
        (json!({"maxAge": 0, "compress": false}), &old),
        (
            json!({"maxAge": 0, "maxBackups": 2, "compress": false}),
            &old[2..],
        ),
        (
            json!({"maxAge": 0, "maxBackups": 1}),
            &["multus-2001-01-04T00-00-00.000.log.gz"],
        ),
        (
            json!({"maxAge": 36_500, "maxBackups": 0, "compress": false}),
            &old,
        ),
    ] {
        let logged = Logged::new();
        fs::create_dir_all(&logged.folder).unwrap();
        for name in old.iter().chain(&strangers) {
            fs::write(logged.folder.join(name), "line\n").unwrap();
        }
        let mut conf = logged.conf("panic", &[logged.scene.network("a", json!({}))]);
        conf["logOptions"] = options.clone();
        logged.scene.call("ADD", &conf).good();
        logged.scene.call("DEL", &conf).good();
        let mut expected: Vec<&str> = left.iter().chain(&strangers).copied().collect();
        expected.sort_unstable();
        assert_eq!(names(&logged.folder), expected, "{options}");
    }
}

#[test]
fn processes_that_write_at_the_same_time_leave_whole_lines() {
    // B9.2, Q49
    let logged = Logged::new();
    let (scene, node) = (&logged.scene, &logged.scene.node);
    let conf = logged.conf(
        "debug",
        &[scene.network("a", json!({"create_link": false}))],
    );
    let sandboxes: Vec<_> = (0..8)
        .map(|number| node.sandbox(&format!("p{number}")))
        .collect();
    for verb in ["ADD", "DEL"] {
        let start = |sandbox| {
            let pod = Container::new(sandbox).of_pod("default", "pod");
            let run = pod.describe(verb, node.world.command(&node.multus));
            let run = run.env("CNI_PATH", &node.plugins).stdin(conf.to_string());
            run.spawn().expect("multus starts")
        };
        let running: Vec<_> = sandboxes.iter().map(start).collect();
        for one in running {
            assert!(one.wait().expect("multus ends").status.success());
        }
    }
    let lines = logged.lines();
    for number in 0..8 {
        for verb in ["ADD", "DEL"] {
            let own = format!("{verb} of container p{number} ");
            let count = lines.iter().filter(|line| line.contains(&own)).count();
            // Begins, its one network begins, done.
            assert_eq!(count, 3, "{own}: {lines:#?}");
        }
    }
    assert_eq!(lines.len(), 8 * 2 * 4);
}
