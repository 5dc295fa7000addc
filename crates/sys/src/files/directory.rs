//! One open directory. All names are relative to its descriptor, so that a directory that is moved or replaced meanwhile
//! cannot mix old and new.

use std::ffi::{OsStr, OsString};
use std::fs::{DirBuilder, File, Metadata};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, FlockOperation, Mode, OFlags, fchmod, flock, fstat, fstatfs,
    fsync, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::FileError;

/// How the names of temporary files begin.
pub(super) const TEMPORARY: &str = ".tmp-";
/// As file systems have it.
const LONGEST_NAME: usize = 255;
/// How much of a file is compared at a time.
const BLOCK: usize = 16 << 10;
/// How often a lock is looked at that somebody else has.
const PAUSE: Duration = Duration::from_millis(50);

/// Whose files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Any,
    /// Root's and our own.
    Trusted,
}

/// Where the bytes of a file are until it gets its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporary {
    /// In a file of this process: others may write the same one meanwhile.
    OfProcess,
    /// In a file that belongs to the one that is written, which only one process at a time writes. What a killed one leaves
    /// gives way to the next write, and is removed with the file.
    OfFile,
}

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    fd: OwnedFd,
}

/// A path as directory and name.
pub(super) fn split(path: &Path) -> Result<(&Path, &OsStr), FileError> {
    let name = path
        .file_name()
        .ok_or_else(|| FileError::io("use", path, Errno::INVAL))?;
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    Ok((directory.unwrap_or_else(|| Path::new(".")), name))
}

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        Self::open_existing(path)?
            .ok_or_else(|| FileError::io("open directory", path, Errno::NOENT))
    }

    pub(super) fn open_existing(path: &Path) -> Result<Option<Self>, FileError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match openat(CWD, path, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self {
                path: path.to_path_buf(),
                fd,
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(FileError::io("open directory", path, error)),
        }
    }

    /// Opens it, or makes it and what is missing above with this mode.
    pub(super) fn open_or_create(path: &Path, mode: u32) -> Result<Self, FileError> {
        if let Some(directory) = Self::open_existing(path)? {
            return Ok(directory);
        }
        make_directory(path, mode)?;
        Self::open(path)
    }

    /// Puts a file with these bytes under `name`. With `sync`, the bytes are on disk before the name is.
    pub(super) fn replace(
        &self,
        name: &OsStr,
        bytes: &[u8],
        mode: u32,
        sync: bool,
        temporary: Temporary,
    ) -> Result<(), FileError> {
        let (file, temporary) = self.write(name, bytes, mode, temporary)?;
        let synced = match sync {
            true => sync_file(&file, &self.path.join(name)),
            false => Ok(()),
        };
        // It may be a program, and the system executes none that is open for writing.
        drop(file);
        self.put(&temporary, name, synced)
    }

    /// The same, with `sync`; the file stays open.
    pub(super) fn replace_held(
        &self,
        name: &OsStr,
        bytes: &[u8],
        mode: u32,
    ) -> Result<File, FileError> {
        let (file, temporary) = self.write(name, bytes, mode, Temporary::OfProcess)?;
        let synced = sync_file(&file, &self.path.join(name));
        self.put(&temporary, name, synced)?;
        Ok(file)
    }

    /// The same for a file that is to be synced later.
    pub(super) fn replace_unsynced(
        &self,
        name: &OsStr,
        bytes: &[u8],
        mode: u32,
        temporary: Temporary,
    ) -> Result<File, FileError> {
        let (file, temporary) = self.write(name, bytes, mode, temporary)?;
        self.put(&temporary, name, Ok(()))?;
        Ok(file)
    }

    /// Writes a temporary file for `name`; its own name.
    fn write(
        &self,
        name: &OsStr,
        bytes: &[u8],
        mode: u32,
        temporary: Temporary,
    ) -> Result<(File, OsString), FileError> {
        let (mut file, temporary) = match temporary {
            Temporary::OfProcess => self.temporary()?,
            Temporary::OfFile => self.temporary_of(name)?,
        };
        let written = file
            .write_all(bytes)
            .and_then(|()| Ok(fchmod(&file, Mode::from_raw_mode(mode))?));
        match written {
            Ok(()) => Ok((file, temporary)),
            Err(error) => {
                self.give_up(&temporary);
                Err(FileError::io("write", &self.path.join(name), error))
            }
        }
    }

    /// Gives a temporary file its name, if all went well so far; else it is removed.
    fn put(
        &self,
        temporary: &OsStr,
        name: &OsStr,
        so_far: Result<(), FileError>,
    ) -> Result<(), FileError> {
        let put = so_far.and_then(|()| {
            renameat(&self.fd, temporary, &self.fd, name)
                .map_err(|error| FileError::io("replace", &self.path.join(name), error))
        });
        if put.is_err() {
            self.give_up(temporary);
        }
        put
    }

    fn give_up(&self, temporary: &OsStr) {
        let _best_effort = unlinkat(&self.fd, temporary, AtFlags::empty());
    }

    fn temporary(&self) -> Result<(File, OsString), FileError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut error = Errno::EXIST;
        // A process of the same id may have left some behind, or may run in another PID namespace.
        for _ in 0..100 {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = OsString::from(format!("{TEMPORARY}{}-{number}", process::id()));
            match self.create(&name) {
                Ok(file) => return Ok((file, name)),
                Err(Errno::EXIST) => {}
                Err(other) => {
                    error = other;
                    break;
                }
            }
        }
        Err(self.no_temporary(error))
    }

    fn temporary_of(&self, name: &OsStr) -> Result<(File, OsString), FileError> {
        let temporary = temporary_name(name);
        let file = match self.create(&temporary) {
            Err(Errno::EXIST) => {
                self.remove(&temporary)?;
                self.create(&temporary)
            }
            other => other,
        };
        match file {
            Ok(file) => Ok((file, temporary)),
            Err(error) => Err(self.no_temporary(error)),
        }
    }

    fn create(&self, name: &OsStr) -> Result<File, Errno> {
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.fd, name, flags, Mode::RUSR | Mode::WUSR).map(File::from)
    }

    fn no_temporary(&self, error: Errno) -> FileError {
        FileError::io("create a temporary file in", &self.path, error)
    }

    /// Whether a regular file has exactly these bytes. One of another size is not read, and no more than a block is kept.
    pub(super) fn holds(&self, name: &OsStr, bytes: &[u8]) -> bool {
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let Ok(file) = openat(&self.fd, name, flags, Mode::empty()).map(File::from) else {
            return false;
        };
        let is_as_large = |about: Metadata| about.is_file() && about.len() == bytes.len() as u64;
        if !file.metadata().is_ok_and(is_as_large) {
            return false;
        }
        let mut block = [0; BLOCK];
        bytes.chunks(BLOCK).all(|part| {
            let Some(there) = block.get_mut(..part.len()) else {
                return false;
            };
            (&file).read_exact(there).is_ok() && there == part
        })
    }

    /// The bytes of a regular file, or `None`.
    pub(super) fn read(
        &self,
        name: &OsStr,
        max: u64,
        owner: Owner,
    ) -> Result<Option<Vec<u8>>, FileError> {
        // Without NONBLOCK, opening a pipe would wait for its writer.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        self.read_with(name, flags, max, owner)
    }

    /// As [`Directory::read`], but through symbolic links.
    pub(super) fn read_following(
        &self,
        name: &OsStr,
        max: u64,
    ) -> Result<Option<Vec<u8>>, FileError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        self.read_with(name, flags, max, Owner::Any)
    }

    fn read_with(
        &self,
        name: &OsStr,
        flags: OFlags,
        max: u64,
        owner: Owner,
    ) -> Result<Option<Vec<u8>>, FileError> {
        let path = self.path.join(name);
        let fd = match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            // A symbolic link; a socket or a device without a driver.
            Err(Errno::LOOP | Errno::NXIO) => return Err(FileError::NotRegular { path }),
            Err(error) => return Err(FileError::io("open", &path, error)),
        };
        let stat = fstat(&fd).map_err(|error| FileError::io("read", &path, error))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(FileError::NotRegular { path });
        }
        if owner == Owner::Trusted && stat.st_uid != 0 && stat.st_uid != geteuid().as_raw() {
            return Err(FileError::ForeignOwner {
                path,
                owner: stat.st_uid,
            });
        }
        // Sized once, and read with one byte more than allowed: the file may grow under our hands.
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if size > max {
            return Err(FileError::TooLarge { path, max });
        }
        let mut bytes =
            Vec::with_capacity(usize::try_from(size.saturating_add(1)).unwrap_or_default());
        File::from(fd)
            .take(max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| FileError::io("read", &path, error))?;
        if bytes.len() as u64 > max {
            return Err(FileError::TooLarge { path, max });
        }
        Ok(Some(bytes))
    }

    /// Removes a file. That there is none is success.
    pub(super) fn remove(&self, name: &OsStr) -> Result<(), FileError> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(FileError::io("remove", &self.path.join(name), error)),
        }
    }

    /// The same for a file that is written through [`Temporary::OfFile`].
    pub(super) fn remove_with_temporary(&self, name: &OsStr) -> Result<(), FileError> {
        // What stays of it stands in nobody's way.
        let _best_effort = self.remove(&temporary_name(name));
        self.remove(name)
    }

    /// The names in it that are UTF-8, sorted.
    pub(super) fn names(&self) -> Result<Vec<String>, FileError> {
        let failed = |error: Errno| FileError::io("list", &self.path, error);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.fd).map_err(failed)? {
            if let Ok(name) = entry.map_err(failed)?.file_name().to_str() {
                names.push(name.to_owned());
            }
        }
        names.retain(|name| name != "." && name != "..");
        names.sort_unstable();
        Ok(names)
    }

    /// Whether the name is a regular file's, not looking through symbolic links.
    pub(super) fn is_file(&self, name: &str) -> bool {
        statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    }

    /// Whether the name is a regular file's that nobody has written for so long.
    pub(super) fn is_older(&self, name: &str, age: Duration) -> bool {
        let Ok(stat) = statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) else {
            return false;
        };
        let written = u64::try_from(stat.st_mtime).unwrap_or_default();
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(written);
        FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && written.elapsed().is_ok_and(|elapsed| elapsed >= age)
    }

    /// Waits until the names are on disk.
    pub(super) fn sync(&self) -> Result<(), FileError> {
        fsync(&self.fd).map_err(|error| FileError::io("sync directory", &self.path, error))
    }

    /// Locks it against others that do, until it is dropped.
    pub(super) fn lock_until(&self, deadline: Instant) -> Result<(), FileError> {
        loop {
            match flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(()),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => sleep(PAUSE),
                Err(error) => return Err(FileError::io("lock", &self.path, error)),
            }
        }
    }

    /// Whether nothing of it ever gets to a disk: it is of a `tmpfs` or a `ramfs`.
    pub(super) fn is_in_memory(&self) -> bool {
        let kind = fstatfs(&self.fd).map(|stat| u64::try_from(stat.f_type).unwrap_or_default());
        matches!(kind, Ok(0x0102_1994 | 0x8584_58f6))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes a directory and what is missing above it, with this mode. One that is there stays as it is.
///
/// # Errors
/// [`FileError::Io`].
pub fn make_directory(path: &Path, mode: u32) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(path);
    made.map_err(|error| FileError::io("create directory", path, error))
}

