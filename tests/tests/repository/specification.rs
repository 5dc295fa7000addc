//! `docs/SPECIFICATION.md` and what keeps its promises: each test that it names exists, each line of code says what it
//! says, and no limit of the code is missing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::files;

const PAGE: &str = "docs/SPECIFICATION.md";

/// Numbers of protocols and formats, which limit nothing.
const OF_PROTOCOLS: [&str; 2] = ["crates/cni/src/error.rs", "crates/devices/src/message.rs"];
const NO_LIMITS: [&str; 10] = [
    "DIRECTORY",
    "ERROR_TEXT",
    "FILE",
    "HEADER",
    "LINK_HEADER",
    "NSFS",
    "PREFIX",
    "SIZES",
    "STEP",
    "VERSION",
];

/// A promise: a row of one of the page's tables.
struct Rule {
    id: String,
    number: String,
    keepers: Vec<Keeper>,
}

/// What keeps a promise.
enum Keeper {
    /// A test, by its name.
    Test(String),
    /// A file, and what stands in it.
    Code(String, String),
}

fn rules() -> Vec<Rule> {
    files::text(Path::new(PAGE))
        .lines()
        .filter_map(rule)
        .collect()
}

/// `| S1 | what | number | keepers |`
fn rule(line: &str) -> Option<Rule> {
    let cells: Vec<&str> = line.strip_prefix("| S")?.split(" | ").collect();
    let [id, _what, number, keepers] = cells.as_slice() else {
        panic!("not a row of four cells: {line}");
    };
    let spans = keepers.split('`').skip(1).step_by(2);
    Some(Rule {
        id: format!("S{id}"),
        number: (*number).to_owned(),
        keepers: spans.map(keeper).collect(),
    })
}

fn keeper(span: &str) -> Keeper {
    match span.split_once(".rs: ") {
        Some((path, text)) => Keeper::Code(format!("{path}.rs"), text.to_owned()),
        None => Keeper::Test(span.to_owned()),
    }
}

/// The part of a source that ships.
fn shipped(path: &Path, text: &str) -> String {
    let is_test = |part: &str| matches!(part, "tests" | "tests.rs" | "testing.rs" | "testing");
    let ships =
        path.starts_with("crates") && !path.iter().any(|part| part.to_str().is_some_and(is_test));
    let lines = text
        .lines()
        .take_while(|line| ships && line.trim() != "mod tests {");
    lines.collect::<Vec<_>>().join("\n")
}

/// A constant that may be a limit, a time in numbers, or a power of two.
fn is_limit(line: &str) -> bool {
    let line = line.trim();
    if line.starts_with("//") {
        return false;
    }
    let constant = line
        .split_once("const ")
        .and_then(|(_, rest)| rest.split_once(": "))
        .is_some_and(|(name, rest)| {
            let kind = rest.split(" =").next().unwrap_or_default();
            !NO_LIMITS.contains(&name) && matches!(kind, "usize" | "u64" | "u32" | "Duration")
        });
    let begins_with_digit = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
    let time = line.split("Duration::from_").skip(1).any(|rest| {
        rest.split_once('(')
            .is_some_and(|(_, number)| begins_with_digit(number))
    });
    let power = line
        .split_once(" << ")
        .is_some_and(|(_, exponent)| begins_with_digit(exponent));
    constant || time || power
}

#[test]
fn rules_have_numbers_of_their_own_and_each_is_kept_by_something() {
    let rules = rules();
    let ids: Vec<&str> = rules.iter().map(|rule| rule.id.as_str()).collect();
    let expected: Vec<String> = (1..=rules.len())
        .map(|number| format!("S{number}"))
        .collect();
    assert_eq!(ids, expected);
    for rule in rules {
        assert!(!rule.number.trim().is_empty(), "{}: no number", rule.id);
        assert!(!rule.keepers.is_empty(), "{}: nothing keeps it", rule.id);
    }
}

#[test]
fn tests_and_lines_that_the_specification_names_exist() {
    let sources = files::sources();
    let tests: BTreeSet<&str> = sources
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| line.trim().strip_prefix("fn ")?.strip_suffix("() {"))
        .collect();
    let mut wrong = Vec::new();
    for rule in rules() {
        for keeper in &rule.keepers {
            match keeper {
                Keeper::Test(name) if !tests.contains(name.as_str()) => {
                    wrong.push(format!("{}: no test {name}", rule.id));
                }
                Keeper::Code(path, line) if !files::text(Path::new(path)).contains(line) => {
                    wrong.push(format!("{}: {path} does not say {line}", rule.id));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
}

#[test]
fn every_limit_of_the_code_stands_in_the_specification() {
    let rules = rules();
    let mut missing = Vec::new();
    for (path, text) in files::sources() {
        let name = path.display().to_string();
        if OF_PROTOCOLS.contains(&name.as_str()) {
            continue;
        }
        let told: Vec<&str> = rules
            .iter()
            .flat_map(|rule| &rule.keepers)
            .filter_map(|keeper| match keeper {
                Keeper::Code(file, line) if *file == name => Some(line.as_str()),
                _ => None,
            })
            .collect();
        let shipped = shipped(&path, &text);
        let untold = shipped
            .lines()
            .filter(|line| is_limit(line) && !told.iter().any(|told| line.contains(told)));
        missing.extend(untold.map(|line| format!("{name}: {}", line.trim())));
    }
    assert!(
        missing.is_empty(),
        "limits that {PAGE} does not tell:\n{}",
        missing.join("\n")
    );
}

#[test]
fn limits_are_told_from_other_code() {
    for (line, expected) in [
        ("const MOST: usize = 512;", true),
        (
            "pub const PATIENCE: Duration = Duration::from_millis(100);",
            true,
        ),
        ("    stdout: 1 << 20,", true),
        ("let pause = Duration::from_secs(2);", true),
        ("Some(\"s\") => Duration::from_secs(number),", false),
        ("const VERSION: u32 = 1;", false),
        ("const GET_LINK: u16 = 18;", false),
        ("// at most 1 << 20 bytes", false),
        ("let sum = base + offset;", false),
    ] {
        assert_eq!(is_limit(line), expected, "{line}");
    }
}
