//! The pages for people: each is in the book, and what they refer to is there.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::files;

/// The book's pages, and those beside it.
fn pages() -> Vec<PathBuf> {
    let is_page = |path: &PathBuf| {
        let folder = path.parent().unwrap_or(Path::new(""));
        path.extension().is_some_and(|extension| extension == "md")
            && (folder == Path::new("") || folder == Path::new("docs"))
    };
    files::all().into_iter().filter(is_page).collect()
}

/// The lines of a page that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// Where the links of a page lead.
fn links(text: &str) -> Vec<String> {
    // A link may go over the end of a line.
    let text = prose(text).collect::<Vec<_>>().join(" ");
    let of_link = |rest: &str| rest.split(')').next().unwrap_or_default().to_owned();
    text.split("](").skip(1).map(of_link).collect()
}

/// The anchor of a heading, as mdBook and GitHub make it.
fn anchor(heading: &str) -> String {
    let kept = |letter: char| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        _ => letter
            .is_alphanumeric()
            .then(|| letter.to_ascii_lowercase()),
    };
    heading.trim().chars().filter_map(kept).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    headings.map(anchor).collect()
}

/// A path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(found.pop()),
            part => found.push(part),
        }
    }
    found
}

/// What is wrong with a link of a page.
fn fault(page: &Path, link: &str) -> Option<String> {
    if link.starts_with("https://") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => page.to_owned(),
        path => plain(&page.parent().unwrap_or(Path::new("")).join(path)),
    };
    if !files::root().join(&target).is_file() {
        return Some(format!("{}: {link} leads nowhere", page.display()));
    }
    if page.starts_with("docs") && !target.starts_with("docs") {
        return Some(format!("{}: {link} leads out of the book", page.display()));
    }
    let is_there = anchor.is_empty() || anchors(&files::text(&target)).contains(anchor);
    (!is_there).then(|| format!("{}: {link}: no such heading", page.display()))
}

#[test]
fn every_page_is_in_the_summary_once_and_every_entry_is_a_page() {
    let mut entries = links(&files::text(Path::new("docs/SUMMARY.md")));
    entries.sort_unstable();
    let mut expected: Vec<String> = pages()
        .iter()
        .filter_map(|path| path.strip_prefix("docs").ok())
        .map(|path| path.display().to_string())
        .filter(|name| name != "SUMMARY.md")
        .collect();
    expected.sort_unstable();
    assert_eq!(entries, expected);
}

#[test]
fn every_link_between_pages_leads_to_a_heading_that_is_there() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    let of_page = |page: &PathBuf| -> Vec<String> {
        let links = links(&files::text(page));
        links.iter().filter_map(|link| fault(page, link)).collect()
    };
    let faults: Vec<String> = pages.iter().flat_map(of_page).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_link_that_leads_nowhere_is_noticed() {
    let page = Path::new("docs/install.md");
    for (link, expected) in [
        ("https://example.org/", None),
        ("install.md#the-image", None),
        ("#the-image", None),
        ("missing.md", Some("leads nowhere")),
        ("#missing", Some("no such heading")),
        ("../README.md", Some("leads out of the book")),
    ] {
        let fault = fault(page, link);
        match expected {
            None => assert_eq!(fault, None),
            Some(words) => assert!(fault.is_some_and(|fault| fault.contains(words)), "{link}"),
        }
    }
    let text = "# A `b`'s c\n```\n# [x](code.md)\n```\n[one](a.md) and [two](b.md\n#c)";
    assert_eq!(links(text), ["a.md", "b.md #c"]);
    assert_eq!(anchors(text), BTreeSet::from(["a-bs-c".to_owned()]));
}
