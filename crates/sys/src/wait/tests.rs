use std::fs::{self, File};
use std::mem::MaybeUninit;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::inotify;
use tempfile::TempDir;

use super::{Watcher, wait_for_file};
use crate::lock::Turn;

/// How a file may come into being: what is there before, the path that is waited for, the steps.
struct Case {
    name: &'static str,
    before: fn(&Path),
    path: &'static str,
    /// Each of them is told to whoever waits; after the last one the file is there.
    steps: &'static [fn(&Path)],
}

fn nothing(_: &Path) {}

fn make(path: PathBuf) {
    File::create(path).unwrap();
}

const CASES: &[Case] = &[
    Case {
        name: "a file appears",
        before: nothing,
        path: "ready",
        steps: &[|at| make(at.join("ready"))],
    },
    Case {
        name: "a file is moved into place",
        before: |at| make(at.join("other")),
        path: "ready",
        steps: &[|at| fs::rename(at.join("other"), at.join("ready")).unwrap()],
    },
    Case {
        name: "directories appear, one after the other",
        before: nothing,
        path: "a/b/ready",
        steps: &[
            |at| fs::create_dir(at.join("a")).unwrap(),
            |at| fs::create_dir(at.join("a/b")).unwrap(),
            |at| make(at.join("a/b/ready")),
        ],
    },
    Case {
        name: "a directory is moved into place with the file in it",
        before: |at| {
            fs::create_dir(at.join("new")).unwrap();
            make(at.join("new/ready"));
        },
        path: "a/ready",
        steps: &[|at| fs::rename(at.join("new"), at.join("a")).unwrap()],
    },
    Case {
        name: "a directory is replaced",
        before: |at| fs::create_dir(at.join("a")).unwrap(),
        path: "a/ready",
        steps: &[
            |at| {
                fs::rename(at.join("a"), at.join("old")).unwrap();
                fs::create_dir(at.join("a")).unwrap();
            },
            |at| make(at.join("a/ready")),
        ],
    },
    Case {
        name: "a directory above is replaced",
        before: |at| fs::create_dir_all(at.join("a/b/c")).unwrap(),
        path: "a/b/c/ready",
        steps: &[
            |at| {
                fs::rename(at.join("a"), at.join("old")).unwrap();
                fs::create_dir_all(at.join("a/b/c")).unwrap();
            },
            |at| make(at.join("a/b/c/ready")),
        ],
    },
    Case {
        name: "the target of a link appears",
        before: |at| {
            fs::create_dir(at.join("links")).unwrap();
            fs::create_dir(at.join("real")).unwrap();
            symlink("../real/file", at.join("links/ready")).unwrap();
        },
        path: "links/ready",
        steps: &[|at| make(at.join("real/file"))],
    },
    Case {
        name: "the directory that a link leads to appears",
        before: |at| symlink(at.join("real/deep"), at.join("link")).unwrap(),
        path: "link/ready",
        steps: &[
            |at| fs::create_dir_all(at.join("real/deep")).unwrap(),
            |at| make(at.join("real/deep/ready")),
        ],
    },
    Case {
        name: "a link is turned to another target",
        before: |at| {
            make(at.join("there"));
            symlink("nowhere", at.join("ready")).unwrap();
        },
        path: "ready",
        steps: &[|at| {
            symlink("there", at.join("new")).unwrap();
            fs::rename(at.join("new"), at.join("ready")).unwrap();
        }],
    },
    Case {
        name: "a link leads in a circle and is replaced",
        before: |at| symlink("ready", at.join("ready")).unwrap(),
        path: "ready",
        steps: &[|at| {
            make(at.join("new"));
            fs::rename(at.join("new"), at.join("ready")).unwrap();
        }],
    },
    Case {
        name: "the path leads back and forth",
        before: |at| fs::create_dir_all(at.join("a/b")).unwrap(),
        path: "a/b/.././../a/ready",
        steps: &[|at| make(at.join("a/ready"))],
    },
];

/// Whether a change of the test's own was told; other programs use the directories above as well.
fn was_told(watcher: &Watcher) -> bool {
    let ours = [
        "a", "b", "c", "deep", "file", "link", "old", "ready", "real", "there",
    ];
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut events = inotify::Reader::new(&watcher.0, &mut buffer);
    let mut told = false;
    while let Ok(event) = events.next() {
        told |= event
            .file_name()
            .and_then(|name| name.to_str().ok())
            .is_some_and(|name| ours.contains(&name));
    }
    told
}

#[test]
fn whoever_watches_is_told_of_every_step_that_brings_the_file() {
    // B4.4, B4.23
    for case in CASES {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join(case.path);
        (case.before)(directory.path());
        for (number, step) in case.steps.iter().enumerate() {
            assert!(!super::is_there(&path), "{}: step {number}", case.name);
            let watcher = Watcher::new().unwrap();
            assert!(watcher.watch(&path), "{}", case.name);
            step(directory.path());
            assert!(was_told(&watcher), "{}: step {number}", case.name);
        }
        assert!(super::is_there(&path), "{}", case.name);
    }
}

#[test]
fn waiting_ends_with_the_file_whether_one_is_told_or_looks() {
    for case in CASES {
        let directory = TempDir::new().unwrap();
        let (at, path) = (directory.path(), directory.path().join(case.path));
        (case.before)(at);
        let deadline = Instant::now() + Duration::from_secs(60);
        thread::scope(|scope| {
            // Only one of two gets the turn.
            let waits = || wait_for_file(&path, deadline, &at.join(".turn"));
            let waiting = [scope.spawn(waits), scope.spawn(waits)];
            case.steps.iter().for_each(|step| step(at));
            for one in waiting {
                assert!(one.join().unwrap(), "{}", case.name);
            }
        });
        assert!(Instant::now() < deadline, "{}", case.name);
    }
}

#[test]
fn a_file_that_is_there_is_not_waited_for() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ready");
    make(path.clone());
    let turn = directory.path().join(".turn");
    assert!(wait_for_file(&path, Instant::now(), &turn));
    assert!(wait_for_file(directory.path(), Instant::now(), &turn));
    assert!(!turn.exists());
}

#[test]
fn waiting_ends_at_the_deadline() {
    let directory = TempDir::new().unwrap();
    let turn = directory.path().join(".turn");
    let mut other = Turn::take(&turn);
    for _has_turn in [false, true] {
        for path in ["ready", "a/ready", "file/ready"] {
            make(directory.path().join("file"));
            let deadline = Instant::now() + Duration::from_millis(30);
            assert!(!wait_for_file(
                &directory.path().join(path),
                deadline,
                &turn
            ));
            assert!(Instant::now() >= deadline);
        }
        drop(other.take());
    }
    assert!(!turn.exists());
}

#[test]
fn a_place_where_no_lock_can_be_made_does_not_end_the_waiting() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ready");
    let turn = Path::new("/proc/no/such/.turn");
    let deadline = Instant::now() + Duration::from_secs(60);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_for_file(&path, deadline, turn));
        make(path.clone());
        assert!(waiting.join().unwrap());
    });
}
