//! How often something is told: what happens again and again, as a pod does that cannot start, fills neither the API nor the log.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::time::{Duration, Instant};

/// A warning is not told again for so long: a kubelet tries a pod every few seconds.
pub(crate) const QUIET: Duration = Duration::from_secs(60);
/// So many warnings are remembered.
const REMEMBERED: usize = 1024;

/// When the next may be told: regularly, and in bursts after quiet.
#[derive(Debug)]
pub(crate) struct Pace {
    burst: u32,
    interval: Duration,
    /// When everything that was let through would be told at the regular pace.
    due: Instant,
}

impl Pace {
    pub(crate) fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        Self {
            burst,
            interval,
            due: now,
        }
    }

    pub(crate) fn next(&mut self, now: Instant) -> Instant {
        self.due = self.due.max(now) + self.interval;
        let ahead = self.interval * self.burst;
        self.due.checked_sub(ahead).unwrap_or(now)
    }

    /// Whether one may be told at once. One that may not does not count.
    pub(crate) fn is_open(&mut self, now: Instant) -> bool {
        let before = self.due;
        let is_open = self.next(now) <= now;
        if !is_open {
            self.due = before;
        }
        is_open
    }
}

/// What was told lately.
#[derive(Debug, Default)]
pub(crate) struct Lately {
    when: HashMap<u64, Instant>,
    hasher: RandomState,
}

impl Lately {
    /// Whether it is worth telling.
    pub(crate) fn is_news(&mut self, what: &impl Hash, now: Instant) -> bool {
        let key = self.hasher.hash_one(what);
        let is_recent = |then: &Instant| now.saturating_duration_since(*then) < QUIET;
        if self.when.get(&key).is_some_and(is_recent) {
            return false;
        }
        if self.when.len() >= REMEMBERED {
            self.when.retain(|_, then| is_recent(then));
        }
        if self.when.len() < REMEMBERED {
            self.when.insert(key, now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BURST: u32 = 200;
    const INTERVAL: Duration = Duration::from_millis(10);

    #[test]
    fn so_many_warnings_are_remembered_and_others_are_told_all_the_same() {
        let (mut lately, now) = (Lately::default(), Instant::now());
        for number in 0..REMEMBERED + 10 {
            assert!(lately.is_news(&number, now));
        }
        assert_eq!(lately.when.len(), REMEMBERED);
        assert!(lately.is_news(&"new", now + QUIET));
        assert_eq!(lately.when.len(), 1);
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_at_its_pace() {
        let now = Instant::now();
        let mut pace = Pace::new(BURST, INTERVAL, now);
        for _ in 0..BURST {
            assert!(pace.next(now) <= now);
        }
        assert_eq!(pace.next(now), now + INTERVAL);
        assert_eq!(pace.next(now), now + INTERVAL * 2);
        let later = now + INTERVAL * BURST * 3;
        assert!(pace.next(later) <= later);
    }
}
