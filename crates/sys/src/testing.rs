//! Shared by the tests of this crate.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::UnshareFlags;

/// Writes a shell script that may be executed.
pub(crate) fn script(directory: &Path, name: &str, body: &str) -> PathBuf {
    let path = directory.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(&path)
        .unwrap();
    file.write_all(format!("#!/bin/sh\n{body}\n").as_bytes())
        .unwrap();
    path
}

/// Runs `work` on a thread with namespaces of its own, network or mount.
pub(crate) fn unshared<T: Send>(flags: UnshareFlags, work: impl FnOnce() -> T + Send) -> T {
    assert!(
        flags
            .difference(UnshareFlags::NEWNET | UnshareFlags::NEWNS | UnshareFlags::FS)
            .is_empty()
    );
    let run = move || {
        #[expect(deprecated, reason = "the replacement is unsafe because of FILES, which is refused above")]
        rustix::thread::unshare(flags).unwrap_or_else(|error| {
            panic!("new namespaces: {error}: this test needs CAP_SYS_ADMIN: run it as root or under unshare -Urnm")
        });
        work()
    };
    thread::scope(|scope| {
        thread::Builder::new()
            .spawn_scoped(scope, run)
            .unwrap()
            .join()
    })
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// A command line of the system, for setting the scene.
pub(crate) fn sh(line: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "sets the scene, not under test")]
    let output = std::process::Command::new("/bin/sh")
        .args(["-ec", line])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "`{line}`: {}: {text} (iproute2 installed? root?)",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a test once more, in a process of its own that `prefix` has prepared: what other tests do at the same time, and what their
/// children have from this process until they execute their programs, would show in it.
pub(crate) fn again_under(prefix: &str, test: &str) {
    let program = std::env::current_exe().unwrap();
    sh(&format!(
        "SYS_TEST_AGAIN=1 {prefix} {} --exact {test} --test-threads=1 >&2",
        program.display()
    ));
}

/// Whether this is the process of its own.
pub(crate) fn is_again() -> bool {
    crate::environment::get("SYS_TEST_AGAIN").is_some()
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < end, "never came: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether a process is there and not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with(['Z', 'X'])
    })
}
