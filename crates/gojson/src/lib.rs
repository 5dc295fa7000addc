//! JSON as Go programs read and write it.
//!
//! Promise: [`from_slice`] and [`from_value`] fill a Rust type as Go's decoder fills a struct (keys in any case, unknown
//! keys ignored, `null` leaves a field alone, the last duplicate wins; B0.1–B0.3), and [`to_string`] writes text that a
//! Go program would have written (sorted maps, `<`, `>`, `&` escaped; B0.4). Errors name the place and the kind of the
//! problem.
//!
//! It never guesses: text after the document, comments and byte order marks are errors. It never repeats values of the
//! input in an error, and the depth of a document stays bounded.

mod decode;
mod encode;
mod error;

pub use decode::{from_slice, from_str, from_value, get_fold};
pub use encode::{to_string, to_string_pretty, to_vec};
pub use error::Error;
