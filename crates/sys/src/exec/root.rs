//! Another root directory for children.

use std::io;
use std::path::Path;
use std::thread::{self, Builder};

use rustix::process::{chdir, chroot};
use rustix::thread::UnshareFlags;

/// Runs `work`, which starts a child, on a thread that is made for it and ends with it, and whose root and working directory
/// are `root`: the child has them too. No other thread's root changes, and children are still made without a fork.
///
/// # Errors
/// No such directory, no right to do it, no thread; `work` has not run then.
pub(super) fn in_root<T: Send>(root: &Path, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let run = || enter(root).map(|()| work());
    thread::scope(|scope| {
        let thread = Builder::new()
            .name("root".to_owned())
            .spawn_scoped(scope, run)?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// For the calling thread alone.
fn enter(root: &Path) -> io::Result<()> {
    #[expect(deprecated, reason = "the replacement is unsafe because of FILES")]
    let alone = rustix::thread::unshare(UnshareFlags::FS);
    let entered = alone.and_then(|()| chroot(root)).and_then(|()| chdir("/"));
    entered.map_err(|error| {
        let error = io::Error::from(error);
        let text = format!("change root to {}: {error}", root.display());
        io::Error::new(error.kind(), text)
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use cni::exec::{Call, Exec as _, Output, SpawnError, Status};

    use super::super::HostExec;
    use super::*;

    fn run(root: &Path, program: &str) -> Result<Output, SpawnError> {
        HostExec::default().in_root(root.to_owned()).run(&Call {
            program: Path::new(program),
            env: &[],
            stdin: b"",
            deadline: Instant::now() + Duration::from_secs(60),
        })
    }

    #[test]
    fn a_program_is_started_in_its_root_and_nobody_else_is() {
        // B6.60, Q87, T5.6
        let usr = Path::new("/usr");
        let inside = run(usr, "/bin/pwd").unwrap();
        assert_eq!(inside.status, Status::Exited(0));
        assert_eq!(inside.stdout, b"/\n");
        assert!(Path::new("/usr/bin").is_dir());
        let empty = tempfile::tempdir().unwrap();
        let error = run(empty.path(), "/bin/true").unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_root_that_is_none_is_named() {
        let error = run(Path::new("/nowhere"), "/bin/true").unwrap_err();
        let text = error.source.to_string();
        assert!(text.starts_with("change root to /nowhere: "), "{text}");
        assert!(!error.started);
    }
}
