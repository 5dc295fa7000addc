//! Whether pods can be attached, and how each part does.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use cluster::{Progress, Watches};

use crate::keeper::Status;

/// The parts that a plan needs.
pub(crate) struct Readiness {
    watches: Arc<Watches>,
    keeper: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").finish_non_exhaustive()
    }
}

impl Readiness {
    pub(crate) fn new(
        watches: Arc<Watches>,
        keeper: Arc<dyn Fn() -> Status + Send + Sync>,
    ) -> Self {
        Self { watches, keeper }
    }

    /// How each watch does, by what it watches.
    pub(crate) fn watches(&self) -> [(&'static str, Progress); 2] {
        [
            ("pods", self.watches.pods().progress()),
            ("definitions", self.watches.definitions().progress()),
        ]
    }

    /// Why no pod can be attached now, in one line. A watch that has not told yet is no reason to say that something does
    /// not exist.
    pub(crate) fn cannot_attach(&self) -> Option<String> {
        if let Some(reason) = (self.keeper)().cannot_attach {
            return Some(reason);
        }
        self.watches()
            .into_iter()
            .find(|(_, progress)| !progress.synced)
            .map(|(what, progress)| format!("{what} are {}", Unlisted(&progress)))
    }

    /// Whether the node is ready, and a line for each part; `more` are those that keep no node from being ready.
    pub(crate) fn report(&self, more: Vec<(&'static str, String)>) -> (bool, String) {
        let status = (self.keeper)();
        let now = Instant::now();
        let mut parts = vec![("configuration", configuration(&status))];
        let watches = self.watches().into_iter();
        parts.extend(watches.map(|(what, progress)| (what, watch(&progress, now))));
        parts.extend(more.into_iter().map(|(what, told)| (what, Ok(told))));
        lines(&parts)
    }
}

/// A line for each part, in the words of Kubernetes' own components.
fn lines(parts: &[(&str, Result<String, String>)]) -> (bool, String) {
    let mut text = String::new();
    for (name, state) in parts {
        let (sign, told) = match state {
            Ok(told) => ('+', told),
            Err(told) => ('-', told),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "[{sign}]{name}: {told}");
    }
    (parts.iter().all(|(_, state)| state.is_ok()), text)
}

fn configuration(status: &Status) -> Result<String, String> {
    let noted = |text: String| {
        let notes = status.notes.iter().chain(&status.unseen);
        notes.fold(text, |text, note| text + "; " + note)
    };
    if let Some(reason) = &status.not_ready {
        return Err(noted(reason.clone()));
    }
    let repairs = status.repairs;
    Ok(noted(match &status.primary {
        Some(primary) => format!(
            "in force, the primary network is {} of {}, put back {repairs} times",
            primary.conf.name(),
            primary.path.display()
        ),
        None => format!("in force, put back {repairs} times"),
    }))
}

/// What the API does after the first list is no reason to be unready: every node would be at once.
fn watch(progress: &Progress, now: Instant) -> Result<String, String> {
    if !progress.synced {
        return Err(Unlisted(progress).to_string());
    }
    let mut text = format!("{} known", progress.objects);
    if let Some(heard) = progress.heard {
        let seconds = now.saturating_duration_since(heard).as_secs();
        let _ = write!(text, ", the API was heard {seconds} s ago");
    }
    if let Some(failure) = &progress.failure {
        let _ = write!(text, ", {failure}");
    }
    Ok(text)
}

struct Unlisted<'a>(&'a Progress);

impl fmt::Display for Unlisted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not listed yet")?;
        match &self.0.failure {
            Some(failure) => write!(f, ": failed to {failure}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_the_api_does_after_the_first_list_makes_no_node_unready() {
        // Decided: an API outage makes no node unready
        let now = Instant::now();
        let unlisted = Progress {
            failure: Some("list pods at a:1: refused".to_owned()),
            ..Progress::default()
        };
        let text = "not listed yet: failed to list pods at a:1: refused";
        assert_eq!(watch(&unlisted, now), Err(text.to_owned()));
        let broken = Progress {
            synced: true,
            objects: 3,
            heard: Some(now),
            ..unlisted
        };
        let text = "3 known, the API was heard 7 s ago, list pods at a:1: refused";
        assert_eq!(
            watch(&broken, now + Duration::from_secs(7)),
            Ok(text.to_owned())
        );
    }

    #[test]
    fn a_node_is_ready_when_every_part_is_and_each_has_its_line() {
        let good = || ("a", Ok("fine".to_owned()));
        let bad = ("b", Err("why".to_owned()));
        assert_eq!(lines(&[good()]), (true, "[+]a: fine\n".to_owned()));
        let both = (false, "[+]a: fine\n[-]b: why\n".to_owned());
        assert_eq!(lines(&[good(), bad]), both);
    }

    #[test]
    fn a_configuration_that_is_not_in_force_says_why() {
        let mut status = Status::default();
        assert_eq!(
            configuration(&status),
            Ok("in force, put back 0 times".to_owned())
        );
        status.not_ready = Some("no primary".to_owned());
        assert_eq!(configuration(&status), Err("no primary".to_owned()));
    }

    #[test]
    fn what_is_wrong_with_a_configuration_in_force_is_told_and_makes_no_node_unready() {
        let mut status = Status {
            notes: vec!["a is broken".to_owned(), "b comes first".to_owned()],
            ..Status::default()
        };
        let text = "in force, put back 0 times; a is broken; b comes first";
        assert_eq!(configuration(&status), Ok(text.to_owned()));
        status.not_ready = Some("no".to_owned());
        status.unseen = Some("no disk".to_owned());
        let text = "no; a is broken; b comes first; no disk";
        assert_eq!(configuration(&status), Err(text.to_owned()));
    }
}
