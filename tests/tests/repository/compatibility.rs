//! `docs/compatibility.md` has a row for everything that upstream does, gets wrong and tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::files;

const PAGE: &str = "docs/compatibility.md";

/// An id: its kind and section, and its number there. `Q` has no sections.
type Id = (String, u32);

/// Upstream's behaviour, section by section.
const BEHAVIOUR: &[(&str, &str)] = &[
    ("B0", "1-6"),
    ("B1", "1-10 20-29 40-45 60-86 90-93 100-103 110-116 120-122"),
    ("B2", "1-25 30-32 40-48 60-72 80-87 100-119 130-131 140-145"),
    ("B3", "1-6 10-12 20-27 30-50 60-64 70-77 80"),
    (
        "B4",
        "1-4 10-15 20-31 40-47 50-53 60-67 80-88 90-92 100-110 120-132 135-142",
    ),
    (
        "B5",
        "1-5 10-11 40-42 50 55-58 60-67 70-71 75-78 80-85 90-92 95-97",
    ),
    (
        "B6",
        "1-6 10-14 20-27 30-33 40-45 60-62 70-86 90-94 140-150 160-161 170-172",
    ),
    ("B7", "10-17 20-25"),
    ("B8", "1 10-12 20-24 30-34 40-42"),
    ("B9", "1-11"),
    ("B10", "1-35"),
    ("B11", "1-7"),
];

/// Its faults, and its tests.
const FAULTS: &[(&str, &str)] = &[("Q", "1-90")];
const TESTS: &[(&str, &str)] = &[
    ("T1", "1-24"),
    ("T2", "1-22"),
    ("T3", "1-20"),
    ("T4", "1-4"),
    ("T5", "1-8"),
    ("T6", "1-7"),
    ("T7", "1-9"),
];

fn numbers(ranges: &str) -> Vec<u32> {
    let of_range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        first.parse().unwrap()..=last.parse().unwrap()
    };
    ranges.split(' ').flat_map(of_range).collect()
}

fn ids(sections: &[(&str, &str)]) -> BTreeSet<Id> {
    let mut found = BTreeSet::new();
    for (section, ranges) in sections {
        let numbers = numbers(ranges).into_iter();
        found.extend(numbers.map(|number| ((*section).to_owned(), number)));
    }
    found
}

/// `B4.20` or `Q7`.
fn id(text: &str) -> Option<Id> {
    let (section, number) = match text.split_once('.') {
        Some((section, number)) => (section, number),
        None => text.split_at_checked(1)?,
    };
    Some((section.to_owned(), number.parse().ok()?))
}

/// The ids of a row's first cell: `B4.20–B4.29, B4.44`.
fn of_cell(cell: &str) -> Vec<Id> {
    let mut found = Vec::new();
    for range in cell.split(", ") {
        let (first, last) = range.split_once('–').unwrap_or((range, range));
        let (Some(first), Some(last)) = (id(first), id(last)) else {
            continue;
        };
        assert!(
            first.0 == last.0 && first.1 <= last.1,
            "{range} is no range"
        );
        found.extend((first.1..=last.1).map(|number| (first.0.clone(), number)));
    }
    found
}

/// The rows of the page that are about ids: the ids, and the line.
fn rows() -> Vec<(Vec<Id>, String)> {
    let text = files::text(Path::new(PAGE));
    let rows = text.lines().filter_map(|line| {
        let (first, _) = line.strip_prefix("| ")?.split_once(" | ")?;
        let ids = of_cell(first);
        (!ids.is_empty()).then(|| (ids, line.to_owned()))
    });
    rows.collect()
}

#[test]
fn everything_of_upstream_has_a_row_of_its_own_and_nothing_else_has() {
    let mut known = ids(BEHAVIOUR);
    known.extend(ids(FAULTS));
    known.extend(ids(TESTS));
    let mut rows_of: BTreeMap<Id, usize> = BTreeMap::new();
    for (ids, _) in rows() {
        for id in ids {
            *rows_of.entry(id).or_default() += 1;
        }
    }
    let missing: Vec<_> = known
        .iter()
        .filter(|id| !rows_of.contains_key(*id))
        .collect();
    assert!(missing.is_empty(), "without a row in {PAGE}: {missing:?}");
    // A range may run over numbers that upstream does not have; its ends may not.
    let ends = rows().into_iter().flat_map(|(_, line)| {
        let first = line.split(" | ").next().unwrap_or_default().to_owned();
        let ends: Vec<Id> = first
            .trim_start_matches("| ")
            .split([',', '–'])
            .filter_map(|end| id(end.trim()))
            .collect();
        ends
    });
    let unknown: Vec<_> = ends.filter(|id| !known.contains(id)).collect();
    assert!(unknown.is_empty(), "in {PAGE}, but of nobody: {unknown:?}");
}

#[test]
fn every_row_says_what_it_is_about_and_what_is_done() {
    for (_, line) in rows() {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(
            cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()),
            "{line}"
        );
    }
}

#[test]
fn every_test_of_upstream_is_covered_by_a_file_that_is_there_or_says_why_not() {
    let tests = ids(TESTS);
    for (ids, line) in rows() {
        if !ids.iter().any(|id| tests.contains(id)) {
            continue;
        }
        let named: Vec<&str> = line
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|word| word.ends_with(".rs"))
            .collect();
        let is_told = !named.is_empty() || line.contains("| later: ");
        assert!(is_told, "neither a file nor a reason: {line}");
        for file in named {
            assert!(
                files::root().join(file).is_file(),
                "{file} is not there: {line}"
            );
        }
    }
}

#[test]
fn ids_and_ranges_are_read() {
    let read = |cell: &str| {
        of_cell(cell)
            .into_iter()
            .map(|(section, number)| format!("{section} {number}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        read("B4.20–B4.22, B4.44"),
        ["B4 20", "B4 21", "B4 22", "B4 44"]
    );
    assert_eq!(read("Q6, Q7"), ["Q 6", "Q 7"]);
    assert_eq!(read("all"), [""; 0]);
}
