//! Device information: files that device plugins write, and files of attachments that plugins and we write.

use std::path::{Path, PathBuf};

use super::FileError;
use super::directory::{Directory, Owner, Temporary, check_name};

/// A file holds one small JSON object.
const MAX: u64 = 64 << 10;
/// Anyone may look (DI-22, Q32).
const DIRECTORY: u32 = 0o755;
/// Nobody need write into it: it is replaced (B5.95).
const FILE: u32 = 0o444;

/// The two directories of device information.
#[derive(Debug, Clone)]
pub struct DeviceInfoDirs {
    devices: PathBuf,
    attachments: PathBuf,
}

impl DeviceInfoDirs {
    /// The directory that device plugins write into, and the one with a file for each attachment.
    #[must_use]
    pub fn new(devices: &Path, attachments: &Path) -> Self {
        Self {
            devices: devices.to_path_buf(),
            attachments: attachments.to_path_buf(),
        }
    }

    /// What a device plugin left about a device, or `None`.
    ///
    /// # Errors
    /// A name that leads elsewhere, something that is no regular file of some kilobytes, or the operating system.
    pub fn of_device(&self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        read(&self.devices, name)
    }

    /// What is known about an attachment, or `None`.
    ///
    /// # Errors
    /// As [`DeviceInfoDirs::of_device`].
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        read(&self.attachments, name)
    }

    /// Replaces what is known about an attachment.
    ///
    /// # Errors
    /// A name that leads elsewhere, or the operating system.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FileError> {
        check_name(name, &self.attachments)?;
        let directory = Directory::open_or_create(&self.attachments, DIRECTORY)?;
        directory.replace(name.as_ref(), bytes, FILE, false, Temporary::OfProcess)?;
        Ok(())
    }

    /// Forgets an attachment. That nothing is known is success.
    ///
    /// # Errors
    /// A name that leads elsewhere, or the operating system.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        check_name(name, &self.attachments)?;
        match Directory::open_existing(&self.attachments)? {
            Some(directory) => directory.remove(name.as_ref()),
            None => Ok(()),
        }
    }
}

fn read(path: &Path, name: &str) -> Result<Option<Vec<u8>>, FileError> {
    check_name(name, path)?;
    match Directory::open_existing(path)? {
        Some(directory) => directory.read(name.as_ref(), MAX, Owner::Any),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt, symlink};

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn dirs(&self) -> DeviceInfoDirs {
            DeviceInfoDirs::new(&self.path("devinfo/dp"), &self.path("devinfo/cni"))
        }
    }

    fn write(path: &Path, bytes: &[u8]) {
        fs::File::create(path).unwrap().write_all(bytes).unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn the_directory_is_made_for_everyone_to_read_and_the_file_replaced() {
        // B5.95, DI-22, Q32, Q73
        let place = Place::new();
        let dirs = place.dirs();
        assert_eq!(dirs.read("a").unwrap(), None);
        dirs.write("a", b"old").unwrap();
        dirs.write("a", b"new").unwrap();
        assert_eq!(dirs.read("a").unwrap().as_deref(), Some(&b"new"[..]));
        let seen = ["devinfo", "devinfo/cni", "devinfo/cni/a"].map(|name| mode(&place.path(name)));
        assert_eq!(seen, [0o755, 0o755, 0o444]);
    }

    #[test]
    fn a_removed_file_is_gone_and_none_is_fine() {
        // B5.97
        let place = Place::new();
        place.dirs().remove("a").unwrap();
        place.dirs().write("a", b"x").unwrap();
        place.dirs().remove("a").unwrap();
        place.dirs().remove("a").unwrap();
        assert_eq!(place.dirs().read("a").unwrap(), None);
    }

    #[test]
    fn device_plugins_and_attachments_have_directories_of_their_own() {
        // B5.90
        let place = Place::new();
        assert_eq!(place.dirs().of_device("a").unwrap(), None);
        fs::create_dir_all(place.path("devinfo/dp")).unwrap();
        write(&place.path("devinfo/dp/a"), b"x");
        assert_eq!(
            place.dirs().of_device("a").unwrap().as_deref(),
            Some(&b"x"[..])
        );
        assert_eq!(place.dirs().read("a").unwrap(), None);
    }

    #[test]
    fn nothing_outside_is_read_written_or_removed() {
        let place = Place::new();
        let dirs = place.dirs();
        dirs.write("a", b"x").unwrap();
        for name in ["", ".", "..", "../b", "/etc/passwd", "a/b", "a\0b"] {
            assert!(dirs.of_device(name).is_err(), "{name:?}");
            assert!(dirs.read(name).is_err(), "{name:?}");
            assert!(dirs.write(name, b"x").is_err(), "{name:?}");
            assert!(dirs.remove(name).is_err(), "{name:?}");
        }
        write(&place.path("secret"), b"s");
        symlink(place.path("secret"), place.path("devinfo/cni/link")).unwrap();
        assert!(dirs.read("link").is_err());
        dirs.write("link", b"y").unwrap();
        assert_eq!(
            fs::read(place.path("secret")).unwrap(),
            b"s",
            "the link itself is replaced"
        );
    }

    #[test]
    fn a_file_larger_than_any_device_information_is_not_read() {
        let place = Place::new();
        fs::create_dir_all(place.path("devinfo/dp")).unwrap();
        write(&place.path("devinfo/dp/a"), &vec![b' '; 70_000]);
        assert!(place.dirs().of_device("a").is_err());
    }
}
