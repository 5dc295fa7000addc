//! Medians and their like, in milliseconds.

use std::time::Duration;

/// What is told of a row of times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Summary {
    pub(super) median: f64,
    /// Nineteen of twenty were not longer.
    pub(super) p95: f64,
    pub(super) least: f64,
}

/// A time in milliseconds.
pub(super) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Nothing for an empty row.
pub(super) fn summary(mut row: Vec<f64>) -> Option<Summary> {
    row.sort_by(f64::total_cmp);
    Some(Summary {
        median: median_of_sorted(&row)?,
        p95: *row.get((row.len() * 19).div_ceil(20).saturating_sub(1))?,
        least: *row.first()?,
    })
}

/// Nothing for an empty row.
pub(super) fn median(mut row: Vec<f64>) -> Option<f64> {
    row.sort_by(f64::total_cmp);
    median_of_sorted(&row)
}

fn median_of_sorted(row: &[f64]) -> Option<f64> {
    let upper = *row.get(row.len() / 2)?;
    if row.len() % 2 == 1 {
        return Some(upper);
    }
    Some((row[row.len() / 2 - 1] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn nineteen_of_twenty_are_not_longer_than_the_p95() {
        let row: Vec<f64> = (1..=100).map(f64::from).collect();
        let summary = summary(row).unwrap();
        assert_eq!((summary.p95, summary.least), (95.0, 1.0));
        assert_eq!(super::summary(vec![7.0]).unwrap().p95, 7.0);
    }
}
