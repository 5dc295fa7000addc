//! `cargo xtask dist`: what ships, static and stripped.
//!
//! One libc for all of it: musl, linked in. It starts fastest, needs no file beside the program (names are resolved from
//! `/etc/hosts` and `/etc/resolv.conf`, without plugins of the C library), and fits the bounds on size and memory. What ships says
//! of which commit it is.

mod stamp;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use testkit::tools;

use crate::workspace::{cargo, root, target_directory};

pub(crate) const HELP: &str =
    "  --target T    for another machine: x86_64-unknown-linux-musl or aarch64-unknown-linux-musl
                (target/dist/T instead of target/dist)
";

/// What ships: the package, its programs, and the profile that they are built with.
const SHIPPED: [(&str, &[&str], &str); 4] = [
    ("thin", &["multus"], "release"),
    ("daemon", &["multus-daemon"], "release"),
    ("node", &["multus-node"], "small"),
    ("shim", &["multus-shim", "passthru"], "small"),
];

/// A machine to build for.
struct Machine {
    /// Its name among Rust's targets.
    target: &'static str,
    /// As `uname -m` and [`std::env::consts::ARCH`] have it.
    architecture: &'static str,
    /// Its C compiler, for the assembler of `ring` and for the last link, where that is another machine's.
    compiler: &'static str,
    /// The Debian package that has it.
    package: &'static str,
}

const MACHINES: [Machine; 2] = [
    Machine {
        target: "x86_64-unknown-linux-musl",
        architecture: "x86_64",
        compiler: "x86_64-linux-gnu-gcc",
        package: "gcc-x86-64-linux-gnu",
    },
    Machine {
        target: "aarch64-unknown-linux-musl",
        architecture: "aarch64",
        compiler: "aarch64-linux-gnu-gcc",
        package: "gcc-aarch64-linux-gnu",
    },
];

/// Builds what the arguments say, and prints what came of it.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let programs = match arguments {
        [] => build(None)?,
        ["--target", target] => build(Some(target))?,
        _ => bail!("`cargo xtask dist` has these options:\n\n{HELP}"),
    };
    println!("{}:", programs.folder.display());
    for (name, size) in &programs.sizes {
        println!("  {name:<16} {:>6.2} MB", *size as f64 / 1e6);
    }
    Ok(())
}

/// What was built.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Where it is.
    pub(crate) folder: PathBuf,
    /// Names, and sizes in bytes.
    sizes: Vec<(String, u64)>,
}

