use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use cni::exec::{Call, Exec};

use super::*;
use crate::exec::{HostExec, Limits};
use crate::testing::{eventually, script};

const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(60);

fn after(wait: Duration) -> Instant {
    Instant::now() + wait
}

fn take(dir: &Path, id: &str, wait: Duration) -> Result<ContainerLock, LockError> {
    ContainerLock::acquire(dir, id, false, after(wait), EndHolders::Never)
}

fn end_adds(dir: &Path, id: &str, limit: Duration) -> Result<ContainerLock, LockError> {
    let end = EndHolders::OfAdd {
        until: after(limit),
    };
    ContainerLock::acquire(dir, id, false, after(SHORT), end)
}

/// Another process that holds a lock as a plugin does whose delegate inherited it: flock(1) and the command under it.
struct Other {
    child: Child,
}

impl Other {
    fn holding(dir: &Path, id: &str, env: &[(&str, &str)], command: &str) -> Self {
        let lock = dir.join(format!(".lock-{id}"));
        let ready = dir.join("ready");
        #[expect(
            clippy::disallowed_methods,
            reason = "stands for a process that is not ours"
        )]
        let child = Command::new("flock")
            .arg(&lock)
            .args([
                "sh",
                "-c",
                // Two shells that start nothing more, and nothing else that still ends: what is just being started can be missed
                // by one look at who holds it.
                &format!(
                    "{command} mkfifo {fifo}; (read line < {fifo}) & : > {ready}; wait; wait",
                    fifo = ready.with_extension("fifo").display(),
                    ready = ready.display()
                ),
            ])
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        eventually("the lock of flock(1)", || ready.exists());
        fs::remove_file(ready).unwrap();
        Self { child }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = rustix::process::kill_process_group(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::KILL,
        );
        self.child.wait().unwrap();
    }
}

const ADD: [(&str, &str); 2] = [("CNI_COMMAND", "ADD"), ("CNI_CONTAINERID", "pod")];

#[test]
fn one_at_a_time_per_container_and_nothing_stays() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("multus");
    let first = take(&dir, "a", SHORT).unwrap();
    assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        fs::metadata(dir.join(".lock-a")).unwrap().mode() & 0o777,
        0o600
    );
    let _other = take(&dir, "b", SHORT).unwrap();
    let begin = Instant::now();
    let error = take(&dir, "a", SHORT).unwrap_err();
    assert!(matches!(error, LockError::Busy { .. }), "{error}");
    assert!(begin.elapsed() >= SHORT);
    drop(first);
    assert!(!dir.join(".lock-a").exists());
    take(&dir, "a", Duration::ZERO).unwrap();
}

#[test]
fn many_threads_never_hold_it_together() {
    let root = tempfile::tempdir().unwrap();
    let inside = std::sync::atomic::AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let _lock = take(root.path(), "pod", LONG).unwrap();
                    assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                    assert_eq!(inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst), 1);
                }
            });
        }
    });
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_lock_file_that_was_replaced_is_not_taken_for_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join(".lock-pod");
    let old = take(root.path(), "pod", SHORT).unwrap();
    fs::remove_file(&path).unwrap();
    let new = take(root.path(), "pod", SHORT).unwrap();
    // Must not remove the file of the other.
    drop(old);
    assert!(path.exists());
    assert!(take(root.path(), "pod", SHORT).is_err());
    drop(new);
    assert!(!path.exists());
}

#[test]
fn ids_and_files_that_lead_elsewhere_are_refused() {
    let root = tempfile::tempdir().unwrap();
    for id in ["", "../x", "a/b", "a\0"] {
        assert!(
            matches!(take(root.path(), id, SHORT), Err(LockError::BadId { .. })),
            "{id:?}"
        );
    }
    symlink("/etc/hostname", root.path().join(".lock-pod")).unwrap();
    assert!(matches!(
        take(root.path(), "pod", SHORT),
        Err(LockError::Io { .. })
    ));
    assert!(matches!(
        take(root.path(), &"x".repeat(300), SHORT),
        Err(LockError::Io { .. })
    ));
}

#[test]
fn children_inherit_it_only_where_asked() {
    let root = tempfile::tempdir().unwrap();
    let plugin = script(root.path(), "plugin", "readlink /proc/$$/fd/*");
    for inheritable in [false, true] {
        let id = format!("pod-{inheritable}");
        let _lock = ContainerLock::acquire(
            root.path(),
            &id,
            inheritable,
            after(SHORT),
            EndHolders::Never,
        )
        .unwrap();
        let call = Call {
            program: &plugin,
            env: &[],
            stdin: b"",
            deadline: Instant::now() + LONG,
        };
        let open =
            String::from_utf8(HostExec::new(Limits::default()).run(&call).unwrap().stdout).unwrap();
        assert_eq!(open.contains(&id), inheritable, "{open}");
    }
}

#[test]
fn releasing_it_releases_it_for_children_as_well() {
    let root = tempfile::tempdir().unwrap();
    let plugin = script(root.path(), "plugin", "sleep 30 >/dev/null 2>&1 & echo $!");
    let lock =
        ContainerLock::acquire(root.path(), "pod", true, after(SHORT), EndHolders::Never).unwrap();
    let call = Call {
        program: &plugin,
        env: &[],
        stdin: b"",
        deadline: Instant::now() + LONG,
    };
    let left = String::from_utf8(HostExec::default().run(&call).unwrap().stdout).unwrap();
    drop(lock);
    take(root.path(), "pod", SHORT).unwrap();
    crate::testing::sh(&format!("kill {left}"));
}

