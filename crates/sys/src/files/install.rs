//! Programs that others run, put where they run them (row 3 of what users report: "text file busy").

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::directory::{self, Directory, Temporary};
use super::{FileError, read_following};

/// No program of ours comes near it.
const LARGEST: u64 = 256 << 20;
/// How long another installer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What [`install`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// The file is there now.
    Written,
    /// It was there already, byte for byte and with the same mode.
    Identical,
}

/// Copies a program, with its mode. Whoever starts it meanwhile gets the old one or the new one, and the old one may run on.
/// After a power cut one of the two is there. What a killed installer left goes.
///
/// # Errors
/// [`FileError`]; then what was there is there still.
pub fn install(source: &Path, destination: &Path) -> Result<Installed, FileError> {
    let bytes = read_following(source, LARGEST)?
        .ok_or_else(|| FileError::io("open", source, Errno::NOENT))?;
    let mode = fs::metadata(source)
        .map_err(|error| FileError::io("read", source, error))?
        .permissions()
        .mode()
        & 0o777;
    let (above, name) = directory::split(destination)?;
    let directory = Directory::open(above)?;
    // Installers share the temporary file.
    directory.lock_until(Instant::now() + PATIENCE)?;
    let has_mode = fs::symlink_metadata(destination)
        .is_ok_and(|about| about.permissions().mode() & 0o7777 == mode);
    let installed = if has_mode && directory.holds(name, &bytes) {
        // The disk may be read-only.
        let _best_effort = directory.remove(&directory::temporary_name(name));
        Installed::Identical
    } else {
        directory.replace(name, &bytes, mode, true, Temporary::OfFile)?;
        Installed::Written
    };
    directory.sync()?;
    Ok(installed)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::MetadataExt as _;
    use std::thread;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::thread::UnshareFlags;

    use super::*;
    use crate::files::{Durability, write_atomic};
    use crate::testing::{again_under, is_again, sh, unshared};

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn source(&self, bytes: &[u8]) -> std::path::PathBuf {
            let path = self.0.path().join("source");
            write_atomic(&path, bytes, 0o755, Durability::None).unwrap();
            path
        }

        fn destination(&self) -> std::path::PathBuf {
            let bin = self.0.path().join("bin");
            fs::create_dir_all(&bin).unwrap();
            bin.join("multus-shim")
        }
    }

    /// What is told of the files beside this one while the work is done.
    fn happened(path: &Path, told: WatchFlags, work: impl FnOnce()) -> Vec<ReadFlags> {
        let watcher = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let onlydir = WatchFlags::ONLYDIR;
        inotify::add_watch(&watcher, path.parent().unwrap(), told | onlydir).unwrap();
        work();
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watcher, &mut buffer);
        std::iter::from_fn(|| Some(events.next().ok()?.events())).collect()
    }

    #[test]
    fn what_is_there_is_replaced_whoever_has_it_open() {
        // B1.93, T6.2, row 3
        let place = Place::new();
        let to = place.destination();
        write_atomic(&to, b"old", 0o700, Durability::None).unwrap();
        let mut running = fs::File::open(&to).unwrap();
        assert_eq!(
            install(&place.source(b"new"), &to).unwrap(),
            Installed::Written
        );
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert_eq!(fs::metadata(&to).unwrap().mode() & 0o7777, 0o755);
        let mut old = String::new();
        running.read_to_string(&mut old).unwrap();
        assert_eq!(old, "old");
    }

    #[test]
    fn a_program_has_its_name_only_when_nobody_can_write_to_it_any_longer() {
        // Row 3: the system executes no program that is open for writing, however short the time is.
        if !is_again() {
            let test = "files::install::tests::a_program_has_its_name_only_when_nobody_can_write_to_it_any_longer";
            return again_under("", test);
        }
        let place = Place::new();
        let (from, to) = (place.source(b"new"), place.destination());
        let told = happened(&to, WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO, || {
            install(&from, &to).unwrap();
        });
        assert_eq!(told, [ReadFlags::CLOSE_WRITE, ReadFlags::MOVED_TO]);
    }

    #[test]
    fn a_program_of_another_size_is_not_read() {
        // Upstream's are five times as large as all that an installer may keep in memory beside ours.
        let place = Place::new();
        let (from, to) = (place.source(b"new"), place.destination());
        for (there, is_read) in [(&b"another program"[..], false), (b"old", true)] {
            write_atomic(&to, there, 0o755, Durability::None).unwrap();
            let told = happened(&to, WatchFlags::ACCESS, || {
                assert_eq!(install(&from, &to).unwrap(), Installed::Written);
            });
            assert_eq!(!told.is_empty(), is_read);
        }
    }

    #[test]
    fn a_program_is_another_one_where_its_last_byte_is() {
        let place = Place::new();
        let to = place.destination();
        let mut program = vec![7; 3 << 16];
        for last in [8, 9] {
            *program.last_mut().unwrap() = last;
            let from = place.source(&program);
            assert_eq!(install(&from, &to).unwrap(), Installed::Written);
            assert_eq!(install(&from, &to).unwrap(), Installed::Identical);
            assert_eq!(fs::read(&to).unwrap(), program);
        }
    }

    #[test]
    fn the_same_file_is_left_alone_unless_its_mode_is_another() {
        let place = Place::new();
        let (from, to) = (place.source(b"program"), place.destination());
        install(&from, &to).unwrap();
        let inode = fs::metadata(&to).unwrap().ino();
        assert_eq!(install(&from, &to).unwrap(), Installed::Identical);
        assert_eq!(fs::metadata(&to).unwrap().ino(), inode);
        fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(install(&from, &to).unwrap(), Installed::Written);
        assert_eq!(fs::metadata(&to).unwrap().mode() & 0o7777, 0o755);
    }

    #[test]
    fn on_a_read_only_disk_the_same_file_is_as_good() {
        let place = Place::new();
        let (from, to) = (place.source(b"program"), place.destination());
        install(&from, &to).unwrap();
        let bin = to.parent().unwrap().display();
        unshared(UnshareFlags::NEWNS, || {
            sh(&format!(
                "mount --make-rprivate / && mount --bind {bin} {bin} && mount -o remount,ro,bind {bin}"
            ));
            assert_eq!(install(&from, &to).unwrap(), Installed::Identical);
            let failure = install(&place.source(b"another"), &to).unwrap_err();
            assert!(failure.to_string().contains("Read-only"), "{failure}");
        });
    }

    #[test]
    fn what_a_killed_installer_left_goes_and_a_failure_leaves_nothing() {
        // Q36
        let place = Place::new();
        let (from, to) = (place.source(b"program"), place.destination());
        let bin = to.parent().unwrap();
        for expected in [Installed::Written, Installed::Identical] {
            write_atomic(
                &bin.join(".tmp-multus-shim"),
                b"half",
                0o600,
                Durability::None,
            )
            .unwrap();
            assert_eq!(install(&from, &to).unwrap(), expected);
            assert_eq!(fs::read_dir(bin).unwrap().count(), 1);
        }
        fs::create_dir(bin.join("directory")).unwrap();
        install(&from, &bin.join("directory")).unwrap_err();
        install(&bin.join("missing"), &to).unwrap_err();
        install(&from, &bin.join("missing/multus-shim")).unwrap_err();
        assert_eq!(fs::read_dir(bin).unwrap().count(), 2);
    }

    #[test]
    fn installers_at_once_leave_one_whole_program() {
        let place = Place::new();
        let to = place.destination();
        let sources = [b'a', b'b'].map(|letter| {
            let path = place.0.path().join(format!("source-{letter}"));
            write_atomic(&path, &vec![letter; 1 << 20], 0o755, Durability::None).unwrap();
            path
        });
        thread::scope(|scope| {
            for source in sources.iter().cycle().take(16) {
                scope.spawn(|| install(source, &to).unwrap());
            }
        });
        let bytes = fs::read(&to).unwrap();
        assert_eq!(bytes.len(), 1 << 20);
        assert!(bytes.iter().all(|byte| *byte == bytes[0]));
    }
}
