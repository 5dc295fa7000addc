//! Log files that were put aside: `<name>-<time><extension>`, with `.gz` once they are compressed; as upstream names them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

use super::file::{Locked, keep_owner, leads_to};
use super::{Rotation, clock};

const COMPRESSED: &str = ".gz";

/// What is compressed at the moment, beside its target.
const UNFINISHED: &str = ".gz.tmp";

/// Larger files stay as they are: compressing them would take longer than anybody waits for a DEL.
const LARGEST: u64 = 512 << 20;

/// The name under which a log file is put aside.
pub(super) fn name(log: &Path, time: SystemTime) -> PathBuf {
    let (stem, extension) = parts(log);
    let mut name = stem.to_vec();
    name.push(b'-');
    name.extend(clock::name_of(time).as_bytes());
    name.extend(extension);
    log.with_file_name(OsStr::from_bytes(&name))
}

/// A log file's name before and from its last dot.
fn parts(log: &Path) -> (&[u8], &[u8]) {
    let name = log.file_name().unwrap_or_default().as_bytes();
    let dot = name.iter().rposition(|byte| *byte == b'.');
    name.split_at_checked(dot.unwrap_or(name.len()))
        .unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Compressed,
    Unfinished,
}

#[derive(Debug)]
struct Backup {
    time: SystemTime,
    form: Form,
    path: PathBuf,
}

/// Removes what is too old or too much, and compresses the rest.
pub(super) fn tidy(
    log: &Path,
    rotation: &Rotation,
    now: SystemTime,
    deadline: Instant,
) -> io::Result<()> {
    let all = list(log)?;
    let mut times: Vec<SystemTime> = all.iter().map(|backup| backup.time).collect();
    times.sort_unstable();
    times.dedup();
    let surplus = rotation
        .max_backups
        .map_or(0, |most| times.len().saturating_sub(most));
    let first_kept = times.get(surplus);
    let is_kept = |time: &SystemTime| {
        let young = rotation.max_age.is_none_or(|age| {
            now.duration_since(*time)
                .map_or(true, |passed| passed <= age)
        });
        young && first_kept.is_some_and(|first| time >= first)
    };
    for backup in &all {
        let has_source = || {
            let mut others = all.iter();
            others.any(|other| other.time == backup.time && other.form == Form::Plain)
        };
        match backup.form {
            _ if !is_kept(&backup.time) => remove(&backup.path)?,
            Form::Unfinished if !has_source() => remove(&backup.path)?,
            Form::Plain if rotation.compress => compress(&backup.path, deadline)?,
            _ => {}
        }
    }
    Ok(())
}

fn list(log: &Path) -> io::Result<Vec<Backup>> {
    let (stem, extension) = parts(log);
    let directory = log.parent().filter(|path| !path.as_os_str().is_empty());
    let entries = match fs::read_dir(directory.unwrap_or_else(|| Path::new("."))) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut backups = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if let Some((time, form)) = read(name.as_bytes(), stem, extension) {
            let path = entry.path();
            backups.push(Backup { time, form, path });
        }
    }
    Ok(backups)
}

/// What a name says, if it is that of a file put aside.
fn read(name: &[u8], stem: &[u8], extension: &[u8]) -> Option<(SystemTime, Form)> {
    let rest = name.strip_prefix(stem)?.strip_prefix(b"-")?;
    let (rest, form) = if let Some(rest) = rest.strip_suffix(UNFINISHED.as_bytes()) {
        (rest, Form::Unfinished)
    } else if let Some(rest) = rest.strip_suffix(COMPRESSED.as_bytes()) {
        (rest, Form::Compressed)
    } else {
        (rest, Form::Plain)
    };
    let time = std::str::from_utf8(rest.strip_suffix(extension)?).ok()?;
    Some((clock::time_of(time)?, form))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        // Another process tidies as well.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Puts a compressed file in the place of a plain one. One process at a time; the others pass it by.
fn compress(path: &Path, deadline: Instant) -> io::Result<()> {
    let with = |ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(plain) = openat(CWD, path, flags, Mode::empty()) else {
        return Ok(());
    };
    let plain = File::from(plain);
    let Some(_lock) = Locked::try_take(&plain) else {
        return Ok(());
    };
    let about = fstat(&plain)?;
    if !leads_to(path, &about) || u64::try_from(about.st_size).is_ok_and(|size| size > LARGEST) {
        return Ok(());
    }
    let unfinished = with(UNFINISHED);
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = File::from(openat(CWD, &unfinished, flags, Mode::RUSR | Mode::WUSR)?);
    keep_owner(&target, &about);
    let done = pack(&plain, target, deadline)
        .and_then(|()| fs::rename(&unfinished, with(COMPRESSED)))
        .and_then(|()| remove(path));
    if done.is_err() {
        let _best_effort = remove(&unfinished);
    }
    done
}

fn pack(mut plain: &File, target: File, deadline: Instant) -> io::Result<()> {
    // The fastest level: it takes a seventh of the time of the common one, and log lines still shrink to a fifth.
    let mut encoder = GzEncoder::new(target, Compression::fast());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = plain.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
            break;
        };
        encoder.write_all(piece)?;
        if Instant::now() >= deadline {
            return Err(ErrorKind::TimedOut.into());
        }
    }
    encoder.finish().map(drop)
}
