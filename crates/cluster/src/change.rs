//! What a watch tells, line by line.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A line, but for what its object is.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(rename = "object")]
    _object: IgnoredAny,
}

/// A line, but for its kind.
#[derive(Deserialize)]
struct Envelope<T> {
    object: T,
}

/// What happened to the object of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is there, or is another one now.
    Put,
    /// It is gone.
    Removed,
    /// Nothing; it holds the version that the watch has reached.
    Bookmark,
    /// It is the status of a server that cannot go on.
    Refused,
    /// Something that is not known here.
    Other,
}

impl Change {
    /// Reads a line. Its object is read apart, once it is known what it is, so that it does not matter which comes first.
    ///
    /// # Errors
    /// Not JSON, or not of a watch.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, serde_json::Error> {
        let document: Document<'_> = serde_json::from_slice(line)?;
        Ok(match &*document.kind {
            "ADDED" | "MODIFIED" => Self::Put,
            "DELETED" => Self::Removed,
            "BOOKMARK" => Self::Bookmark,
            "ERROR" => Self::Refused,
            _ => Self::Other,
        })
    }
}

/// The object of a line.
///
/// # Errors
/// Not JSON, or another object.
pub(crate) fn object<'a, T: Deserialize<'a>>(line: &'a [u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice::<Envelope<T>>(line).map(|envelope| envelope.object)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_change_is_read_whichever_key_comes_first() {
        for line in [
            r#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#,
            r#"{"object":{"metadata":{"name":"a"}},"type":"ADDED"}"#,
        ] {
            let line = line.as_bytes();
            assert_eq!(Change::parse(line).unwrap(), Change::Put);
            let found: Value = object(line).unwrap();
            assert_eq!(found, json!({"metadata": {"name": "a"}}));
        }
    }

    #[test]
    fn every_kind_of_change_is_told_from_the_others() {
        for (kind, expected) in [
            ("ADDED", Change::Put),
            ("MODIFIED", Change::Put),
            ("DELETED", Change::Removed),
            ("BOOKMARK", Change::Bookmark),
            ("ERROR", Change::Refused),
            ("NEW", Change::Other),
        ] {
            let line = format!(r#"{{"type":"{kind}","object":{{}}}}"#);
            assert_eq!(Change::parse(line.as_bytes()).unwrap(), expected, "{kind}");
        }
    }

    #[test]
    fn a_line_that_is_no_change_is_an_error() {
        for line in [
            "",
            "{}",
            "<html>",
            r#"{"type":"ADDED"}"#,
            r#"{"object":{}}"#,
        ] {
            assert!(Change::parse(line.as_bytes()).is_err(), "{line}");
        }
    }
}
