//! The one error of this crate: where, and what.

use std::fmt;

use serde::de::{Expected, Unexpected};

/// Text that could not be read or written as JSON, or JSON of an unexpected shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    path: String,
    message: String,
}

impl Error {
    /// An error at `path` (`delegates[1].ipam`; empty for the document itself).
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }

    /// Where: keys joined with dots, indices in brackets; empty for the document itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The same problem, seen from the object that holds it under `key`.
    #[must_use]
    pub fn under_key(mut self, key: &str) -> Self {
        self.path = match self.path.chars().next() {
            None => key.to_owned(),
            Some('[') => format!("{key}{}", self.path),
            Some(_) => format!("{key}.{}", self.path),
        };
        self
    }

    /// The same problem, seen from the array that holds it at `index`.
    #[must_use]
    pub fn under_index(mut self, index: usize) -> Self {
        self.path = match self.path.chars().next() {
            None => format!("[{index}]"),
            Some('[') => format!("[{index}]{}", self.path),
            Some(_) => format!("[{index}].{}", self.path),
        };
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl serde::de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("", message.to_string())
    }

    // The default texts repeat the value, which may be a secret or a megabyte.
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            "",
            format!(
                "invalid type: {}, expected {}",
                kind(found),
                wanted(expected)
            ),
        )
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(
            "",
            format!(
                "invalid value: {}, expected {}",
                kind(found),
                wanted(expected)
            ),
        )
    }

    fn unknown_variant(_variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(
            "",
            format!("unknown value, expected one of {}", expected.join(", ")),
        )
    }
}

impl serde::ser::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("", message.to_string())
    }
}

/// What was expected, in words of JSON and not of this program.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        "i64" | "u64" => "a whole number".to_owned(),
        "u16" => "a whole number up to 65535".to_owned(),
        text if text.starts_with("struct ") => "an object".to_owned(),
        _ => text,
    }
}

fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "floating point number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "string",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "array",
        Unexpected::Map => "object",
        _ => "value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_outwards() {
        let error = Error::new("", "bad")
            .under_index(2)
            .under_index(1)
            .under_key("a")
            .under_key("b");
        assert_eq!(error.to_string(), "b.a[1][2]: bad");
        assert_eq!(error.under_index(0).path(), "[0].b.a[1][2]");
    }
}
