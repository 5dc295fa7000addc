//! What the bench can be told.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::scenario::EXTRA;

pub(super) const HELP: &str = "  --noop N      rounds with delegates that do nothing (100)
  --real N      rounds with the reference plugins (30)
  --seconds N   rounds end after this, however many there were (130)
";

/// How much is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// Rounds with delegates that do nothing.
    pub(super) noop: usize,
    /// Rounds with the reference plugins.
    pub(super) real: usize,
    /// No round begins later than this.
    pub(super) budget: Duration,
}

impl Options {
    pub(super) fn parse(arguments: &[&str]) -> Result<Self> {
        let mut options = Self {
            noop: 100,
            real: 30,
            budget: Duration::from_secs(130),
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || -> Result<usize> {
                let text = words
                    .next()
                    .with_context(|| format!("{word} needs a number"))?;
                text.parse()
                    .with_context(|| format!("{word} {text}: not a number"))
            };
            match *word {
                "--noop" => options.noop = number()?,
                "--real" => options.real = number()?,
                "--seconds" => options.budget = Duration::from_secs(number()? as u64),
                _ => bail!("the bench has no option {word:?}\n\n{HELP}"),
            }
        }
        Ok(options)
    }

    /// No round of a scenario with an API that answers at once begins later than this.
    pub(super) fn share(&self) -> Duration {
        self.budget / 10
    }

    /// After this, something hangs.
    pub(super) fn longest(&self) -> Duration {
        self.budget + EXTRA.len() as u32 * self.share() + Duration::from_secs(90)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_defaults_and_numbers() {
        let options = Options::parse(&["--real", "0"]).unwrap();
        assert_eq!((options.noop, options.real), (100, 0));
        for wrong in [&["--real"][..], &["--real", "x"], &["--fast"]] {
            assert!(Options::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
