//! Waiting for a condition, with a bound.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks again and again until there is an answer; fails after `limit`, saying what was waited for.
///
/// An error of `ask` counts as "not yet"; the last one becomes the cause when time runs out.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let started = Instant::now();
    loop {
        let answer = ask();
        if let Ok(Some(answer)) = answer {
            return Ok(answer);
        }
        if started.elapsed() >= limit {
            let message = format!(
                "gave up after {:.1} s of waiting for {what}",
                limit.as_secs_f32()
            );
            return Err(match answer {
                Err(error) => error.context(message),
                Ok(_) => anyhow::anyhow!(message),
            });
        }
        thread::sleep(PAUSE);
    }
}

/// As [`until`], for a condition that is true or not.
pub fn until_true(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    until(what, limit, || Ok(ask()?.then_some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_ends_the_wait() {
        let mut asked = 0;
        let answer = until("the third question", Duration::from_secs(5), || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(answer.unwrap(), 3);
    }

    #[test]
    fn giving_up_names_the_condition_and_the_last_error() {
        let error = until_true("rain", Duration::ZERO, || anyhow::bail!("no clouds")).unwrap_err();
        assert_eq!(
            format!("{error:#}"),
            "gave up after 0.0 s of waiting for rain: no clouds"
        );
    }
}
