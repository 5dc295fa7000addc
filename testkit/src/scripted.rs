//! The scripted CNI plugin: a delegate whose behaviour a test writes into its configuration, and a log of what it was given.
//!
//! The program is `scripted-cni`. Its configuration's key `script` is a [`Script`]; without it the plugin behaves like a
//! small well-mannered one: ADD prints a result in the version asked for with the interface `CNI_IFNAME` (a chained one
//! passes `prevResult` on), VERSION knows every version, everything else succeeds silently.
//!
//! Configurations that must stay as they are have their scripts in a file of their own: [`SCRIPTS`].
//!
//! With `record` it appends two lines to that file, each in one write: one when it starts, with all that it was given,
//! and one when it ends. A call that was killed, crashed or hangs has no end. [`Recorder`] puts the two together.

mod call;
mod link;
mod plugin;
mod recorder;
mod script;

pub use call::{Call, Descriptor};
pub use plugin::main;
pub use recorder::Recorder;
pub use script::{Crash, Fail, SCRIPTS, Script};

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The environment variable that names the folder of `scripted-cni` and `noop-cni`.
pub const BIN_DIR: &str = "TESTKIT_BIN_DIR";

/// The path of one of this package's programs (`scripted-cni`, `noop-cni`).
///
/// Looked for in [`BIN_DIR`], then where cargo puts programs beside the running test.
pub fn program(name: &str) -> Result<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os(BIN_DIR)
        .map(PathBuf::from)
        .into_iter()
        .collect();
    let own = std::env::current_exe().context("find the running program")?;
    folders.extend(own.ancestors().skip(1).take(2).map(Path::to_owned));
    for folder in &folders {
        let path = folder.join(name);
        if path.is_file() {
            return Ok(path);
        }
    }
    bail!(
        "the program {name} is missing: build it with `cargo build -p testkit --bins`, or run `cargo xtask test system`"
    )
}

/// Puts the scripted plugin into `folder` under each of `names`.
pub fn install(folder: &Path, names: &[&str]) -> Result<()> {
    let plugin = program("scripted-cni")?;
    std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    for name in names {
        let path = folder.join(name);
        std::os::unix::fs::symlink(&plugin, &path)
            .with_context(|| format!("install {}", path.display()))?;
    }
    Ok(())
}
