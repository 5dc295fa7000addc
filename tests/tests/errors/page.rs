//! Page and program.

use std::collections::BTreeSet;

use suites::errors::PAGE;

use crate::{Sample, attaching, cluster, daemon, planning, provoked, specification};

/// Rows that nothing outside the program can bring about.
const UNPROVOKED: [&str; 1] = ["internal fault"];

fn samples() -> impl Iterator<Item = Sample> {
    specification::samples()
        .chain(planning::samples())
        .chain(attaching::samples())
        .chain(cluster::samples())
        .chain(daemon::samples())
}

#[test]
fn every_error_of_the_program_is_on_the_page_with_its_code() {
    for sample in samples() {
        PAGE.expect(&sample.text, sample.code);
    }
}

#[test]
fn every_row_of_the_page_is_an_error_of_the_program() {
    let mut met: BTreeSet<usize> = samples()
        .flat_map(|sample| PAGE.expect(&sample.text, sample.code).rows)
        .collect();
    for (code, message) in provoked::messages() {
        met.extend(PAGE.expect(&message, Some(code)).rows);
    }
    let rows = PAGE.rows().iter().enumerate();
    let stale: Vec<&str> = rows
        .filter(|(place, _)| !met.contains(place))
        .map(|(_, row)| row.text.as_str())
        .filter(|text| !UNPROVOKED.contains(text))
        .collect();
    assert!(stale.is_empty(), "no error reads like {stale:#?}");
}

#[test]
fn no_row_stands_there_twice() {
    let mut seen = BTreeSet::new();
    for row in PAGE.rows() {
        assert!(seen.insert(&row.text), "twice: {}", row.text);
    }
}

#[test]
fn a_text_that_is_no_error_of_the_program_is_not_on_the_page() {
    for text in [
        "",
        "oops",
        "Multus: oops",
        "Multus: [a/b/c]: error adding container to network \"x\": oops",
        "[a/b/c:x]: oops: oops",
        "annotation k8s.v1.cni.cncf.io/networks: oops: oops",
    ] {
        assert!(PAGE.fit(text).is_none(), "{text:?}");
    }
}
