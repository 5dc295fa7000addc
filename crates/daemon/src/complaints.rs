//! What the log says of pods that cannot be attached or detached. Whoever may make pods must not be able to fill a disk with it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use plugin::LOG;

use crate::pace::{Lately, Pace};

/// So many lines at once, and one in this time on the long run; the same one as often as events say.
const BURST: u32 = 100;
const INTERVAL: Duration = Duration::from_secs(1);

/// Writes them.
#[derive(Debug)]
pub(crate) struct Complaints(Mutex<State>);

#[derive(Debug)]
struct State {
    lately: Lately,
    pace: Pace,
    /// Lines that came too soon after others.
    left_out: u64,
}

impl Default for Complaints {
    fn default() -> Self {
        Self(Mutex::new(State {
            lately: Lately::default(),
            pace: Pace::new(BURST, INTERVAL, Instant::now()),
            left_out: 0,
        }))
    }
}

impl Complaints {
    /// Something was not done.
    pub(crate) fn error(&self, text: &str) {
        if let Some(line) = self.line(text, Instant::now()) {
            LOG.error(line);
        }
    }

    /// Something was not done yet.
    pub(crate) fn warning(&self, text: &str) {
        if let Some(line) = self.line(text, Instant::now()) {
            LOG.warning(line);
        }
    }

    fn line(&self, text: &str, now: Instant) -> Option<String> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.lately.is_news(&text, now) {
            return None;
        }
        if !state.pace.is_open(now) {
            state.left_out += 1;
            return None;
        }
        Some(match std::mem::take(&mut state.left_out) {
            0 => text.to_owned(),
            lines => format!("{text} (before it {lines} lines about other pods were left out)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_fails_again_and_again_fills_no_log_and_how_much_is_left_out_is_told() {
        let (complaints, now) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.line("same", now).unwrap(), "same");
        assert_eq!(complaints.line("same", now), None);
        let lines = (0..3 * BURST).filter_map(|number| complaints.line(&number.to_string(), now));
        assert_eq!(lines.count(), 99);
        let later = now + INTERVAL;
        let told = complaints.line("other", later).unwrap();
        assert!(told.starts_with("other (before it 201 lines "), "{told}");
        let minute = now + 100 * INTERVAL;
        assert_eq!(complaints.line("same", minute).unwrap(), "same");
    }
}
