//! `docs/metrics.md` has a row for every series, and no other.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files;

const PAGE: &str = "docs/metrics.md";
const CODE: &str = "crates/daemon/src/metrics";

/// A literal that is the name of a series.
fn is_series(literal: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let begins = ["multus_", "process_"]
        .iter()
        .any(|begin| literal.starts_with(begin));
    begins && literal.bytes().all(of_a_name)
}

/// The names in the sources that ship.
fn in_code() -> BTreeSet<String> {
    let ships =
        |path: &Path| path.starts_with(CODE) || path == Path::new("crates/daemon/src/metrics.rs");
    let sources = files::sources().into_iter();
    let sources = sources.filter(|(path, _)| ships(path) && !path.ends_with("tests.rs"));
    let literals = sources.flat_map(|(_, text)| {
        let literals: Vec<String> = text.split('"').map(str::to_owned).collect();
        literals
    });
    literals.filter(|literal| is_series(literal)).collect()
}

/// The names in the first cells of the page's tables.
fn on_page() -> BTreeSet<String> {
    let page = files::text(Path::new(PAGE));
    let names = page.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split(['`', '{']).next()?;
        Some(name.to_owned())
    });
    names.filter(|name| is_series(name)).collect()
}

#[test]
fn every_series_has_a_row_on_the_page_about_metrics_and_every_row_a_series() {
    let (code, page) = (in_code(), on_page());
    assert!(code.len() > 10, "{code:?}");
    assert_eq!(code, page, "in {CODE} and on {PAGE}");
}
