//! What a part of the test came to.

use std::fmt::Write;
use std::time::Duration;

/// How many of the slowest steps are shown.
const SHOWN: usize = 12;

/// What a part came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) took: Duration,
    pub(super) passed: u64,
    pub(super) failed: u64,
    /// Something other than a test failed.
    pub(super) broken: bool,
    /// Steps of the part, in seconds.
    pub(super) steps: Vec<(String, f64)>,
}

impl Outcome {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            took: Duration::ZERO,
            passed: 0,
            failed: 0,
            broken: false,
            steps: Vec::new(),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.failed == 0 && !self.broken
    }

    pub(super) fn word(&self) -> &'static str {
        if self.is_good() { "good" } else { "FAILED" }
    }
}

/// The parts with their times, and what took longest.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut text = String::from("\n");
    for outcome in outcomes {
        let Outcome {
            name,
            passed,
            failed,
            ..
        } = outcome;
        let tests = if passed + failed > 0 {
            format!("{passed} passed, {failed} failed")
        } else {
            String::new()
        };
        let line = format!(
            "{name:<8}  {:<6}  {:>7.1} s  {tests}",
            outcome.word(),
            outcome.took.as_secs_f64()
        );
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let mut steps: Vec<_> = outcomes
        .iter()
        .flat_map(|outcome| &outcome.steps)
        .filter(|(_, seconds)| *seconds >= 0.5)
        .collect();
    steps.sort_by(|one, other| other.1.total_cmp(&one.1));
    if !steps.is_empty() {
        text.push_str("\nWhat took longest:\n");
    }
    for (name, seconds) in steps.into_iter().take(SHOWN) {
        let _ = writeln!(text, "{seconds:>8.1} s  {name}");
    }
    text.push('\n');
    text
}

/// All tests in one line. A part that broke counts as a failure, so that the line never hides one.
pub(super) fn closing_line(outcomes: &[Outcome]) -> String {
    let passed: u64 = outcomes.iter().map(|outcome| outcome.passed).sum();
    let failed: u64 = outcomes
        .iter()
        .map(|outcome| outcome.failed.max(u64::from(outcome.broken)))
        .sum();
    format!("{passed} passed, {failed} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: u64, failed: u64, broken: bool) -> Outcome {
        Outcome {
            passed,
            failed,
            broken,
            ..Outcome::new("unit")
        }
    }

    #[test]
    fn the_closing_line_counts_tests_and_broken_parts() {
        assert_eq!(
            closing_line(&[outcome(3, 1, true), outcome(2, 0, false)]),
            "5 passed, 1 failed"
        );
        assert_eq!(closing_line(&[outcome(0, 0, true)]), "0 passed, 1 failed");
    }

    #[test]
    fn the_slowest_steps_come_first() {
        let steps = vec![
            ("quick".to_owned(), 0.1),
            ("slow".to_owned(), 2.0),
            ("slower".to_owned(), 3.0),
        ];
        let text = table(&[Outcome {
            steps,
            ..outcome(1, 0, false)
        }]);
        assert!(
            text.find("slower").unwrap() < text.find(" slow\n").unwrap(),
            "{text}"
        );
        assert!(!text.contains("quick"), "{text}");
    }
}
