//! `install_multus`: puts the plugin where the runtime looks for plugins (B1.90–B1.93).

use std::path::Path;
use std::process::ExitCode;

use sys::files::{FileError, Installed, install};

use crate::flags::{Flag, Flags, Values};

/// Where the image has its programs (B1.92).
const PROGRAMS: &str = "/usr/src/multus-cni/bin";

pub(crate) const FLAGS: Flags = &[
    Flag::text("type", "", "which plugin: thick or thin").or('t'),
    Flag::text(
        "dest-dir",
        "/host/opt/cni/bin",
        "directory of the node's CNI plugins",
    )
    .or('d'),
];

pub(crate) fn run(flags: &Values) -> ExitCode {
    let plugin = match flags.text("type") {
        "thick" => "multus-shim",
        "thin" => "multus",
        _ => {
            sys::complain!("--type is missing or --type has invalid value");
            return ExitCode::FAILURE;
        }
    };
    match install_both(
        plugin,
        Path::new(PROGRAMS),
        Path::new(flags.text("dest-dir")),
    ) {
        Ok(lines) => {
            lines.iter().for_each(|line| sys::say!("{line}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            sys::complain!("install_multus: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The plugin, and the one that auxiliary chains begin with (B1.120).
fn install_both(plugin: &str, from: &Path, to: &Path) -> Result<[String; 2], FileError> {
    let passthru = from.join("passthru");
    let how = |installed| match installed {
        Installed::Written => "copy succeeded!",
        Installed::Identical => "is there already",
    };
    let first = install(&from.join(plugin), &to.join(plugin))?;
    let second = install(&passthru, &to.join("passthru"))?;
    Ok([
        format!("multus {plugin} {}", how(first)),
        format!("passthru cni {} {}", passthru.display(), how(second)),
    ])
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn both_plugins_are_installed_and_a_second_time_left_alone() {
        // B1.92
        let scratch = tempfile::tempdir().unwrap();
        let (from, to) = (scratch.path().join("from"), scratch.path().join("to"));
        for directory in [&from, &to] {
            fs::create_dir(directory).unwrap();
        }
        for name in ["multus-shim", "passthru"] {
            sys::files::write_atomic(
                &from.join(name),
                name.as_bytes(),
                0o755,
                sys::files::Durability::None,
            )
            .unwrap();
        }
        let lines = install_both("multus-shim", &from, &to).unwrap();
        assert_eq!(lines[0], "multus multus-shim copy succeeded!");
        assert_eq!(fs::read(to.join("passthru")).unwrap(), b"passthru");
        let lines = install_both("multus-shim", &from, &to).unwrap();
        assert_eq!(lines[0], "multus multus-shim is there already");
        let error = install_both("multus", &from, &to).unwrap_err().to_string();
        assert!(error.contains("from/multus"), "{error}");
    }
}
