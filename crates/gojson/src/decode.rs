//! Reading: text to a value, a value to a type.

mod folding;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Error;
use folding::Folding;

/// Decodes a whole JSON document as Go decodes into a struct (B0.1–B0.3).
///
/// A field's key matches exactly, else without regard to ASCII case, and the exact spelling wins; unknown keys are
/// ignored; `null` leaves a field at its default (so fields want `#[serde(default)]`); the last duplicate wins. Keys of
/// maps (`BTreeMap`, [`Value`]) stay as they are.
///
/// # Errors
/// Text that is no JSON, text after the document, a value of another type than its field (naming the path).
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    from_value(parse(bytes)?)
}

/// As [`from_slice`], from text.
///
/// # Errors
/// As [`from_slice`].
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// As [`from_slice`], from a decoded value.
///
/// # Errors
/// A value of another type than its field (naming the path).
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Folding(value))
}

/// Looks a key up as a struct field would be: exactly, else without regard to ASCII case (the last in the map's order).
pub fn get_fold<'a>(map: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    map.get(key).or_else(|| {
        let mut folded = map.iter().filter(|(k, _)| k.eq_ignore_ascii_case(key));
        folded.next_back().map(|(_, value)| value)
    })
}

fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map_err(|e| {
        let hint = match bytes.get(position(bytes, e.line(), e.column())) {
            _ if bytes.starts_with(b"\xef\xbb\xbf") => ", the text starts with a byte order mark",
            Some(b'/' | b'#') => ", comments are not JSON",
            _ => "",
        };
        Error::new("", format!("{e}{hint}"))
    })
}

/// The offset of a place that is counted in lines and columns from 1.
fn position(bytes: &[u8], line: usize, column: usize) -> usize {
    let before: usize = bytes
        .split_inclusive(|b| *b == b'\n')
        .take(line.saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    before + column.saturating_sub(1)
}

#[cfg(test)]
mod tests;
