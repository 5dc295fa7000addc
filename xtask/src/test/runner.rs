//! Runs cargo, shows what it prints, and counts tests in it.

use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use testkit::process::words;

use super::outcome::Outcome;

/// Runs a command that is to succeed.
pub(super) fn run(outcome: &mut Outcome, command: &mut Command) -> Result<()> {
    let line = short(command);
    println!("$ {line}");
    let begun = Instant::now();
    let status = command.status().with_context(|| format!("start {line}"))?;
    outcome
        .steps
        .push((line.clone(), begun.elapsed().as_secs_f64()));
    if !status.success() {
        bail!("{line}: {status}");
    }
    Ok(())
}

/// Runs `cargo test`: passes its output on and counts.
pub(super) fn run_tests(outcome: &mut Outcome, command: &mut Command) -> Result<()> {
    let line = short(command);
    println!("$ {line}");
    // One pipe for both, so that the name of a test program (standard error) comes before its result (standard output).
    let (reader, writer) = std::io::pipe().context("make a pipe")?;
    let mut child = command
        .stdout(writer.try_clone().context("copy a pipe")?)
        .stderr(writer)
        .spawn()
        .with_context(|| format!("start {line}"))?;
    // Our copies of the pipe's end must go, or it would never end.
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let mut counter = Counter::default();
    let begun = Instant::now();
    for text in BufReader::new(reader).split(b'\n') {
        let text = text.context("read what cargo printed")?;
        let text = String::from_utf8_lossy(&text);
        println!("{text}");
        if counter.running.is_none() && is_program(&text) {
            outcome.steps.push((
                format!("building for {line}"),
                begun.elapsed().as_secs_f64(),
            ));
        }
        counter.read(&text, outcome);
    }
    // Whoever reads our output sees it before the next part's.
    std::io::stdout().flush().context("print")?;
    let status = child.wait().with_context(|| format!("wait for {line}"))?;
    if !status.success() {
        bail!("{line}: {status}");
    }
    if outcome.passed == 0 {
        bail!("{line}: no test has run");
    }
    Ok(())
}

fn short(command: &Command) -> String {
    let line = words(command);
    match line.find("cargo ") {
        Some(start) => line[start..].to_owned(),
        None => line,
    }
}

fn is_program(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Running ") || line.starts_with("Doc-tests ")
}

/// Reads the output of `cargo test`.
#[derive(Debug, Default)]
struct Counter {
    /// The test program that runs.
    running: Option<String>,
}

impl Counter {
    fn read(&mut self, line: &str, outcome: &mut Outcome) {
        if is_program(line) {
            self.running = Some(program(line));
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let number = |word: &str| {
                before(result, word)
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0)
            };
            outcome.passed += number(" passed");
            outcome.failed += number(" failed");
            let seconds = result
                .rsplit("finished in ")
                .next()
                .and_then(|text| text.trim_end_matches('s').parse().ok());
            let name = format!("tests of {}", self.running.as_deref().unwrap_or("?"));
            outcome.steps.push((name, seconds.unwrap_or(0.0)));
        }
    }
}

/// `Running tests/world.rs (target/debug/deps/world-0123456789abcdef)` → `world: tests/world.rs`.
fn program(line: &str) -> String {
    let line = line
        .trim_start()
        .trim_start_matches("Running ")
        .replace("unittests ", "");
    let Some((source, path)) = line.split_once(" (") else {
        return line;
    };
    let file = path
        .trim_end_matches(')')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let name = file.rsplit_once('-').map_or(file, |(name, _)| name);
    format!("{name}: {source}")
}

/// The word before another one.
fn before<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.split(word).next()?.split(' ').next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_summed_and_named() {
        let mut outcome = Outcome::new("unit");
        let mut counter = Counter::default();
        for line in [
            "     Running unittests src/lib.rs (target/debug/deps/cni-0a1b2c3d)",
            "test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
            "     Running tests/world.rs (target/debug/deps/world-0a1b2c3d)",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.25s",
        ] {
            counter.read(line, &mut outcome);
        }
        assert_eq!((outcome.passed, outcome.failed), (15, 2));
        assert_eq!(
            outcome.steps,
            [
                ("tests of cni: src/lib.rs".to_owned(), 1.5),
                ("tests of world: tests/world.rs".to_owned(), 0.25)
            ]
        );
    }
}
