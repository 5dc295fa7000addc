use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cni::cache::CacheStore as _;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::UnshareFlags;

use super::*;
use crate::testing::{sh, unshared};

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn write_replaces_and_sets_exactly_the_mode() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("00-multus.conf");
    for (durability, mode) in [
        (Durability::None, 0o600),
        (Durability::FileAndDir, 0o666),
        (Durability::None, 0o640),
    ] {
        let text = format!("{durability:?} {mode:o}");
        write_atomic(&path, text.as_bytes(), mode, durability).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode);
    }
    assert_eq!(names(root.path()).len(), 1);
}

#[test]
fn a_reader_sees_old_or_new_bytes_never_a_part() {
    // Q27
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    let contents = [vec![b'a'; 100_000], vec![b'b'; 200_000]];
    write_atomic(&path, &contents[0], 0o600, Durability::None).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..300 {
                write_atomic(&path, &contents[round % 2], 0o600, Durability::None).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let bytes = read_bounded(&path, 1 << 20).unwrap().unwrap();
            assert!(contents.contains(&bytes), "{} bytes", bytes.len());
        }
    });
}

#[test]
fn writing_over_a_symbolic_link_replaces_the_link_not_its_target() {
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("target");
    let link = root.path().join("link");
    sh(&format!("echo precious > {}", target.display()));
    symlink(&target, &link).unwrap();
    write_atomic(&link, b"new", 0o600, Durability::None).unwrap();
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
}

#[test]
fn a_write_that_fails_says_where_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let occupied = root.path().join("occupied");
    fs::create_dir(&occupied).unwrap();
    let error = write_atomic(&occupied, b"x", 0o600, Durability::None).unwrap_err();
    assert!(error.to_string().contains("occupied"), "{error}");
    assert_eq!(names(root.path()).len(), 1);
    let missing = root.path().join("missing/file");
    assert_eq!(
        write_atomic(&missing, b"x", 0o600, Durability::None)
            .unwrap_err()
            .kind(),
        io::ErrorKind::NotFound
    );
    assert!(write_atomic(Path::new("/"), b"x", 0o600, Durability::None).is_err());
}

#[test]
fn i104_a_full_disk_is_an_error_and_leaves_the_old_file_and_no_temporary() {
    let root = tempfile::tempdir().unwrap();
    unshared(UnshareFlags::NEWNS | UnshareFlags::FS, || {
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .unwrap();
        let options = c"size=64k";
        mount(
            "tmpfs",
            root.path(),
            "tmpfs",
            MountFlags::empty(),
            Some(options),
        )
        .unwrap();
        let ledger = DirLedger::new(root.path());
        ledger.write("pod", b"old").unwrap();
        for durability in [Durability::None, Durability::FileAndDir] {
            let error = write_atomic(&root.path().join("pod"), &[0; 1 << 20], 0o600, durability)
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        }
        let error: io::Error = ledger.write("pod", &[0; 1 << 20]).unwrap_err().into();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(error.to_string().contains("pod"), "{error}");
        assert_eq!(ledger.read("pod").unwrap().unwrap(), b"old");
        assert_eq!(names(root.path()).len(), 1);
    });
}

#[test]
fn i106_what_is_not_a_regular_file_is_not_read() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    sh(&format!(
        "cd {}; echo x > file; ln -s file link; mkfifo pipe; mkdir dir",
        root.path().display()
    ));
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    assert_eq!(read_bounded(&path("file"), 10).unwrap().unwrap(), b"x\n");
    for name in ["link", "pipe", "dir", "socket"] {
        assert!(
            matches!(
                read_bounded(&path(name), 10),
                Err(FileError::NotRegular { .. })
            ),
            "{name}"
        );
    }
    assert!(read_bounded(&path("none"), 10).unwrap().is_none());
    assert!(read_bounded(&path("none/none"), 10).unwrap().is_none());
    assert!(read_bounded(&path("file/none"), 10).is_err());
}

#[test]
fn reading_is_bounded() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("file");
    write_atomic(&path, b"12345", 0o600, Durability::None).unwrap();
    assert_eq!(read_bounded(&path, 5).unwrap().unwrap(), b"12345");
    assert!(matches!(
        read_bounded(&path, 4),
        Err(FileError::TooLarge { max: 4, .. })
    ));
    // Sizes that lie: files of /proc say 0, sparse ones say much.
    assert!(
        read_bounded(Path::new("/proc/self/status"), 1 << 20)
            .unwrap()
            .unwrap()
            .len()
            > 100
    );
    sh(&format!("truncate -s 1T {}", path.display()));
    assert!(matches!(
        read_bounded(&path, 1000),
        Err(FileError::TooLarge { .. })
    ));
}

