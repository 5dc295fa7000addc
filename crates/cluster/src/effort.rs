//! How often something is tried, and how long it takes.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

/// What was spent on a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Requests sent.
    pub attempts: u32,
    /// From the first request to the last answer.
    pub time: Duration,
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.attempts == 1 { "" } else { "s" };
        write!(
            f,
            "{} attempt{s} in {:.1} s",
            self.attempts,
            self.time.as_secs_f64()
        )
    }
}

/// Pauses that double each time, and are a little random.
#[derive(Debug)]
pub(crate) struct Pauses {
    first: Duration,
    longest: Duration,
    /// How random.
    percent: u64,
    next: Duration,
}

impl Pauses {
    pub(crate) fn new(first: Duration, longest: Duration, percent: u64) -> Self {
        Self {
            first,
            longest,
            percent,
            next: first,
        }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let pause = jittered(self.next, self.percent);
        self.next = (self.next * 2).min(self.longest);
        pause
    }

    /// Begins again with the shortest.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Pauses between attempts, never beyond the deadline.
#[derive(Debug)]
pub(crate) struct Backoff {
    pauses: Pauses,
    deadline: Instant,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(2);

    pub(crate) fn until(deadline: Instant) -> Self {
        Self {
            pauses: Pauses::new(Self::FIRST, Self::LONGEST, 25),
            deadline,
        }
    }

    /// The next pause, not shorter than the server asked for; `None` where the deadline comes first.
    pub(crate) fn pause(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let pause = self.pauses.next().max(asked.unwrap_or_default());
        (pause < self.deadline.saturating_duration_since(Instant::now())).then_some(pause)
    }
}

/// The time and up to `percent` of it more, so that the nodes of a cluster do not come back at once.
pub(crate) fn jittered(time: Duration, percent: u64) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1024;
    let more = time.as_nanos() * u128::from(percent) * u128::from(random) / (100 * 1024);
    time + Duration::from_nanos(u64::try_from(more).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_two_seconds() {
        let mut backoff = Backoff::until(Instant::now() + Duration::from_secs(3600));
        for expected in [50, 100, 200, 400, 800, 1600, 2000, 2000] {
            let pause = backoff.pause(None).unwrap();
            let least = Duration::from_millis(expected);
            assert!(
                pause >= least && pause <= least * 5 / 4,
                "{pause:?} for {least:?}"
            );
        }
    }

    #[test]
    fn the_server_may_ask_for_a_longer_pause() {
        let mut backoff = Backoff::until(Instant::now() + Duration::from_secs(3600));
        assert_eq!(
            backoff.pause(Some(Duration::from_secs(7))),
            Some(Duration::from_secs(7))
        );
    }

    #[test]
    fn no_pause_reaches_the_deadline() {
        let mut backoff = Backoff::until(Instant::now() + Duration::from_millis(40));
        assert_eq!(backoff.pause(None), None);
        let mut backoff = Backoff::until(Instant::now() + Duration::from_secs(2));
        assert_eq!(backoff.pause(Some(Duration::from_secs(3))), None);
    }

    #[test]
    fn an_effort_reads_as_a_phrase() {
        let effort = Effort {
            attempts: 1,
            time: Duration::from_millis(20),
        };
        assert_eq!(effort.to_string(), "1 attempt in 0.0 s");
        let effort = Effort {
            attempts: 4,
            time: Duration::from_millis(2140),
        };
        assert_eq!(effort.to_string(), "4 attempts in 2.1 s");
    }
}