/// Whether a temporary file is called like this that belongs to a process ([`Temporary::OfProcess`]).
pub(super) fn is_of_a_process(name: &str) -> bool {
    let numbers = name.strip_prefix(TEMPORARY);
    let parts = numbers.and_then(|numbers| numbers.split_once('-'));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    parts.is_some_and(|(id, number)| is_number(id) && is_number(number))
}

/// Of a name that is too long for that, the end: there stands whose file it is.
pub(super) fn temporary_name(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let surplus = (TEMPORARY.len() + bytes.len()).saturating_sub(LONGEST_NAME);
    let mut temporary = OsString::from(TEMPORARY);
    temporary.push(OsStr::from_bytes(bytes.get(surplus..).unwrap_or_default()));
    temporary
}

/// Waits until the bytes are on disk.
pub(super) fn sync_file(file: &File, path: &Path) -> Result<(), FileError> {
    fsync(file).map_err(|error| FileError::io("sync", path, error))
}

/// Refuses names that lead elsewhere (`a/b`, `..`) or to what is no entry (anything hidden).
pub(super) fn check_name(name: &str, directory: &Path) -> Result<(), FileError> {
    if name.is_empty()
        || name.starts_with('.')
        || name.len() > LONGEST_NAME
        || name.contains(['/', '\0'])
    {
        return Err(FileError::BadName {
            name: name.to_owned(),
            directory: directory.to_path_buf(),
        });
    }
    Ok(())
}

/// Refuses to write what nobody would read back.
pub(super) fn check_size(bytes: &[u8], max: u64, path: &Path) -> Result<(), FileError> {
    if bytes.len() as u64 > max {
        return Err(FileError::io("write", path, Errno::FBIG));
    }
    Ok(())
}
