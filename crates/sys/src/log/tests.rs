use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use flate2::read::GzDecoder;
use rustix::fs::{CWD, FileType, FlockOperation, Mode, flock, mknodat};
use tempfile::TempDir;

use super::file::LogFile;
use super::{Level, Log, PATIENCE, Rotation, Settings, backups};
use crate::testing::eventually;

const MEGABYTE: u64 = 1 << 20;

fn rotation(max_bytes: u64) -> Rotation {
    Rotation {
        max_bytes,
        max_age: None,
        max_backups: None,
        compress: true,
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// The names in a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What a file holds, unpacked if need be.
fn text(path: &Path) -> String {
    let mut text = String::new();
    let mut file = File::open(path).unwrap();
    match path.extension().is_some_and(|extension| extension == "gz") {
        true => GzDecoder::new(file).read_to_string(&mut text).unwrap(),
        false => file.read_to_string(&mut text).unwrap(),
    };
    text
}

/// Every line of all files of a directory.
fn all_lines(directory: &Path) -> Vec<String> {
    let paths = names(directory)
        .into_iter()
        .map(|name| directory.join(name));
    let lines = paths.flat_map(|path| text(&path).lines().map(str::to_owned).collect::<Vec<_>>());
    lines.collect()
}

#[expect(clippy::disallowed_methods, reason = "sets the scene, not under test")]
fn write(path: impl AsRef<Path>, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn levels_are_named_in_any_case_and_nothing_else_is_one() {
    // B9.1, B9.3, T6.1
    for (name, level) in [
        ("panic", Some(Level::Panic)),
        ("ERROR", Some(Level::Error)),
        ("Verbose", Some(Level::Verbose)),
        ("dEBUG", Some(Level::Debug)),
        ("info", None),
        ("", None),
        (" debug", None),
    ] {
        assert_eq!(Level::parse(name), level, "{name}");
    }
    assert!(Level::Panic < Level::Error && Level::Verbose < Level::Debug);
}

#[test]
fn messages_up_to_the_level_are_written_and_warnings_are_errors_that_say_so() {
    // B9.1, T6.1
    for (level, expected) in [
        (Level::Panic, &["[panic] p"] as &[_]),
        (
            Level::Error,
            &["[panic] p", "[error] e", "[error] warning: w"],
        ),
        (
            Level::Verbose,
            &[
                "[panic] p",
                "[error] e",
                "[error] warning: w",
                "[verbose] v",
            ],
        ),
        (
            Level::Debug,
            &[
                "[panic] p",
                "[error] e",
                "[error] warning: w",
                "[verbose] v",
                "[debug] d",
            ],
        ),
    ] {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("multus.log");
        let log = Log::new();
        log.configure(Settings {
            level,
            to_stderr: false,
            file: Some((path.clone(), rotation(MEGABYTE))),
        });
        log.panic("p");
        log.error("e");
        log.warning("w");
        log.verbose("v");
        log.debug("d");
        let lines = text(&path);
        let written: Vec<&str> = lines
            .lines()
            .map(|line| line.split_once(' ').unwrap().1)
            .collect();
        assert_eq!(written, expected);
    }
}

#[test]
fn a_file_is_made_for_its_first_line_with_the_directories_above_it() {
    // B9.4, T6.1
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("a/b/multus.log");
    let log = LogFile::new(path.clone(), rotation(MEGABYTE));
    assert_eq!(names(directory.path()), [""; 0]);
    log.append("one\n").unwrap();
    log.append("two\n").unwrap();
    assert_eq!(text(&path), "one\ntwo\n");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&directory.path().join("a")) & 0o700, 0o700);
}

#[test]
fn a_file_that_is_full_is_put_aside_under_the_time_and_keeps_its_mode() {
    // B9.4
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("multus.log");
    let log = LogFile::new(path.clone(), rotation(10));
    log.append("123456789\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    log.append("next\n").unwrap();

    let names = names(directory.path());
    let [backup, current] = &names[..] else {
        panic!("{names:?}");
    };
    assert_eq!(current, "multus.log");
    assert_eq!(
        backup.len(),
        "multus-2026-01-31T23-59-59.999.log".len(),
        "{backup}"
    );
    assert_eq!(text(&directory.path().join(backup)), "123456789\n");
    assert_eq!(text(&path), "next\n");
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_line_longer_than_a_file_may_be_stands_alone() {
    let directory = TempDir::new().unwrap();
    let log = LogFile::new(directory.path().join("log"), rotation(4));
    for line in ["longer than that\n", "a\n", "longer than that\n"] {
        log.append(line).unwrap();
    }
    assert_eq!(names(directory.path()).len(), 3);
    assert_eq!(all_lines(directory.path()).len(), 3);
}

#[test]
fn files_put_aside_in_the_same_millisecond_do_not_replace_each_other() {
    let directory = TempDir::new().unwrap();
    let log = LogFile::new(directory.path().join("multus.log"), rotation(1));
    for number in 0..50 {
        log.append(&format!("{number}\n")).unwrap();
    }
    let lines: BTreeSet<String> = all_lines(directory.path()).into_iter().collect();
    assert_eq!(lines.len(), 50);
}

#[test]
fn a_file_that_was_moved_away_is_begun_anew() {
    // As logrotate does.
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("multus.log");
    let log = LogFile::new(path.clone(), rotation(MEGABYTE));
    log.append("one\n").unwrap();
    fs::rename(&path, directory.path().join("multus.log.1")).unwrap();
    log.append("two\n").unwrap();
    assert_eq!(text(&path), "two\n");
    fs::remove_file(&path).unwrap();
    log.append("three\n").unwrap();
    assert_eq!(text(&path), "three\n");
}

#[test]
fn one_who_holds_the_file_for_ever_delays_a_line_and_does_not_stop_it() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("multus.log");
    let log = LogFile::new(path.clone(), rotation(1));
    log.append("one\n").unwrap();
    let holder = File::open(&path).unwrap();
    flock(&holder, FlockOperation::NonBlockingLockExclusive).unwrap();
    let begin = Instant::now();
    log.append("two\n").unwrap();
    assert!(begin.elapsed() >= PATIENCE);
    assert_eq!(text(&path), "one\ntwo\n");
}

#[test]
fn a_line_for_which_there_was_no_lock_stays_unless_its_file_was_put_aside_meanwhile() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("multus.log");
    let log = LogFile::new(path.clone(), rotation(MEGABYTE));
    log.append("one\n").unwrap();
    let file = File::options().append(true).open(&path).unwrap();
    assert!(log.write(&file, "two\n", false).unwrap());
    fs::rename(&path, directory.path().join("aside")).unwrap();
    // It may have been compressed.
    assert!(!log.write(&file, "three\n", false).unwrap());
    assert!(log.write(&file, "four\n", true).unwrap());
}

#[test]
fn what_cannot_be_written_is_an_error_and_nothing_waits() {
    let directory = TempDir::new().unwrap();
    let pipe = directory.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let file = directory.path().join("file");
    write(&file, "");
    for path in [pipe, directory.path().to_owned(), file.join("log")] {
        let error = LogFile::new(path.clone(), rotation(1)).append("line\n");
        assert!(error.is_err(), "{}", path.display());
    }
    LogFile::new("/dev/null".into(), rotation(1))
        .append("line\n")
        .unwrap();
    LogFile::new("/dev/null".into(), rotation(1))
        .append("line\n")
        .unwrap();
}

/// A directory with files put aside, `days` ago each, and other files that look alike.
fn old_files(days: &[u64]) -> (TempDir, PathBuf, SystemTime) {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("multus.log");
    let now = SystemTime::now();
    for day in days {
        let path = backups::name(&log, now - Duration::from_secs(day * 86_400 + 60));
        write(path, format!("line of day {day}\n").repeat(100));
    }
    for other in [
        "multus.log",
        "multus.log.1",
        "multus-old.log",
        "multus-shim-2026-01-31T23-59-59.999.log",
        "multus-2026-01-31T23-59-59.999.txt",
        "multus-2026-01-31.log.gz",
    ] {
        write(directory.path().join(other), "");
    }
    (directory, log, now)
}

/// The days whose files are left, and whether they are compressed.
fn left(directory: &Path) -> BTreeSet<(String, bool)> {
    let lines = names(directory).into_iter().filter_map(|name| {
        let text = text_or_empty(&directory.join(&name));
        let day = text
            .lines()
            .next()?
            .strip_prefix("line of day ")?
            .to_owned();
        Some((day, name.ends_with(".gz")))
    });
    lines.collect()
}

fn text_or_empty(path: &Path) -> String {
    match fs::metadata(path).unwrap().len() {
        0 => String::new(),
        _ => text(path),
    }
}

fn days(days: &[u64], compressed: bool) -> BTreeSet<(String, bool)> {
    days.iter()
        .map(|day| (day.to_string(), compressed))
        .collect()
}

#[test]
fn tidying_compresses_and_removes_what_is_too_old_or_too_much() {
    // B9.4
    let day = Duration::from_secs(86_400);
    let all = [0, 1, 2, 3, 9];
    for (max_age, max_backups, compress, expected) in [
        (None, None, true, &all[..]),
        (None, None, false, &all),
        (Some(3 * day), None, true, &[0, 1, 2]),
        (None, Some(2), true, &[0, 1]),
        (None, Some(9), false, &all),
        (Some(5 * day), Some(5), true, &[0, 1, 2, 3]),
        (Some(2 * day), Some(1), false, &[0]),
    ] {
        let (directory, log, now) = old_files(&all);
        let others = names(directory.path()).len() - all.len();
        let rotation = Rotation {
            max_bytes: MEGABYTE,
            max_age,
            max_backups,
            compress,
        };
        // The second time finds what the first one made.
        for _ in 0..2 {
            backups::tidy(&log, &rotation, now, soon()).unwrap();
            assert_eq!(
                left(directory.path()),
                days(expected, compress),
                "{rotation:?}"
            );
            assert_eq!(names(directory.path()).len(), others + expected.len());
        }
    }
}

#[test]
fn a_compressed_file_keeps_mode_and_owner() {
    let (directory, log, now) = old_files(&[1]);
    let plain = backups::name(&log, now - Duration::from_secs(86_460));
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    let owner = fs::metadata(&plain).unwrap().uid();
    backups::tidy(&log, &rotation(1), now, soon()).unwrap();
    let packed = directory.path().join(format!("{}.gz", plain.display()));
    assert_eq!(
        (mode(&packed), fs::metadata(&packed).unwrap().uid()),
        (0o644, owner)
    );
    assert!(!plain.exists());
}

#[test]
fn what_an_interrupted_tidying_left_is_cleared_away() {
    let (directory, log, now) = old_files(&[1]);
    let plain = backups::name(&log, now - Duration::from_secs(86_460));
    write(format!("{}.gz.tmp", plain.display()), "half");
    let orphan = backups::name(&log, now - Duration::from_secs(60));
    write(format!("{}.gz.tmp", orphan.display()), "half");

    let late = backups::tidy(&log, &rotation(1), now, Instant::now());
    assert!(late.is_err());
    assert_eq!(left(directory.path()), days(&[1], false));
    backups::tidy(&log, &rotation(1), now, soon()).unwrap();
    assert_eq!(left(directory.path()), days(&[1], true));
    let names = names(directory.path());
    assert!(
        !names.iter().any(|name| name.ends_with(".tmp")),
        "{names:?}"
    );
}

#[test]
fn a_file_that_somebody_else_compresses_is_passed_by() {
    let (directory, log, now) = old_files(&[1]);
    let plain = backups::name(&log, now - Duration::from_secs(86_460));
    let other = File::open(plain).unwrap();
    flock(&other, FlockOperation::NonBlockingLockExclusive).unwrap();
    backups::tidy(&log, &rotation(1), now, soon()).unwrap();
    assert_eq!(left(directory.path()), days(&[1], false));
}

#[test]
fn tidying_where_nothing_was_ever_written_is_fine() {
    let directory = TempDir::new().unwrap();
    let log = directory.path().join("no/such/multus.log");
    backups::tidy(&log, &rotation(1), SystemTime::now(), soon()).unwrap();
}

/// Names the file to which a process of the test below writes, and its number.
const WRITER: &str = "SYS_TEST_LOG_WRITER";
const WRITERS: usize = 8;
const LINES: usize = 1000;

#[test]
fn lines_of_many_processes_are_whole_and_none_is_lost_while_files_are_put_aside_and_compressed() {
    // B9.2, Q49
    if let Some(task) = crate::environment::get(WRITER) {
        return write_lines(&task);
    }
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("multus.log");
    let mut writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            #[expect(
                clippy::disallowed_methods,
                reason = "this test's own program, many times"
            )]
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--test-threads=1"])
                .arg(std::thread::current().name().unwrap())
                .env(WRITER, format!("{number}:{}", path.display()))
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    let tidying = LogFile::new(path, rotation(200_000));
    eventually("writers end", || {
        tidying.tidy(soon()).unwrap();
        writers
            .iter_mut()
            .all(|writer| writer.try_wait().unwrap().is_some())
    });
    tidying.tidy(soon()).unwrap();

    let lines = all_lines(directory.path());
    let whole: BTreeSet<&str> = lines.iter().map(|line| whole_line(line)).collect();
    // On a machine where somebody who holds the lock is not let run for long, one may stand twice.
    assert_eq!(whole.len(), WRITERS * LINES);
    let names = names(directory.path());
    assert!(names.len() > 3, "never put aside: {names:?}");
}

fn write_lines(task: &str) {
    let (number, path) = task.split_once(':').unwrap();
    let log = LogFile::new(path.into(), rotation(200_000));
    for line in 0..LINES {
        let filling = "x".repeat(line % 500);
        log.append(&format!("<{number}/{line} {filling}>\n"))
            .unwrap();
    }
}

/// The number of a line that is as it was written.
fn whole_line(line: &str) -> &str {
    let inner = line
        .strip_prefix('<')
        .and_then(|line| line.strip_suffix('>'));
    let (number, filling) = inner.and_then(|line| line.split_once(' ')).expect(line);
    let expected: usize = number.split_once('/').unwrap().1.parse().unwrap();
    assert_eq!(filling, "x".repeat(expected % 500), "{line}");
    number
}
