use engine::Netns as _;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};
use rustix::thread::UnshareFlags;

use super::*;
use crate::testing::{sh, unshared};

const CURRENT: &str = "/proc/thread-self/ns/net";

fn inode() -> u64 {
    fs::metadata(CURRENT).unwrap().ino()
}

/// Keeps a new network namespace by a path of its own, in a mount namespace of its own.
fn with_netns<T: Send>(work: impl FnOnce(&Path, u64) -> T + Send) -> T {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("netns");
    sh(&format!("touch {}", path.display()));
    unshared(UnshareFlags::NEWNS | UnshareFlags::FS, || {
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )
        .unwrap();
        let inode = thread::scope(|scope| {
            let bind = || {
                // A thread inherits its mounts from the one that makes it.
                unshare_net();
                mount_bind(CURRENT, &path).unwrap();
                inode()
            };
            scope.spawn(bind).join().unwrap()
        });
        let result = work(&path, inode);
        unmount(&path, UnmountFlags::DETACH).unwrap();
        result
    })
}

fn unshare_net() {
    #[expect(deprecated, reason = "the replacement is unsafe because of FILES")]
    rustix::thread::unshare(UnshareFlags::NEWNET).unwrap();
}

#[test]
fn interfaces_are_found_by_their_names_and_by_other_names_that_they_have() {
    let found = with_netns(|path, _| {
        in_netns(path, || {
            sh(
                "ip link add eth0 type veth peer name peer0 && ip link property add dev eth0 altname uplink",
            );
            existing(&["eth0", "net1", "lo", "uplink", "sixteen-letters-"]).unwrap()
        })
    });
    let mut found = found.unwrap();
    found.sort();
    assert_eq!(found, ["eth0", "lo", "uplink"]);
}

#[test]
fn work_happens_inside_and_the_caller_stays_outside() {
    with_netns(|path, inside| {
        let outside = inode();
        assert_ne!(inside, outside);
        let mut borrowed = 0;
        let result = in_netns(path, || {
            borrowed = inode();
            "value"
        });
        assert_eq!(result.unwrap(), "value");
        assert_eq!(borrowed, inside);
        assert_eq!(inode(), outside);
    });
}

#[test]
fn a_panic_inside_leaves_the_caller_outside_too() {
    with_netns(|path, _| {
        let outside = inode();
        let panicked = std::panic::catch_unwind(|| in_netns(path, || panic!("inside")));
        assert!(panicked.is_err());
        assert_eq!(inode(), outside);
    });
}

#[test]
fn whoever_could_not_come_back_goes_on_a_thread() {
    with_netns(|path, inside| {
        let outside = inode();
        let netns = open(path).unwrap();
        let work = || (inode(), thread::current().name().map(ToOwned::to_owned));
        let done = on_thread(path, &netns, work).unwrap();
        assert_eq!(done, (inside, Some("netns".to_owned())));
        assert_eq!(inode(), outside);
    });
}

#[test]
fn i119_own_namespace_is_recognised_whatever_its_path() {
    assert!(same_as_current(Path::new("/proc/self/ns/net")).unwrap());
    with_netns(|path, _| {
        assert!(!same_as_current(path).unwrap());
        assert!(in_netns(path, || same_as_current(path)).unwrap().unwrap());
        assert!(
            !in_netns(path, || same_as_current(Path::new("/proc/self/ns/net")))
                .unwrap()
                .unwrap()
        );
    });
    for nowhere in ["", "/none", "/proc/self/ns/mnt", "/etc/passwd/x"] {
        assert!(!same_as_current(Path::new(nowhere)).unwrap(), "{nowhere}");
    }
}

#[test]
fn state_tells_live_from_gone_from_something_else() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str| root.path().join(name);
    sh(&format!(
        "cd {}; touch file; mkfifo pipe; ln -s nowhere link",
        root.path().display()
    ));
    for path in [
        &file("file"),
        &file("pipe"),
        root.path(),
        Path::new("/proc/self/ns/uts"),
        Path::new("/dev/null"),
    ] {
        assert_eq!(state(path).unwrap(), NetnsState::NotANetns, "{path:?}");
    }
    for path in [
        &file("none"),
        &file("link"),
        &file("file/x"),
        Path::new(""),
        Path::new("/proc/999999999/ns/net"),
    ] {
        assert_eq!(state(path).unwrap(), NetnsState::Gone, "{path:?}");
    }
    with_netns(|path, _| {
        assert_eq!(state(path).unwrap(), NetnsState::Live);
        unmount(path, UnmountFlags::DETACH).unwrap();
        assert_eq!(state(path).unwrap(), NetnsState::NotANetns);
        mount_bind("/proc/self/ns/net", path).unwrap();
    });
}

#[test]
fn a_sandbox_that_goes_away_between_two_looks_is_seen_to_be_gone() {
    with_netns(|path, _| {
        let (netns, text) = (crate::HostNetns::new(true), path.to_str().unwrap());
        assert!(netns.is_live(text));
        assert!(netns.is_live(text));
        unmount(path, UnmountFlags::DETACH).unwrap();
        assert!(!netns.is_live(text));
        mount_bind("/proc/self/ns/uts", path).unwrap();
        assert!(!netns.is_live(text));
        unmount(path, UnmountFlags::DETACH).unwrap();
        mount_bind("/proc/self/ns/net", path).unwrap();
        assert!(netns.is_live(text));
    });
}

#[test]
fn the_namespace_of_this_process_is_no_living_sandbox_unless_it_may_be_one() {
    let own = "/proc/thread-self/ns/net";
    assert!(!crate::HostNetns::default().is_live(own));
    assert!(crate::HostNetns::new(true).is_live(own));
    with_netns(|path, _| {
        assert!(crate::HostNetns::default().is_live(path.to_str().unwrap()));
    });
}

#[test]
fn errors_name_the_path() {
    let error = in_netns(Path::new("/none/such"), || ()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("failed to open network namespace /none/such: "),
        "{error}"
    );
    let error = in_netns(Path::new("/etc/hostname"), || ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to enter /etc/hostname: not a network namespace"
    );
}