/// Builds everything that ships for a target, or for this machine.
pub(crate) fn build(target: Option<&str>) -> Result<Programs> {
    let machine = Machine::find(target)?;
    machine.provide()?;
    let directory = target_directory()?;
    let folder = match target {
        Some(target) => directory.join("dist").join(target),
        None => directory.join("dist"),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let mut sizes = Vec::new();
    for (package, programs, profile) in SHIPPED {
        machine.compile(package, profile)?;
        for name in programs {
            let built = directory.join(machine.target).join(profile).join(name);
            sizes.push(((*name).to_owned(), put(&built, &folder.join(name))?));
        }
    }
    Ok(Programs { folder, sizes })
}

/// The programs that go into the image: those of the folder that `MULTUS_BIN_DIR` names, as for the suites, else what ships. They
/// have to be static.
pub(crate) fn programs() -> Result<PathBuf> {
    match std::env::var_os("MULTUS_BIN_DIR") {
        Some(folder) => std::fs::canonicalize(&folder)
            .with_context(|| format!("find MULTUS_BIN_DIR ({})", folder.to_string_lossy())),
        None => Ok(build(None)?.folder),
    }
}

impl Machine {
    fn find(target: Option<&str>) -> Result<&'static Self> {
        let wanted = |machine: &&Self| match target {
            Some(target) => machine.target == target,
            None => machine.architecture == std::env::consts::ARCH,
        };
        MACHINES.iter().find(wanted).with_context(|| {
            let known: Vec<&str> = MACHINES.iter().map(|machine| machine.target).collect();
            let asked = target.unwrap_or(std::env::consts::ARCH);
            format!(
                "nothing ships for {asked}; it does for {}",
                known.join(", ")
            )
        })
    }

    fn is_this(&self) -> bool {
        self.architecture == std::env::consts::ARCH
    }

    /// The compiler of C that is called: the machine's own, or this one's for another.
    fn compiler(&self) -> &'static str {
        if self.is_this() { "cc" } else { self.compiler }
    }

    /// Sees to it that everything is there that the build needs, or says what is missing.
    fn provide(&self) -> Result<()> {
        if !self.has_library()? {
            let words = ["target", "add", self.target];
            eprintln!("rustup {}", words.join(" "));
            let added = Command::new("rustup").args(words).status();
            if !added.is_ok_and(|status| status.success()) || !self.has_library()? {
                bail!(
                    "Rust's library for {0} is missing; install it: rustup target add {0}",
                    self.target
                );
            }
        }
        let compiler = self.compiler();
        if !crate::workspace::is_installed(compiler) {
            let package = if self.is_this() { "gcc" } else { self.package };
            tools::debian(&[package]).with_context(|| format!("{compiler} is missing"))?;
        }
        Ok(())
    }

    /// Whether Rust can build for it.
    fn has_library(&self) -> Result<bool> {
        let library = Command::new("rustc")
            .args(["--print", "target-libdir", "--target", self.target])
            .output()
            .context("start rustc")?;
        let library = String::from_utf8_lossy(&library.stdout).trim().to_owned();
        Ok(Path::new(&library).is_dir())
    }

    fn compile(&self, package: &str, profile: &str) -> Result<()> {
        let words = [
            "build",
            "--profile",
            profile,
            "--target",
            self.target,
            "-p",
            package,
        ];
        eprintln!(
            "cargo {} (the first time takes a few minutes)",
            words.join(" ")
        );
        let variable = self.target.to_uppercase().replace('-', "_");
        let underscored = self.target.replace('-', "_");
        let mut command = cargo(&words);
        command
            .env("CARGO_ENCODED_RUSTFLAGS", flags()?.join("\x1f"))
            .env(format!("CC_{underscored}"), self.compiler())
            // Some distributions' compilers call checked functions that only glibc has.
            .env(format!("CFLAGS_{underscored}"), "-U_FORTIFY_SOURCE");
        for (name, value) in stamp::of(&root()) {
            // A packager without a checkout says it by itself.
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        if !self.is_this() {
            command.env(format!("CARGO_TARGET_{variable}_LINKER"), self.compiler());
        }
        if !command.status().context("start cargo")?.success() {
            bail!("cargo's messages above say why {package} could not be built");
        }
        Ok(())
    }
}

/// Static, at a fixed address: there is nothing to relocate when the program starts. Without the paths of this machine, so
/// that the same source makes the same bytes.
fn flags() -> Result<Vec<String>> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| {
            let home = std::env::var_os("HOME")?;
            Some(PathBuf::from(home).join(".cargo"))
        });
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    Ok(vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        "-Crelocation-model=static".to_owned(),
        format!("--remap-path-prefix={}=/cargo", home.display()),
        format!("--remap-path-prefix={}=/multus-rs", root().display()),
    ])
}

/// Replaces a program, also one that runs; its size.
fn put(built: &Path, place: &Path) -> Result<u64> {
    let temporary = place.with_extension("new");
    let size =
        std::fs::copy(built, &temporary).with_context(|| format!("copy {}", built.display()))?;
    std::fs::rename(&temporary, place).with_context(|| format!("replace {}", place.display()))?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nothing_ships_for_is_refused_by_name() {
        let Err(error) = Machine::find(Some("sparc-unknown-none")) else {
            panic!("a build for sparc");
        };
        let text = error.to_string();
        assert!(text.contains("sparc-unknown-none") && text.contains(MACHINES[1].target));
    }

    #[test]
    fn no_two_programs_that_ship_share_a_name() {
        let mut names: Vec<_> = SHIPPED.iter().flat_map(|(_, names, _)| *names).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
