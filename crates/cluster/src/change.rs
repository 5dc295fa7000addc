//! What a watch tells, line by line.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line. The object stays text until it is known what it is, so that it does not matter which key comes first.
#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Change<'a> {
    /// An object is there, or is another one now.
    Put(&'a RawValue),
    /// An object is gone.
    Removed(&'a RawValue),
    /// Nothing; the object holds the version that the watch has reached.
    Bookmark(&'a RawValue),
    /// The server cannot go on; the object is its status.
    Refused(&'a RawValue),
    /// Something that is not known here.
    Other,
}

impl<'a> Change<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// Not JSON, or not of a watch.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        let Document { kind, object } = serde_json::from_slice(line)?;
        Ok(match kind {
            "ADDED" | "MODIFIED" => Self::Put(object),
            "DELETED" => Self::Removed(object),
            "BOOKMARK" => Self::Bookmark(object),
            "ERROR" => Self::Refused(object),
            _ => Self::Other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_whichever_key_comes_first() {
        for line in [
            r#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#,
            r#"{"object":{"metadata":{"name":"a"}},"type":"ADDED"}"#,
        ] {
            let change = Change::parse(line.as_bytes()).unwrap();
            let expected = r#"{"metadata":{"name":"a"}}"#;
            assert!(
                matches!(change, Change::Put(object) if object.get() == expected),
                "{line}"
            );
        }
    }

    #[test]
    fn every_kind_of_change_is_told_from_the_others() {
        let parse = |kind: &str| {
            let line = format!(r#"{{"type":"{kind}","object":{{}}}}"#);
            format!("{:?}", Change::parse(line.as_bytes()).unwrap())
        };
        let names = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "NEW"];
        let found = names.map(|name| parse(name).split('(').next().unwrap().to_owned());
        assert_eq!(
            found,
            ["Put", "Put", "Removed", "Bookmark", "Refused", "Other"]
        );
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
