//! The files of the repository: what is in its folders and is not built, cached or ignored.

use std::path::{Path, PathBuf};

/// Folders that hold what was built.
const BUILT: [&str; 3] = ["target", ".git", "node_modules"];

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files, as paths from the root.
pub(crate) fn all() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(root(), &mut found);
    let mut found: Vec<PathBuf> = found
        .iter()
        .map(|path| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    found.sort();
    found
}

/// The Rust sources with their text.
pub(crate) fn sources() -> Vec<(PathBuf, String)> {
    let rust = all()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| (path.clone(), text(&path))).collect()
}

/// The text of a file; empty for one that is not text.
pub(crate) fn text(path: &Path) -> String {
    let bytes = std::fs::read(root().join(path)).unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if BUILT.contains(&entry.file_name().to_str().unwrap_or_default()) {
            // `.git` is a file where the checkout is one of several of a repository.
            continue;
        }
        if kind.is_file() {
            found.push(entry.path());
        } else if kind.is_dir() {
            collect(&entry.path(), found);
        }
    }
}
