//! Names of networks and plugins in labels. Whoever may make definitions could make series without end.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Pairs of a network and its plugin that have series of their own.
const MOST: usize = 64;
/// The longest name; that of a definition with its namespace fits.
const LONGEST: usize = 320;
/// The label of all others.
pub(super) const OTHER: &str = "other";

/// The names that have been seen.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashSet<(Box<str>, Box<str>)>>);

impl Names {
    /// The labels of a network and its plugin: their names, or where there are too many already, those of all others.
    pub(super) fn bounded<'a>(&self, network: &'a str, plugin: &'a str) -> (&'a str, &'a str) {
        if network.len() > LONGEST || plugin.len() > LONGEST {
            return (OTHER, OTHER);
        }
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (network.into(), plugin.into());
        if !seen.contains(&pair) {
            if seen.len() >= MOST {
                return (OTHER, OTHER);
            }
            seen.insert(pair);
        }
        (network, plugin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_beyond_the_bound_share_one_label_and_those_before_keep_theirs() {
        let names = Names::default();
        for number in 0..MOST {
            let network = format!("ns/{number}");
            assert_eq!(names.bounded(&network, "bridge"), (&*network, "bridge"));
        }
        assert_eq!(names.bounded("ns/more", "bridge"), (OTHER, OTHER));
        assert_eq!(names.bounded("ns/0", "bridge"), ("ns/0", "bridge"));
        assert_eq!(names.bounded("ns/0", "macvlan"), (OTHER, OTHER));
    }

    #[test]
    fn a_name_that_no_network_has_is_no_label() {
        let long = "n".repeat(LONGEST + 1);
        let names = Names::default();
        assert_eq!(names.bounded(&long, "bridge"), (OTHER, OTHER));
        assert_eq!(names.bounded("n", &long), (OTHER, OTHER));
        assert!(names.0.lock().unwrap().is_empty());
    }
}
