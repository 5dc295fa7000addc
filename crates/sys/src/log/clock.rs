//! What time it is: here for people, in UTC for names of files.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::environment;

/// The largest file of a time zone that is read; they have a few kilobytes.
const LARGEST_ZONE: u64 = 1 << 20;

/// The time here, as RFC 3339 has it, in seconds.
pub(super) fn local_now() -> String {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    let zone = ZONE.get_or_init(|| zone(environment::get("TZ").as_deref()));
    stamp(SystemTime::now(), zone)
}

/// The time zone that `TZ` names, else the machine's, else UTC; as programs in Go find it.
///
/// Reads one file. The library's own search goes through the whole zone database, which takes longer than an attachment.
pub(super) fn zone(variable: Option<&str>) -> TimeZone {
    let path = match variable.map(|name| name.strip_prefix(':').unwrap_or(name)) {
        None => PathBuf::from("/etc/localtime"),
        Some("") => return TimeZone::UTC,
        Some(name) => Path::new("/usr/share/zoneinfo").join(name),
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST_ZONE).read_to_end(&mut bytes))
        .ok()
        .and_then(|_| TimeZone::tzif("local", &bytes).ok())
        .unwrap_or(TimeZone::UTC)
}

pub(super) fn stamp(time: SystemTime, zone: &TimeZone) -> String {
    let time = timestamp(time);
    let offset = zone.to_offset(time);
    let at = offset.to_datetime(time);
    let minutes = offset.seconds() / 60;
    let mut text = format!("{}T{}", date(at), clock(at, ':'));
    if minutes == 0 {
        text.push('Z');
    } else {
        let sign = if minutes < 0 { '-' } else { '+' };
        let minutes = minutes.abs();
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    text
}

/// As the names of old log files have it: `2026-01-31T23-59-59.999`, UTC.
pub(super) fn name_of(time: SystemTime) -> String {
    let at = Offset::UTC.to_datetime(timestamp(time));
    format!("{}T{}.{:03}", date(at), clock(at, '-'), at.millisecond())
}

/// The time that [`name_of`] wrote.
pub(super) fn time_of(name: &str) -> Option<SystemTime> {
    let digits = |range: std::ops::Range<usize>| name.get(range)?.parse::<i16>().ok();
    let small = |range| i8::try_from(digits(range)?).ok();
    let at = DateTime::new(
        digits(0..4)?,
        small(5..7)?,
        small(8..10)?,
        small(11..13)?,
        small(14..16)?,
        small(17..19)?,
        i32::from(digits(20..23)?) * 1_000_000,
    )
    .ok()?;
    let time = Offset::UTC.to_timestamp(at).ok()?;
    let since = Duration::from_millis(u64::try_from(time.as_millisecond()).ok()?);
    // Whatever else may be read as numbers is no name of ours.
    let time = UNIX_EPOCH + since;
    (name_of(time) == name).then_some(time)
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    SignedDuration::try_from(since)
        .ok()
        .and_then(|since| Timestamp::from_duration(since).ok())
        .unwrap_or_default()
}

fn date(at: DateTime) -> String {
    format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day())
}

fn clock(at: DateTime, separator: char) -> String {
    format!(
        "{:02}{separator}{:02}{separator}{:02}",
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn lines_carry_local_time_with_its_offset() {
        // B9.1
        let cases = [
            (None::<&str>, "2026-01-31T23:59:59Z"),
            (Some("+01:00"), "2026-02-01T00:59:59+01:00"),
            (Some("-03:30"), "2026-01-31T20:29:59-03:30"),
        ];
        for (offset, expected) in cases {
            let zone = match offset {
                None => TimeZone::UTC,
                Some("+01:00") => TimeZone::fixed(Offset::from_seconds(3600).unwrap()),
                Some(_) => TimeZone::fixed(Offset::from_seconds(-12_600).unwrap()),
            };
            assert_eq!(stamp(at(1_769_903_999), &zone), expected);
        }
    }

    #[test]
    fn the_time_zone_is_that_of_the_environment_and_utc_where_there_is_none() {
        for (variable, winter, summer) in [
            ("Europe/Berlin", "+01:00", "+02:00"),
            (":Asia/Kolkata", "+05:30", "+05:30"),
            ("/usr/share/zoneinfo/America/New_York", "-05:00", "-04:00"),
            ("", "Z", "Z"),
            ("No/Such", "Z", "Z"),
        ] {
            let zone = zone(Some(variable));
            let (january, july) = (
                stamp(at(1_768_000_000), &zone),
                stamp(at(1_784_000_000), &zone),
            );
            assert!(january.ends_with(winter), "{variable}: {january}");
            assert!(july.ends_with(summer), "{variable}: {july}");
        }
    }

    #[test]
    fn names_of_old_files_are_read_as_they_are_written() {
        let time = at(1_769_903_999) + Duration::from_millis(7);
        assert_eq!(name_of(time), "2026-01-31T23-59-59.007");
        assert_eq!(time_of("2026-01-31T23-59-59.007"), Some(time));
        for other in [
            "",
            "old",
            "2026-01-31T23-59-59",
            "2026-13-31T23-59-59.007",
            "2026-01-31T23:59:59.007",
            "2026-01-31T23-59-59.0077",
            "2026-01-31T23-59-59.ä07",
        ] {
            assert_eq!(time_of(other), None, "{other}");
        }
    }
}
