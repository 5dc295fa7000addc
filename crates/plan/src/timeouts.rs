//! How long each verb may take (configuration key `timeouts`).

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::go_duration;

/// Deadlines, as the configuration sets them: `{"add": "110s", "api": "20s"}`. What is not named keeps its default.
/// A delegate that does not end gets SIGTERM, and SIGKILL 2 s later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Timeouts {
    /// ADD in all, below the two minutes that a kubelet gives a runtime.
    #[serde(deserialize_with = "duration")]
    pub add: Duration,
    /// Undoing a failed ADD, on top of `add`.
    #[serde(deserialize_with = "duration")]
    pub undo: Duration,
    /// DEL in all.
    #[serde(deserialize_with = "duration")]
    pub del: Duration,
    /// CHECK in all.
    #[serde(deserialize_with = "duration")]
    pub check: Duration,
    /// STATUS in all.
    #[serde(deserialize_with = "duration")]
    pub status: Duration,
    /// GC in all.
    #[serde(deserialize_with = "duration")]
    pub gc: Duration,
    /// All requests for one object of the Kubernetes API, retries included.
    #[serde(deserialize_with = "duration")]
    pub api: Duration,
    /// Posting the events of one ADD.
    #[serde(deserialize_with = "duration")]
    pub events: Duration,
    /// How long a DEL waits for an ADD of the same container before it ends it.
    #[serde(deserialize_with = "duration")]
    pub lock: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            add: Duration::from_secs(110),
            undo: Duration::from_secs(30),
            del: Duration::from_secs(50),
            check: Duration::from_secs(10),
            status: Duration::from_secs(5),
            gc: Duration::from_secs(25),
            api: Duration::from_secs(20),
            events: Duration::from_secs(1),
            lock: Duration::from_secs(10),
        }
    }
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    bounded(&text).ok_or_else(|| {
        D::Error::custom("expected a duration such as \"20s\", \"1m30s\" or \"500ms\"")
    })
}

fn bounded(text: &str) -> Option<Duration> {
    go_duration(text).filter(|duration| *duration <= MOST)
}

/// Nothing here waits longer than this, whatever the configuration says.
const MOST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_that_is_named_takes_the_place_of_its_default() {
        let timeouts = r#"{"add": "1m30s", "lock": "500ms"}"#;
        let expected = Timeouts {
            add: Duration::from_secs(90),
            lock: Duration::from_millis(500),
            ..Timeouts::default()
        };
        assert_eq!(gojson::from_str(timeouts), Ok(expected));
        let error = gojson::from_str::<Timeouts>(r#"{"del": "soon"}"#).unwrap_err();
        assert_eq!(error.path(), "del");
    }

    #[test]
    fn durations_are_written_as_in_go() {
        let cases = [
            ("110s", Some(110_000)),
            ("1m30s", Some(90_000)),
            ("500ms", Some(500)),
            ("1h", Some(3_600_000)),
            ("2h", None),
            ("0s", None),
            ("", None),
            ("10", None),
            ("s", None),
            ("1d", None),
            ("-1s", None),
            ("99999999999999999999s", None),
        ];
        for (text, milliseconds) in cases {
            assert_eq!(
                bounded(text),
                milliseconds.map(Duration::from_millis),
                "{text}"
            );
        }
    }
}
