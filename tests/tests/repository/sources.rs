//! Rules for single files: length, `unsafe`, switched-off lints and tests, paths of somebody's machine.

use std::path::Path;

use crate::files;

/// Longer files fail.
const LONGEST: usize = 500;

/// Longer files are named.
const LONG: usize = 300;

/// Files that may be longer, with the reason.
const MAY_BE_LONGER: &[(&str, &str)] = &[];

/// The folder that may hold `unsafe`.
const UNSAFE_FOLDER: &str = "crates/sys";

/// A line without its comment and without the contents of its strings: enough to find a keyword.
fn code(line: &str) -> String {
    let mut kept = String::new();
    let mut in_string = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => drop(characters.next()),
            '"' => in_string = !in_string,
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            _ if !in_string => kept.push(character),
            _ => {}
        }
    }
    kept
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|character: char| !character.is_alphanumeric() && character != '_')
        .any(|found| found == word)
}

/// All places where a line is wrong, as `file:line: text`.
fn places(is_wrong: impl Fn(&Path, &[&str], usize) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files::sources() {
        let lines: Vec<&str> = text.lines().collect();
        let wrong = (0..lines.len()).filter(|number| is_wrong(&path, &lines, *number));
        found.extend(wrong.map(|number| {
            format!(
                "{}:{}: {}",
                path.display(),
                number + 1,
                lines[number].trim()
            )
        }));
    }
    found
}

#[test]
fn files_are_short() {
    let mut too_long = Vec::new();
    for (path, text) in files::sources() {
        let (path, lines) = (path.display().to_string(), text.lines().count());
        let excused = MAY_BE_LONGER.iter().any(|(excused, _)| *excused == path);
        if lines > LONGEST && !excused {
            too_long.push(format!("{path} has {lines} lines"));
        } else if lines > LONG {
            println!("{path} has {lines} lines; most files do with {LONG}");
        }
    }
    assert!(
        too_long.is_empty(),
        "longer than {LONGEST} lines:\n{}",
        too_long.join("\n")
    );
}

#[test]
fn unsafe_stands_in_one_crate_only() {
    let found = places(|path, lines, number| {
        !path.starts_with(UNSAFE_FOLDER) && has_word(&code(lines[number]), "unsafe")
    });
    assert!(
        found.is_empty(),
        "`unsafe` outside {UNSAFE_FOLDER}:\n{}",
        found.join("\n")
    );
}

#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let found = places(|path, lines, number| {
        let before = &lines[number.saturating_sub(8)..number];
        path.starts_with(UNSAFE_FOLDER)
            && has_word(&code(lines[number]), "unsafe")
            && !before.iter().any(|line| line.contains("SAFETY:"))
    });
    assert!(
        found.is_empty(),
        "`unsafe` without a SAFETY comment:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_test_and_no_lint_is_switched_off() {
    let found = places(|_, lines, number| {
        let code: String = code(lines[number]).split_whitespace().collect();
        ["#[ignore", "#[allow(", "#![allow(", "cfg_attr(test,allow"]
            .iter()
            .any(|off| code.contains(off))
    });
    assert!(
        found.is_empty(),
        "use #[expect(…, reason = …)], and no ignored tests:\n{}",
        found.join("\n")
    );
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    // Put together here, so that this file does not hold them.
    let paths = ["work", "farm"].map(|folder| format!("/{folder}/"));
    let mut found = Vec::new();
    for file in files::all() {
        let text = files::text(&file);
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| paths.iter().any(|path| line.contains(path)));
        found.extend(
            lines.map(|(number, line)| {
                format!("{}:{}: {}", file.display(), number + 1, line.trim())
            }),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn keywords_are_found_in_code_and_not_in_comments_or_strings() {
    for (line, expected) in [
        ("    unsafe { call() }", true),
        ("pub unsafe fn call() {", true),
        ("// unsafe { call() }", false),
        ("let text = \"unsafe\";", false),
        ("let text = \"a \\\" unsafe\";", false),
        ("unsafe_code = 1", false),
    ] {
        assert_eq!(has_word(&code(line), "unsafe"), expected, "{line}");
    }
}