#[test]
fn cache_keeps_results_for_us_alone() {
    let root = tempfile::tempdir().unwrap();
    let cache = DirCache::below(&root.path().join("deep/multus"));
    assert_eq!(cache.list().unwrap(), Vec::<String>::new());
    assert_eq!(cache.read("net-id-eth0").unwrap(), None);
    cache.remove("net-id-eth0").unwrap();
    assert!(!cache.path().exists());

    cache.write("net-id-eth1", b"1").unwrap();
    cache.write("net-id-eth0", b"0").unwrap();
    for (path, mode) in [("", 0o700), ("..", 0o700), ("net-id-eth0", 0o600)] {
        assert_eq!(
            fs::metadata(cache.path().join(path)).unwrap().mode() & 0o777,
            mode,
            "{path}"
        );
    }
    fs::create_dir(cache.path().join("directory")).unwrap();
    sh(&format!("touch {}/.tmp-1-1", cache.path().display()));
    assert_eq!(cache.list().unwrap(), ["net-id-eth0", "net-id-eth1"]);
    assert_eq!(cache.read("net-id-eth0").unwrap().unwrap(), b"0");
    cache.remove("net-id-eth0").unwrap();
    cache.remove("net-id-eth0").unwrap();
    assert_eq!(cache.list().unwrap(), ["net-id-eth1"]);
    assert_eq!(remove_temporaries(cache.path()).unwrap(), 1);
    assert_eq!(remove_temporaries(cache.path()).unwrap(), 0);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let cache = DirCache::below(root.path());
    let ledger = DirLedger::new(root.path());
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/etc/passwd",
        ".lock",
        "a\0b",
        &"x".repeat(256),
    ] {
        for error in [
            cache.write(name, b"").unwrap_err(),
            cache.read(name).unwrap_err(),
            cache.remove(name).unwrap_err(),
            ledger.write(name, b"").unwrap_err().into(),
            ledger.read(name).unwrap_err().into(),
            ledger.remove(name).unwrap_err().into(),
        ] {
            assert_eq!(error.kind(), io::ErrorKind::InvalidFilename, "{name:?}");
        }
    }
    assert_eq!(names(root.path()).len(), 0);
}

#[test]
fn ledger_is_there_at_once_and_on_disk_after_waiting() {
    let root = tempfile::tempdir().unwrap();
    let ledger = DirLedger::new(&root.path().join("multus"));
    assert_eq!(ledger.list().unwrap(), Vec::<String>::new());
    let pending = ledger
        .write("b2", b"[]")
        .unwrap()
        .sync_in_background()
        .unwrap();
    assert_eq!(ledger.read("b2").unwrap().unwrap(), b"[]");
    pending.wait().unwrap();
    ledger.write("a1", b"[{}]").unwrap().sync().unwrap();
    assert_eq!(fs::metadata(ledger.path()).unwrap().mode() & 0o777, 0o700);
    assert_eq!(
        fs::metadata(ledger.path().join("a1")).unwrap().mode() & 0o777,
        0o600
    );
    DirCache::below(ledger.path()).write("x", b"").unwrap();
    sh(&format!("touch {}/.lock-a1", ledger.path().display()));
    assert_eq!(ledger.list().unwrap(), ["a1", "b2"]);
    ledger.remove("a1").unwrap();
    ledger.remove("a1").unwrap();
    assert_eq!(ledger.read("a1").unwrap(), None);
}

#[test]
fn i106_a_ledger_that_is_a_link_or_somebody_elses_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let ledger = DirLedger::new(root.path());
    symlink("/etc/hostname", root.path().join("linked")).unwrap();
    assert!(matches!(
        ledger.read("linked"),
        Err(FileError::NotRegular { .. })
    ));
    assert_eq!(ledger.list().unwrap(), Vec::<String>::new());
    ledger.write("foreign", b"[]").unwrap();
    chown(root.path().join("foreign"), Some(1), None).unwrap_or_else(|error| {
        panic!("chown: {error}: this test needs CAP_CHOWN: run it as root");
    });
    assert!(matches!(
        ledger.read("foreign"),
        Err(FileError::ForeignOwner { owner: 1, .. })
    ));
    let path = root.path().join("foreign");
    assert!(matches!(
        read_trusted(&path, 10),
        Err(FileError::ForeignOwner { owner: 1, .. })
    ));
    assert_eq!(read_bounded(&path, 10).unwrap().unwrap(), b"[]");
    ledger.write("foreign", b"[1]").unwrap();
    assert_eq!(ledger.read("foreign").unwrap().unwrap(), b"[1]");
    assert_eq!(read_trusted(&path, 10).unwrap().unwrap(), b"[1]");
}

