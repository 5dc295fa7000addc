//! What the scenarios came to.

use std::fmt::Write as _;
use std::time::Duration;

/// What one scenario came to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: &'static str,
    pub(super) pods: usize,
    /// The longest wait of a pod until it was ready.
    pub(super) worst: Option<Duration>,
    /// What is left on the node.
    pub(super) left: Vec<String>,
    pub(super) took: Duration,
    /// What it measured, for people.
    pub(super) note: String,
    /// Why it failed.
    pub(super) failure: Option<String>,
}

/// The table.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let width = outcomes
        .iter()
        .map(|outcome| outcome.name.len())
        .max()
        .unwrap_or(0)
        .max(8);
    let mut text = format!(
        "\n{:<width$}  {:>4}  {:>10}  {:>9}  {:>7}\n",
        "scenario", "pods", "worst wait", "leftovers", "took"
    );
    for outcome in outcomes {
        let worst = outcome.worst.map_or("–".to_owned(), |wait| {
            format!("{:.1} s", wait.as_secs_f64())
        });
        let verdict = if outcome.failure.is_some() {
            "  FAILED"
        } else {
            ""
        };
        let note = if outcome.note.is_empty() {
            String::new()
        } else {
            format!("  {}", outcome.note)
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{:<width$}  {:>4}  {worst:>10}  {:>9}  {:>5.0} s{verdict}{note}",
            outcome.name,
            outcome.pods,
            outcome.left.len(),
            outcome.took.as_secs_f64(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_scenario_stands_out() {
        let outcome = |name, failure: Option<&str>| Outcome {
            name,
            pods: 2,
            worst: Some(Duration::from_millis(1500)),
            left: Vec::new(),
            took: Duration::from_secs(3),
            note: String::new(),
            failure: failure.map(str::to_owned),
        };
        let text = table(&[
            outcome("good one", None),
            outcome("bad one", Some("because")),
        ]);
        assert!(
            text.contains("good one     2       1.5 s          0      3 s\n"),
            "{text}"
        );
        assert!(
            text.contains("bad one      2       1.5 s          0      3 s  FAILED\n"),
            "{text}"
        );
    }
}
