//! Where a plugin's program is.

use std::fs;
use std::path::PathBuf;

use cni::exec::FindError;
use rustix::fs::{Access, access};

/// The first executable regular file called `plugin_type` in the directories of `path`. Symbolic links are followed; one that
/// leads nowhere, a directory, a device is passed over. So is a file that may not be executed, but it is remembered: if nothing
/// better comes, the error names it. Directories that are not absolute are passed over, since a relative path to a program
/// would let `PATH` or the working directory choose.
pub(super) fn find(plugin_type: &str, path: &[PathBuf]) -> Result<PathBuf, FindError> {
    if cni::names::check_plugin_type(plugin_type).is_err() {
        return Err(FindError::BadType {
            plugin: plugin_type.to_owned(),
        });
    }
    let mut directories = path
        .iter()
        .filter(|directory| directory.is_absolute())
        .peekable();
    if directories.peek().is_none() {
        return Err(FindError::NoPath {
            plugin: plugin_type.to_owned(),
        });
    }
    let mut not_executable = None;
    for directory in directories {
        let file = directory.join(plugin_type);
        if !fs::metadata(&file).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        // Unlike the permission bits, this also knows of file systems that are mounted noexec.
        if access(&file, Access::EXEC_OK).is_ok() {
            return Ok(file);
        }
        not_executable.get_or_insert(file);
    }
    Err(match not_executable {
        Some(file) => FindError::NotExecutable {
            plugin: plugin_type.to_owned(),
            file,
        },
        None => FindError::NotFound {
            plugin: plugin_type.to_owned(),
            path: path.to_vec(),
        },
    })
}
