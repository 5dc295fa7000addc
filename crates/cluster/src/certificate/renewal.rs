//! When the next certificate is asked for: a pure function of the one that is there, and the time.

use std::time::{Duration, SystemTime};

use super::Validity;

/// Between two attempts that failed: at first, and at most.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The next renewal.
#[derive(Debug)]
pub struct Renewal {
    current: Option<Validity>,
    at: SystemTime,
    pause: Duration,
}

impl Renewal {
    /// Of the certificate that is there.
    #[must_use]
    pub fn of(current: Option<Validity>, now: SystemTime) -> Self {
        Self {
            current,
            at: current.map_or(now, |current| current.renewal()),
            pause: PAUSE / 2,
        }
    }

    /// The certificate that is there, as far as anybody has looked.
    #[must_use]
    pub fn current(&self) -> Option<Validity> {
        self.current
    }

    /// How long there is time until then.
    #[must_use]
    pub fn left(&self, now: SystemTime) -> Duration {
        self.at.duration_since(now).unwrap_or_default()
    }

    /// Another program may have put one in place, or taken it away.
    pub fn look(&mut self, current: Option<Validity>, now: SystemTime) {
        if current != self.current {
            *self = Self::of(current, now);
        }
    }

    /// There is a new one. However short it is good, a third of that time passes before the next one.
    pub fn renewed(&mut self, validity: Validity, now: SystemTime) {
        let next = Self::of(Some(validity), now);
        let soonest = now + validity.left(now) / 3;
        *self = Self {
            at: next.at.max(soonest),
            ..next
        };
    }

    /// It came to nothing, and is tried again after 1, 2, 4 … 60 s; tells after which of them.
    pub fn failed(&mut self, now: SystemTime) -> Duration {
        self.pause = LONGEST_PAUSE.min(self.pause * 2);
        self.at = now + self.pause;
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn good(since: u64, until: u64) -> Validity {
        Validity {
            since: at(since),
            until: at(until),
        }
    }

    #[test]
    fn a_certificate_is_asked_for_at_once_where_there_is_none() {
        let mut next = Renewal::of(None, at(7));
        assert_eq!(next.left(at(7)), Duration::ZERO);
        next.look(Some(good(0, 1000)), at(7));
        assert!(next.left(at(0)) >= Duration::from_secs(700), "{next:?}");
        next.look(None, at(8));
        assert_eq!(next.left(at(8)), Duration::ZERO);
    }

    #[test]
    fn one_that_another_program_put_in_place_counts() {
        let mut next = Renewal::of(Some(good(0, 1000)), at(0));
        next.look(Some(good(500, 1500)), at(800));
        let before = next.left(at(0));
        assert!(before >= Duration::from_secs(1200), "{next:?}");
        next.look(Some(good(500, 1500)), at(900));
        assert_eq!(next.left(at(0)), before);
    }

    #[test]
    fn a_signer_that_backdates_short_certificates_is_not_asked_without_a_pause() {
        let mut next = Renewal::of(None, at(1000));
        next.renewed(good(700, 1030), at(1000));
        assert!(next.left(at(1000)) >= Duration::from_secs(10), "{next:?}");
    }

    #[test]
    fn what_fails_is_tried_again_after_growing_pauses() {
        let mut next = Renewal::of(None, at(0));
        let pauses: Vec<_> = (0..8).map(|_| next.failed(at(100)).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        next.look(None, at(101));
        assert_eq!(next.left(at(101)), Duration::from_secs(59));
    }
}
