use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{DirWatcher, Left, Pause};

#[expect(clippy::disallowed_methods, reason = "sets the scene, not under test")]
fn put(path: &Path) {
    fs::write(path, "x").unwrap();
}

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(60);

fn over(left: Option<Left>) -> Pause {
    Pause::Over { left }
}

/// Pauses until the file is told of; other programs use the directories above as well.
fn told(watcher: &DirWatcher, name: &str) -> Left {
    loop {
        match watcher.pause(LONG, name) {
            Pause::Over { left: Some(left) } => return left,
            Pause::Over { left: None } => {}
            Pause::Stopped => panic!("stopped"),
        }
    }
}

#[test]
fn a_file_that_leaves_its_name_is_told_with_where_it_went() {
    let root = TempDir::new().unwrap();
    let (at, elsewhere) = (root.path().join("net.d"), TempDir::new().unwrap());
    fs::create_dir(&at).unwrap();
    let write = || put(&at.join("00.conf"));
    let watcher = DirWatcher::new().unwrap();
    let steps: [(&dyn Fn(), Left); 3] = [
        (
            &|| fs::rename(at.join("00.conf"), at.join("00.conf.bak")).unwrap(),
            Left::RenamedTo("00.conf.bak".to_owned()),
        ),
        (
            &|| fs::remove_file(at.join("00.conf")).unwrap(),
            Left::Removed,
        ),
        (
            &|| fs::rename(at.join("00.conf"), elsewhere.path().join("x")).unwrap(),
            Left::Moved,
        ),
    ];
    for (step, expected) in steps {
        write();
        watcher.watch(&at);
        step();
        assert_eq!(told(&watcher, "00.conf"), expected);
    }
}

#[test]
fn a_directory_that_comes_later_or_is_replaced_is_followed() {
    let root = TempDir::new().unwrap();
    let at = root.path().join("a/net.d");
    let watcher = DirWatcher::new().unwrap();
    let look = |until: &dyn Fn() -> bool| {
        let deadline = Instant::now() + LONG;
        loop {
            watcher.watch(&at);
            if until() {
                break;
            }
            assert!(Instant::now() < deadline);
            assert_eq!(watcher.pause(LONG, "none"), over(None));
        }
    };
    let there = |path: &Path| path.exists();
    thread::scope(|scope| {
        watcher.watch(&at);
        scope.spawn(|| fs::create_dir_all(&at).unwrap());
        look(&|| there(&at));
        watcher.watch(&at);
        scope.spawn(|| put(&at.join("one")));
        look(&|| there(&at.join("one")));
        watcher.watch(&at);
        scope.spawn(|| {
            fs::rename(&at, root.path().join("old")).unwrap();
            fs::create_dir(&at).unwrap();
            put(&at.join("two"));
        });
        look(&|| there(&at.join("two")));
    });
}

#[test]
fn a_pause_ends_with_its_time_or_when_one_is_to_stop() {
    let watcher = DirWatcher::new().unwrap();
    assert_eq!(
        watcher.pause(Duration::from_millis(1), "x"),
        over(None),
        "nothing is followed"
    );
    let stop = watcher.stop();
    thread::scope(|scope| {
        scope.spawn(|| stop.stop());
        assert_eq!(watcher.pause(LONG, "x"), Pause::Stopped);
    });
    assert_eq!(watcher.pause(LONG, "x"), Pause::Stopped, "for good");
}
