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
/// When the directory cannot be read.
pub fn primary_candidates(
    directory: &Path,
    master: Option<&Path>,
) -> Result<Vec<Candidate>, FileError> {
    let listing = config_dir_listing(directory)?;
    let mut files: Vec<Candidate> = listing
        .files
        .into_iter()
        .map(|(name, bytes)| {
            // Without the plugins of its sub-directory it would be another network.
            let (chain, content) = match chain(directory, &name, &bytes) {
                Ok(chain) => (chain, Ok(bytes)),
                Err(error) => (Vec::new(), Err(error.to_string())),
            };
            Candidate {
                name,
                content,
                chain,
            }
        })
        .collect();
    files.extend(listing.unreadable.into_iter().filter_map(unreadable));
    if let Some(master) = master {
        let name = master.to_string_lossy();
        if !files.iter().any(|file| file.name == name) {
            files.extend(other(directory, &name));
        }
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

/// A file that has the name of a configuration and cannot be read; what is no file is none (Q89).
fn unreadable(error: FileError) -> Option<Candidate> {
    let path = match &error {
        FileError::Io { path, .. } | FileError::TooLarge { path, .. } => path,
        _ => return None,
    };
    Some(Candidate {
        name: path.file_name()?.to_string_lossy().into_owned(),
        content: Err(error.to_string()),
        chain: Vec::new(),
    })
}

/// The primary's file as the settings name it, where its name is not that of a configuration.
fn other(directory: &Path, name: &str) -> Option<Candidate> {
    let read = read_following(&directory.join(name), MAX).transpose()?;
    Some(Candidate {
        name: name.to_owned(),
        content: read.map_err(|error| error.to_string()),
        chain: Vec::new(),
    })
}
