//! The configuration files of a directory, and whatever else a plan is made from.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use cni::DirFile;
use plan::PathFact;

use super::directory::Directory;
use super::{FileError, read_following};

/// A limit that no configuration file comes near.
const MAX: u64 = 1 << 20;
/// Nor any directory of them.
const MAX_FILES: usize = 1000;

/// What [`config_dir_listing`] found.
#[derive(Debug, Default)]
pub struct Listing {
    /// Name and bytes of each file, sorted by name.
    pub files: Vec<(String, Vec<u8>)>,
    /// Files that have the name of a configuration but could not be read. One of them must not keep others from working.
    pub unreadable: Vec<FileError>,
}

/// The regular files of a directory whose names end in `.conf`, `.conflist` or `.json`. Symbolic links are followed: that is
/// how mounted configuration looks. A directory that does not exist is an empty one.
///
/// # Errors
/// When the directory cannot be read.
pub fn config_dir_listing(path: &Path) -> Result<Listing, FileError> {
    let mut listing = Listing::default();
    let Some(directory) = Directory::open_existing(path)? else {
        return Ok(listing);
    };
    let mut names = directory.names()?;
    names.retain(|name| {
        [".conf", ".conflist", ".json"]
            .iter()
            .any(|ending| name.ends_with(ending))
    });
    names.truncate(MAX_FILES);
    for name in names {
        match directory.read_following(name.as_ref(), MAX) {
            Ok(Some(bytes)) => listing.files.push((name, bytes)),
            // Gone since the directory was read, or a link that leads nowhere.
            Ok(None) => {}
            Err(error) => listing.unreadable.push(error),
        }
    }
    Ok(listing)
}

/// What lies at a path of the host, for a plan. A file of a directory that cannot be read is told to `passed_over`.
pub fn look(path: &Path, passed_over: &dyn Fn(&FileError)) -> PathFact {
    let unreadable = |reason: String, kind: ErrorKind| match kind {
        ErrorKind::NotFound => PathFact::Missing,
        _ => PathFact::Unreadable(reason),
    };
    let meta = match fs::metadata(path) {
        Err(error) => return unreadable(error.to_string(), error.kind()),
        Ok(meta) => meta,
    };
    if !meta.is_dir() {
        return match read_following(path, MAX) {
            Ok(Some(bytes)) => PathFact::File(bytes),
            Ok(None) => PathFact::Missing,
            Err(error) => PathFact::Unreadable(error.to_string()),
        };
    }
    match config_dir_listing(path) {
        Err(error) => unreadable(error.to_string(), error.kind()),
        Ok(listing) => {
            listing.unreadable.iter().for_each(passed_over);
            let files = listing.files.into_iter();
            PathFact::Directory(files.map(|(name, bytes)| DirFile { name, bytes }).collect())
        }
    }
}
