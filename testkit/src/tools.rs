//! Real programs for tests, built or fetched when a suite asks for them.
//!
//! Each Go program is pinned by a small Go module in `testkit/tools`; the checkout holds no source and no program of theirs.
//! What is built lies in `$XDG_CACHE_HOME/multus-rs/tools` (or `~/.cache/…`) under a name that carries a hash of the pins: a fresh
//! clone builds nothing again, a changed pin does.
//!
//! Nothing here skips: a part that cannot be had is an error that names it and says how to provide it.

mod build;
mod cache;
mod debian;
mod part;

pub use build::check_go;
pub use debian::{cni_plugins_of_debian, debian};
pub use part::Part;

use std::path::PathBuf;

use anyhow::Context;

/// Makes sure that a part is there, and returns the directory that holds its programs.
///
/// The first call on a machine builds, which takes seconds (plugins) to minutes (API server) and is reported on stderr.
pub fn ensure(part: Part) -> anyhow::Result<PathBuf> {
    let recipe = part.recipe();
    build::ensure(&recipe).with_context(|| {
        format!(
            "{} is missing: failed to provide {}",
            recipe.name, recipe.what
        )
    })
}

/// As [`ensure`], for one program of a part.
pub fn program(part: Part, name: &str) -> anyhow::Result<PathBuf> {
    let path = ensure(part)?.join(name);
    anyhow::ensure!(
        path.is_file(),
        "{} has no program {name}",
        part.recipe().name
    );
    Ok(path)
}
