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
    let mut out = Vec::new();
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
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
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
