//! Where certificates lie: upstream's files (B6.82), so that either program goes on with what the other got.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use k8s_openapi::jiff::Timestamp;

use super::CertificateError;

/// What all files of ours begin with.
const PREFIX: &str = "multus-client-";
const CURRENT: &str = "multus-client-current.pem";
/// Files that are kept: the one in force, and the one before, which somebody may be reading.
const KEPT: usize = 2;

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Store(PathBuf);

impl Store {
    pub(super) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// The file that is in force, a link to one with the time in its name.
    pub(super) fn current(&self) -> PathBuf {
        self.0.join(CURRENT)
    }

    pub(super) fn read(&self) -> Option<Vec<u8>> {
        fs::read(self.current()).ok()
    }

    /// Puts a certificate and its key in force. They are on disk, whole and together, before the link leads to them.
    pub(super) fn put(&self, certificate: &[u8], key: &[u8]) -> Result<(), CertificateError> {
        let at = |action, path: &Path| {
            let path = path.to_owned();
            move |source| CertificateError::Store {
                action,
                path,
                source,
            }
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .map_err(at("create directory", &self.0))?;
        let name = file_name();
        let (file, link) = (self.0.join(&name), self.0.join(format!(".{CURRENT}")));
        let mut pem = certificate.to_vec();
        if !pem.ends_with(b"\n") {
            pem.push(b'\n');
        }
        pem.extend_from_slice(key);
        let part = self.0.join(format!(".{name}"));
        write(&part, &pem)
            .and_then(|()| fs::rename(&part, &file))
            .map_err(at("write certificate", &file))?;
        remove(&link).map_err(at("remove", &link))?;
        // Not by its whole path: other programs may see the directory elsewhere.
        symlink(&name, &link)
            .and_then(|()| fs::rename(&link, self.current()))
            .and_then(|()| File::open(&self.0)?.sync_all())
            .map_err(at("put the certificate at", &self.current()))?;
        self.tidy(&name);
        Ok(())
    }

    /// Removes what has had its day. What cannot be removed does no harm.
    fn tidy(&self, newest: &str) {
        let names = fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut old: Vec<String> = names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(PREFIX) && name.ends_with(".pem"))
            .filter(|name| name != CURRENT && name != newest)
            .collect();
        old.sort();
        for name in old.iter().rev().skip(KEPT - 1) {
            let _left = fs::remove_file(self.0.join(name));
        }
    }
}

/// `multus-client-2026-11-26-15-04-05.pem`, after upstream's pattern, and what makes it the only one of its second.
fn file_name() -> String {
    let now = SystemTime::now();
    let time = Timestamp::try_from(now).unwrap_or_default().to_string();
    let mut time: String = time
        .chars()
        .filter(|one| *one != 'Z')
        .map(|one| if one.is_ascii_digit() { one } else { '-' })
        .collect();
    time.truncate(26);
    format!("{PREFIX}{time}.pem")
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove(path)?;
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
