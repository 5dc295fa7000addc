//! Whether pods can be attached, and how each part does.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use cluster::{Live, Progress, Purpose, Refused, Watches};

use crate::keeper::Status;

/// The parts that a plan needs.
pub(crate) struct Readiness {
    live: Arc<Live>,
    watches: Arc<Watches>,
    status: Arc<dyn Fn() -> Status + Send + Sync>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").finish_non_exhaustive()
    }
}

impl Readiness {
    pub(crate) fn new(
        live: Arc<Live>,
        watches: Arc<Watches>,
        status: Arc<dyn Fn() -> Status + Send + Sync>,
    ) -> Self {
        Self {
            live,
            watches,
            status,
        }
    }

    /// How each watch does, by what it watches.
    pub(crate) fn watches(&self) -> [(&'static str, Progress); 2] {
        [
            ("pods", self.watches.pods().progress()),
            ("definitions", self.watches.definitions().progress()),
        ]
    }

    /// What the API refuses, by what it was asked for.
    pub(crate) fn refused(&self) -> [(&'static str, Refused); 5] {
        Purpose::ALL.map(|purpose| (purpose.as_str(), self.live.refused(purpose)))
    }

    /// Why no pod can be attached now, in one line. A watch that has not told yet is no reason to say that something does
    /// not exist.
    pub(crate) fn cannot_attach(&self) -> Option<String> {
        if let Some(reason) = (self.status)().cannot_attach {
            return Some(reason);
        }
        self.watches()
            .into_iter()
            .find(|(_, progress)| !progress.synced)
            .map(|(what, progress)| format!("{what} are {}", Unlisted(&progress)))
    }

    /// Whether the node is ready, and a line for each part; `more` are those that keep no node from being ready.
    pub(crate) fn report(&self, more: Vec<(&'static str, String)>) -> (bool, String) {
        let status = (self.status)();
        let now = Instant::now();
        let mut parts = vec![("configuration", configuration(&status))];
        let watches = self.watches().into_iter();
        parts.extend(watches.map(|(what, progress)| (what, watch(&progress, now))));
        parts.extend(more.into_iter().map(|(what, told)| (what, Ok(told))));
        note(&mut parts, self.refused(), now);
        lines(&parts)
    }
}

type Part = (&'static str, Result<String, String>);

/// What the API refuses stands with its part, or where that has nothing else to tell, by itself. It makes nothing unready: the
/// watches go on, and all nodes are refused at once.
fn note(
    parts: &mut Vec<Part>,
    refused: impl IntoIterator<Item = (&'static str, Refused)>,
    now: Instant,
) {
    for (what, refused) in refused {
        let Some((when, reason)) = refused.last else {
            continue;
        };
        let seconds = now.saturating_duration_since(when).as_secs();
        let note = format!("refused {seconds} s ago: {reason}");
        match parts.iter_mut().find(|(part, _)| *part == what) {
            Some((_, Ok(told) | Err(told))) => *told = format!("{told}; {note}"),
            None => parts.push((what, Ok(note))),
        }
    }
}

/// A line for each part, in the words of Kubernetes' own components.
fn lines(parts: &[Part]) -> (bool, String) {
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
    fn what_the_api_refuses_stands_with_its_part_and_makes_no_node_unready() {
        // Decided: an API outage makes no node unready
        let now = Instant::now();
        let refused = |reason: &str| Refused {
            total: 1,
            last: Some((now, reason.to_owned())),
        };
        let mut parts = vec![
            ("pods", Ok("3 known".to_owned())),
            ("definitions", Err("not listed yet".to_owned())),
        ];
        let before = Refused {
            total: 7,
            last: None,
        };
        let all = [
            ("pods", refused("a")),
            ("definitions", refused("b")),
            ("statuses", before),
            ("events", refused("c")),
        ];
        note(&mut parts, all, now + Duration::from_secs(7));
        let expected = [
            ("pods", Ok("3 known; refused 7 s ago: a".to_owned())),
            (
                "definitions",
                Err("not listed yet; refused 7 s ago: b".to_owned()),
            ),
            ("events", Ok("refused 7 s ago: c".to_owned())),
        ];
        assert_eq!(parts, expected);
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
