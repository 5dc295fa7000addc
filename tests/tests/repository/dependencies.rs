//! Every dependency has a reason, and every reason a dependency.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{crates, files};

const TABLES: &str = "docs/dependencies.md";

#[test]
fn every_dependency_stands_in_the_table_and_the_other_way_round() {
    let used: BTreeSet<String> = crates::packages()
        .iter()
        .flat_map(|package| crates::dependencies(package, true))
        .filter(|(_, is_ours)| !is_ours)
        .map(|(name, _)| name)
        .collect();
    let text = files::text(Path::new(TABLES));
    let explained: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let unexplained: Vec<_> = used.difference(&explained).collect();
    assert!(
        unexplained.is_empty(),
        "without a line in {TABLES}: {unexplained:?}"
    );
    let unused: Vec<_> = explained.difference(&used).collect();
    assert!(
        unused.is_empty(),
        "in {TABLES}, but used by nobody: {unused:?}"
    );
}

#[test]
fn every_line_of_the_table_is_whole() {
    let text = files::text(Path::new(TABLES));
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(
            cells.len() == 3 && cells.iter().all(|cell| !cell.is_empty()),
            "{line}"
        );
    }
}