#[test]
fn delegates_of_a_killed_plugin_still_hold_it() {
    let root = tempfile::tempdir().unwrap();
    let mut other = Other::holding(root.path(), "pod", &[], "");
    other.child.kill().unwrap();
    assert!(take(root.path(), "pod", SHORT).is_err());
    drop(other);
    // Only now, and without anybody having released it.
    take(root.path(), "pod", LONG).unwrap();
}

#[test]
fn leftover_delegates_of_an_add_are_ended_when_the_wait_is_over() {
    let root = tempfile::tempdir().unwrap();
    let mut other = Other::holding(root.path(), "pod", &ADD, "");
    other.child.kill().unwrap();
    other.child.wait().unwrap();
    let lock = end_adds(root.path(), "pod", LONG).unwrap();
    // Both shells.
    assert_eq!(lock.ended().len(), 2, "{:?}", lock.ended());
}

#[test]
fn what_does_not_heed_sigterm_is_killed() {
    let root = tempfile::tempdir().unwrap();
    let _other = Other::holding(root.path(), "pod", &ADD, "trap '' TERM;");
    let begin = Instant::now();
    let lock = end_adds(root.path(), "pod", LONG).unwrap();
    assert!(!lock.ended().is_empty());
    assert!(begin.elapsed() >= holders_grace());
}

fn holders_grace() -> Duration {
    Duration::from_secs(2)
}

#[test]
fn holders_that_are_no_add_of_this_container_are_let_be() {
    let root = tempfile::tempdir().unwrap();
    for env in [
        [("CNI_COMMAND", "DEL"), ("CNI_CONTAINERID", "pod")],
        [("CNI_COMMAND", "ADD"), ("CNI_CONTAINERID", "pod2")],
        [("CNI_COMMAND", "ADD"), ("CNI_CONTAINERID2", "pod")],
    ] {
        let mut other = Other::holding(root.path(), "pod", &env, "");
        let error = end_adds(root.path(), "pod", Duration::from_millis(200)).unwrap_err();
        assert!(
            matches!(error, LockError::Busy { waited, .. } if waited >= Duration::from_millis(200)),
            "{error}"
        );
        assert!(other.child.try_wait().unwrap().is_none());
    }
    // An ADD of this container that holds something else.
    let bystander = Other::holding(root.path(), "elsewhere", &ADD, "");
    let _lock = take(root.path(), "pod", LONG).unwrap();
    assert!(end_adds(root.path(), "pod", Duration::from_millis(200)).is_err());
    drop(bystander);
}

#[test]
fn delegates_of_a_killed_del_are_ended_as_well() {
    let root = tempfile::tempdir().unwrap();
    let env = [("CNI_COMMAND", "DEL"), ("CNI_CONTAINERID", "pod")];
    let mut other = Other::holding(root.path(), "pod", &env, "");
    assert!(end_adds(root.path(), "pod", Duration::from_millis(200)).is_err());
    // flock(1) alone, which took the lock.
    other.child.kill().unwrap();
    other.child.wait().unwrap();
    let lock = end_adds(root.path(), "pod", LONG).unwrap();
    assert_eq!(lock.ended().len(), 2, "{:?}", lock.ended());
}

#[test]
fn a_del_that_ends_by_itself_is_waited_for_beyond_the_first_wait() {
    let root = tempfile::tempdir().unwrap();
    let lock = take(root.path(), "pod", SHORT).unwrap();
    thread::scope(|scope| {
        scope.spawn(move || {
            thread::sleep(Duration::from_millis(300));
            drop(lock);
        });
        let lock = end_adds(root.path(), "pod", LONG).unwrap();
        assert!(lock.ended().is_empty());
    });
}

#[test]
fn node_lock_is_shared_or_exclusive() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("multus");
    let one = NodeLock::shared(&dir, after(SHORT)).unwrap();
    let two = NodeLock::shared(&dir, after(SHORT)).unwrap();
    assert!(matches!(
        NodeLock::exclusive(&dir, after(SHORT)),
        Err(LockError::Busy { .. })
    ));
    drop(one);
    assert!(NodeLock::exclusive(&dir, after(SHORT)).is_err());
    drop(two);
    let all = NodeLock::exclusive(&dir, after(SHORT)).unwrap();
    assert!(NodeLock::shared(&dir, after(SHORT)).is_err());
    assert!(NodeLock::exclusive(&dir, after(SHORT)).is_err());
    drop(all);
    NodeLock::shared(&dir, after(Duration::ZERO)).unwrap();
    assert!(dir.join(".lock").exists());
}

#[test]
fn what_does_not_heed_sigterm_is_killed_also_where_there_is_no_time_to_wait_for_it() {
    let root = tempfile::tempdir().unwrap();
    let _other = Other::holding(root.path(), "pod", &ADD, "trap '' TERM;");
    // It may have it at once, or find that they are still about to end.
    drop(end_adds(root.path(), "pod", Duration::ZERO));
    take(root.path(), "pod", LONG).unwrap();
}

#[test]
fn of_those_who_work_in_a_directory_the_last_one_is_alone() {
    let directory = tempfile::tempdir().unwrap();
    let come = || Presence::beside_others(directory.path(), after(SHORT));
    let (first, second) = (come().unwrap(), come().unwrap());
    assert!(!first.is_alone());
    drop(first);
    assert!(second.is_alone());
    assert!(matches!(come(), Err(LockError::Busy { .. })));
    drop(second);
    assert!(come().unwrap().is_alone());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    let nowhere = directory.path().join("nowhere");
    assert!(Presence::beside_others(&nowhere, after(SHORT)).is_err());
}
