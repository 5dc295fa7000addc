//! The program as a file, and what is known of how it was built.

use suites::multus::program;

/// What a build may cost. Measured, and 15 % for the size, 10 % for instructions.
pub(crate) struct Bounds {
    /// Bytes on disk.
    pub(crate) size: u64,
    /// Bytes on disk of `multus-shim`.
    pub(crate) shim: u64,
    /// Bytes on disk of `multus-daemon`.
    pub(crate) daemon: u64,
    /// The most that `multus-shim` has resident: the C library counts, where that is a file of its own.
    pub(crate) shim_memory: u64,
    /// Instructions of an ADD of the default network alone.
    pub(crate) add: u64,
    /// Instructions for each further network.
    pub(crate) network: u64,
}

/// As `cargo xtask dist` builds it.
const SHIPPED: Bounds = Bounds {
    size: 9_530_000,
    shim: 2_000_000,
    daemon: 10_960_000,
    shim_memory: 4 << 20,
    add: 401_000,
    network: 233_000,
};

/// As `cargo xtask test system` builds it: with assertions, without optimisation over crates.
const CI: Bounds = Bounds {
    size: 12_790_000,
    shim: 3_030_000,
    daemon: 15_160_000,
    shim_memory: 5 << 20,
    add: 1_478_000,
    network: 397_000,
};

/// The bounds of the build under test; `cargo` names its folder after the profile.
pub(crate) fn bounds() -> Bounds {
    let path = program("multus");
    let folder = path.parent().and_then(|folder| folder.file_name());
    match folder.and_then(|name| name.to_str()) {
        Some("dist") => SHIPPED,
        Some("debug" | "release") => panic!(
            "{}: this build has no bounds; `cargo xtask test system` builds what is measured, and so does `cargo xtask dist`",
            path.display()
        ),
        _ => CI,
    }
}

/// Compares a program's size.
#[track_caller]
pub(crate) fn is_at_most(name: &str, most: u64) {
    let path = program(name);
    let size = std::fs::metadata(&path).unwrap().len();
    let text = format!("{}: {size} bytes, at most {most}", path.display());
    println!("{text}");
    assert!(size <= most, "{text}");
}

#[test]
fn the_program_is_not_larger_than_promised_s1() {
    is_at_most("multus", bounds().size);
}
