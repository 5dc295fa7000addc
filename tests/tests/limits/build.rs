//! The program as a file, and what is known of how it was built.

use suites::multus::program;

/// What a build may cost. Measured, and 15 % for the size, 10 % for instructions.
pub(crate) struct Bounds {
    /// Bytes on disk.
    pub(crate) size: u64,
    /// Instructions of an ADD of the default network alone.
    pub(crate) add: u64,
    /// Instructions for each further network.
    pub(crate) network: u64,
}

/// As shipped.
const RELEASE: Bounds = Bounds {
    size: 9_530_000,
    add: 1_232_000,
    network: 485_000,
};

/// As `cargo xtask test system` builds it: with assertions, without optimisation over crates.
const CI: Bounds = Bounds {
    size: 12_790_000,
    add: 1_729_000,
    network: 637_000,
};

/// The bounds of the build under test; `cargo` names its folder after the profile.
pub(crate) fn bounds() -> Bounds {
    let path = program("multus");
    let folder = path.parent().and_then(|folder| folder.file_name());
    match folder.and_then(|name| name.to_str()) {
        Some("release") => RELEASE,
        Some("debug") => panic!(
            "{}: a debug build has no bounds; `cargo xtask test system` builds what is measured",
            path.display()
        ),
        _ => CI,
    }
}

#[test]
fn the_program_is_not_larger_than_promised_s1() {
    let path = program("multus");
    let size = std::fs::metadata(&path).unwrap().len();
    let most = bounds().size;
    let text = format!("{}: {size} bytes, at most {most}", path.display());
    println!("{text}");
    assert!(size <= most, "{text}");
}