#[test]
fn listing_has_the_configurations_and_tells_what_it_could_not_read() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("net.d");
    assert!(config_dir_listing(&dir).unwrap().files.is_empty());
    fs::create_dir(&dir).unwrap();
    sh(&format!(
        "cd {}; echo a > b.conflist; echo b > a.conf; echo c > c.json; echo d > d.txt; echo e > .e.conf; mkdir f.conf;
         ln -s ../real.conf g.conf; echo g > ../real.conf; ln -s nowhere h.conf; mkfifo i.json; truncate -s 2M j.conf",
        dir.display()
    ));
    let listing = config_dir_listing(&dir).unwrap();
    let names: Vec<_> = listing
        .files
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        names,
        [".e.conf", "a.conf", "b.conflist", "c.json", "g.conf"]
    );
    assert_eq!(listing.files[4].1, b"g\n");
    let unreadable: Vec<_> = listing
        .unreadable
        .iter()
        .map(FileError::to_string)
        .collect();
    assert_eq!(unreadable.len(), 3, "{unreadable:?}");
    assert!(
        unreadable[0].contains("f.conf")
            && unreadable[1].contains("i.json")
            && unreadable[2].contains("j.conf")
    );
    assert!(config_dir_listing(&dir.join("a.conf")).is_err());
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_a_killed_writer_leaves_gives_way_to_the_next_write_and_goes_with_the_file() {
    let root = tempfile::tempdir().unwrap();
    let (ledger, cache) = (DirLedger::new(root.path()), DirCache::below(root.path()));
    let long = format!("n-{}", "x".repeat(253));
    cache.write("other", b"").unwrap();
    let leave = || {
        sh(&format!(
            "cd {}; echo half > .tmp-pod; ln -s /etc/hostname results/.tmp-{}; echo half > results/.tmp-n-pod-eth0",
            root.path().display(),
            &long[5..]
        ));
    };
    leave();
    ledger.write("pod", b"[]").unwrap();
    for name in ["n-pod-eth0", &long] {
        cache.write(name, b"1").unwrap();
        assert_eq!(cache.read(name).unwrap().unwrap(), b"1");
    }
    assert_eq!(ledger.read("pod").unwrap().unwrap(), b"[]");
    assert_eq!(names(root.path()).len(), 2);
    assert_eq!(names(cache.path()).len(), 3);
    leave();
    ledger.remove("pod").unwrap();
    cache.remove("n-pod-eth0").unwrap();
    cache.remove(&long).unwrap();
    assert_eq!(names(root.path()).len(), 1);
    assert_eq!(names(cache.path()).len(), 1);
}

#[test]
fn nothing_is_written_that_is_too_large_to_be_read_back() {
    let root = tempfile::tempdir().unwrap();
    let (ledger, cache) = (DirLedger::new(root.path()), DirCache::below(root.path()));
    let mut bytes = vec![b' '; 16 << 20];
    ledger.write("pod", &bytes).unwrap();
    cache.write("n-pod-eth0", &bytes).unwrap();
    assert!(ledger.read("pod").unwrap().is_some());
    assert!(cache.read("n-pod-eth0").unwrap().is_some());
    bytes.push(b' ');
    for error in [
        io::Error::from(ledger.write("pod", &bytes).unwrap_err()),
        cache.write("n-pod-eth0", &bytes).unwrap_err(),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        assert!(error.to_string().contains("pod"), "{error}");
    }
}

#[test]
fn want_of_descriptors_says_nothing_of_a_file_and_a_directory_in_its_place_does() {
    let error = |errno| FileError::io("open", Path::new("/f"), errno);
    for errno in [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::IO] {
        assert!(error(errno).may_pass(), "{errno}");
    }
    for errno in [Errno::ACCESS, Errno::NOTDIR, Errno::ISDIR, Errno::NOSPC] {
        assert!(!error(errno).may_pass(), "{errno}");
    }
    let directory = FileError::NotRegular { path: "/d".into() };
    assert!(!directory.may_pass());
}

#[test]
fn a_disks_fault_makes_no_candidate_of_a_file_that_may_be_the_primarys() {
    // The kernel reads nothing at the beginning of a process's memory: EIO.
    let root = tempfile::tempdir().unwrap();
    let put = |name: &str| symlink("/proc/self/mem", root.path().join(name)).unwrap();
    put("00-multus.conf");
    sh(&format!(
        "truncate -s 2M {}/10-a.conf",
        root.path().display()
    ));
    let found = primary_candidates(root.path(), None).unwrap();
    let found: Vec<_> = found.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    put("20-b.conf");
    put("c");
    let master = |name| primary_candidates(root.path(), name);
    for name in [None, Some("20-b.conf"), Some("c")] {
        let error = master(name.map(Path::new)).unwrap_err();
        assert!(error.may_pass(), "{error}");
    }
    assert!(master(Some(Path::new("10-a.conf"))).is_ok());
}
