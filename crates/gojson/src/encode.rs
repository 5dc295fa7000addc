//! Writing: compact or with four spaces, with Go's escapes.

use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::Error;

/// Compact text. Maps (`BTreeMap`, objects in a `Value`) come out sorted, structs in the order of their fields; `<`, `>`,
/// `&`, U+2028 and U+2029 are escaped (B0.4).
///
/// # Errors
/// When `value` has no form in JSON, such as a map whose keys are not text.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    text(write(value, CompactFormatter)?)
}

/// As [`to_string`], as bytes.
///
/// # Errors
/// As [`to_string`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    write(value, CompactFormatter)
}

/// Indented by four spaces, empty arrays and objects on one line, no line end after the last brace; escapes as in
/// [`to_string`].
///
/// # Errors
/// As [`to_string`].
pub fn to_string_pretty<T: Serialize + ?Sized>(value: &T) -> Result<String, Error> {
    text(write(value, PrettyFormatter::with_indent(b"    "))?)
}

fn text(bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|e| Error::new("", e.to_string()))
}

fn write<T: Serialize + ?Sized, F: Formatter>(value: &T, layout: F) -> Result<Vec<u8>, Error> {
    // Most documents fit, and need not move while they grow.
    let mut out = Vec::with_capacity(1024);
    value
        .serialize(&mut Serializer::with_formatter(&mut out, Escaping(layout)))
        .map_err(|e| Error::new("", e.to_string()))?;
    Ok(out)
}

/// A layout, plus the escapes inside of strings.
struct Escaping<F>(F);

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $name<W: ?Sized + io::Write>(&mut self, writer: &mut W, $($arg: $type),*) -> io::Result<()> {
            self.0.$name(writer, $($arg),*)
        }
    )*};
}

impl<F: Formatter> Formatter for Escaping<F> {
    forward! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = special(rest) {
            let (plain, special) = rest.split_at(at);
            let mut characters = special.chars();
            writer.write_all(plain.as_bytes())?;
            if let Some(c) = characters.next() {
                write!(writer, "\\u{:04x}", u32::from(c))?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

/// Where the first character stands that is escaped. Most text has none: its bytes are looked at first, all at once, which
/// takes a tenth of what looking at its characters one by one does.
fn special(text: &str) -> Option<usize> {
    let may_begin = |byte: u8| matches!(byte, b'<' | b'>' | b'&' | 0xe2);
    let any = text.bytes().fold(false, |any, byte| any | may_begin(byte));
    any.then(|| text.find(['<', '>', '&', '\u{2028}', '\u{2029}']))?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_are_sorted_and_structs_are_not() {
        #[derive(Serialize)]
        struct Fields {
            z: u8,
            a: serde_json::Value,
        }
        let fields = Fields {
            z: 1,
            a: json!({"y": 1, "B": 2, "b": []}),
        };
        assert_eq!(
            to_string(&fields).unwrap(),
            r#"{"z":1,"a":{"B":2,"b":[],"y":1}}"#
        );
    }

    #[test]
    fn html_and_line_separators_are_escaped_in_keys_and_values() {
        // B0.4
        let value = json!({"a&b": "<x>\u{2028}\u{2029}\"\\\n\u{1}ä"});
        let text = r#"{"a\u0026b":"\u003cx\u003e\u2028\u2029\"\\\n\u0001ä"}"#;
        assert_eq!(to_string(&value).unwrap(), text);
        assert_eq!(to_vec(&value).unwrap(), text.as_bytes());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(text).unwrap(),
            value
        );
    }

    #[test]
    fn other_characters_that_begin_with_the_same_byte_stay_as_they_are() {
        assert_eq!(
            to_string("€\u{2027}\u{202a}").unwrap(),
            "\"€\u{2027}\u{202a}\""
        );
        assert_eq!(to_string("€\u{2028}").unwrap(), "\"€\\u2028\"");
    }

    #[test]
    fn pretty_text_has_four_spaces_and_empty_parts_on_one_line() {
        let value = json!({"a": [], "b": {}, "c": [1, {"d": "&"}]});
        let text = "{\n    \"a\": [],\n    \"b\": {},\n    \"c\": [\n        1,\n        {\n            \"d\": \
                    \"\\u0026\"\n        }\n    ]\n}";
        assert_eq!(to_string_pretty(&value).unwrap(), text);
    }

    #[test]
    fn what_has_no_form_in_json_is_an_error() {
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        assert_eq!(
            to_string(&map).unwrap_err().to_string(),
            "key must be a string"
        );
    }
}
