//! What has to be known of the machine to read a time.

use std::path::Path;

use rustix::fs::statfs;

/// The processor, the kernel, how many run at once.
pub(super) fn machine() -> String {
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {count} at once, Linux {}", kernel.trim())
}

/// The load of the last minute: what else ran.
pub(super) fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The name of a file system's kind.
pub(super) fn file_system(path: &Path) -> String {
    let kind = statfs(path).map(|found| found.f_type).unwrap_or_default();
    let known: [(i64, &str); 6] = [
        (0xef53, "ext4"),
        (0x5846_5342, "xfs"),
        (0x9123_683e, "btrfs"),
        (0x0102_1994, "tmpfs"),
        (0x794c_7630, "overlayfs"),
        (0x2fc1_2fc1, "zfs"),
    ];
    let found = known.iter().find(|(number, _)| *number == kind);
    found.map_or_else(|| format!("{kind:#x}"), |(_, name)| (*name).to_owned())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
