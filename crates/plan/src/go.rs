//! Values as Go programs read them on their command lines and in their configurations.

use std::time::Duration;

/// Reads Go's notation for durations: numbers with the units `h`, `m`, `s`, `ms`, one after the other; no zero.
#[must_use]
pub fn go_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let unit = tail
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let part = match unit {
            "h" => Duration::from_secs(number.checked_mul(3600)?),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            _ => return None,
        };
        total = total.checked_add(part)?;
        rest = tail;
    }
    (total > Duration::ZERO).then_some(total)
}

/// Reads Go's words for yes and no.
#[must_use]
pub fn go_boolean(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_may_be_longer_than_any_timeout() {
        assert_eq!(go_duration("24h"), Some(Duration::from_secs(86_400)));
    }

    #[test]
    fn yes_and_no_have_six_spellings_each() {
        for (words, expected) in [
            ("1 t T true TRUE True", true),
            ("0 f F false FALSE False", false),
        ] {
            for word in words.split(' ') {
                assert_eq!(go_boolean(word), Some(expected), "{word}");
            }
        }
        for word in ["", "yes", "tRUE", "2"] {
            assert_eq!(go_boolean(word), None, "{word}");
        }
    }
}
