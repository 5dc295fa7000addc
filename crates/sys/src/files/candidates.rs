//! The files that may hold the configuration of the node's primary network.

use std::path::Path;

use cni::DirFile;
use plan::Candidate;

use super::{FileError, config_dir_listing, read_following};

/// A limit that no configuration file comes near.
const MAX: u64 = 1 << 20;

/// Every configuration of a directory, whatever it is for, and the file `master` whatever its name ends in.
///
/// # Errors
/// When the directory cannot be read, or what keeps one from reading a file that may be the primary's says nothing of it
/// ([`FileError::may_pass`]).
pub fn primary_candidates(
    directory: &Path,
    master: Option<&Path>,
) -> Result<Vec<Candidate>, FileError> {
    let master = master.map(Path::to_string_lossy);
    let counts = |name: &str| Candidate::is_eligible(name, master.as_deref());
    let listing = config_dir_listing(directory)?;
    let mut files = Vec::new();
    for (name, bytes) in listing.files {
        // Without the plugins of its sub-directory it would be another network.
        let (chain, content) = match chain(directory, &name, &bytes) {
            Ok(chain) => (chain, Ok(bytes)),
            Err(error) if counts(&name) => return Err(error),
            Err(error) => (Vec::new(), Err(error.to_string())),
        };
        files.push(Candidate {
            name,
            content,
            chain,
        });
    }
    for error in listing.unreadable {
        let Some(name) = error.unread_file() else {
            continue;
        };
        if error.may_pass() && counts(&name) {
            return Err(error);
        }
        files.push(Candidate {
            name,
            content: Err(error.to_string()),
            chain: Vec::new(),
        });
    }
    if let Some(name) = &master
        && !files.iter().any(|file| file.name == *name)
    {
        files.extend(other(directory, name)?);
    }
    Ok(files)
}

/// The files of a list's sub-directory, which is called like the network (B5.40).
fn chain(directory: &Path, name: &str, bytes: &[u8]) -> Result<Vec<DirFile>, FileError> {
    if !name.ends_with(".conflist") {
        return Ok(Vec::new());
    }
    let network = cni::NetworkConf::parse_list(bytes).ok();
    let network = network.as_ref().map_or("", |conf| conf.name());
    if cni::NetworkName::parse(network).is_err() {
        return Ok(Vec::new());
    }
    let mut listing = match config_dir_listing(&directory.join(network)) {
        Err(error) if error.may_pass() => return Err(error),
        read => read.unwrap_or_default(),
    };
    if let Some(at) = listing.unreadable.iter().position(FileError::may_pass) {
        return Err(listing.unreadable.swap_remove(at));
    }
    let files = listing.files.into_iter();
    Ok(files.map(|(name, bytes)| DirFile { name, bytes }).collect())
}

/// The primary's file as the settings name it, where its name is not that of a configuration.
fn other(directory: &Path, name: &str) -> Result<Option<Candidate>, FileError> {
    let content = match read_following(&directory.join(name), MAX) {
        Ok(None) => return Ok(None),
        Ok(Some(bytes)) => Ok(bytes),
        Err(error) if error.may_pass() => return Err(error),
        Err(error) => Err(error.to_string()),
    };
    Ok(Some(Candidate {
        name: name.to_owned(),
        content,
        chain: Vec::new(),
    }))
}
