//! Holds `docs/errors.md` and the program together, both ways.
//!
//! * Every error type of the crates is listed here variant by variant, with a value of each (`every!`); a variant that is
//!   missing here does not compile. What each reads like has to stand on the page, with its code.
//! * What only the program itself words (the frame, the request, local mode) is provoked on the built program, as is what
//!   every other suite provokes: `suites::multus::Answer::error` and `ClusterNode::events_of` look it up on the page.
//! * Every row of the page has to be what one of all these reads like. A text that the program no longer has fits none.

/// A list of values for each variant of an enumeration. A variant that is missing does not compile; one that no user can
/// meet has an empty list and says why.
macro_rules! every {
    ($type:ty { $($pattern:pat => [$($value:expr),* $(,)?]),* $(,)? }) => {{
        fn known(error: &$type) {
            match error {
                $($pattern => {}),*
            }
        }
        let all: Vec<$type> = vec![$($($value,)*)*];
        all.iter().for_each(known);
        all
    }};
}

#[path = "errors/attaching.rs"]
mod attaching;
#[path = "errors/cluster.rs"]
mod cluster;
#[path = "errors/daemon.rs"]
mod daemon;
#[path = "errors/fragments.rs"]
mod fragments;
#[path = "errors/page.rs"]
mod page;
#[path = "errors/planning.rs"]
mod planning;
#[path = "errors/provoked.rs"]
mod provoked;
#[path = "errors/specification.rs"]
mod specification;

/// What an error reads like, and its code where it has one by itself.
#[derive(Debug)]
struct Sample {
    text: String,
    code: Option<u64>,
}

/// Errors whose code is that of what they are part of.
fn texts<T: ToString>(errors: Vec<T>) -> impl Iterator<Item = Sample> {
    errors.into_iter().map(|error| Sample {
        text: error.to_string(),
        code: None,
    })
}

/// Errors with codes of their own.
fn with_codes<T: ToString>(errors: Vec<T>, code: fn(&T) -> u32) -> impl Iterator<Item = Sample> {
    errors.into_iter().map(move |error| Sample {
        text: error.to_string(),
        code: Some(code(&error).into()),
    })
}

/// What a decoder says.
fn json() -> gojson::Error {
    gojson::Error::new("a.b[0]", "invalid type: string, expected an object")
}

/// What the system says.
fn system() -> std::io::Error {
    std::io::Error::from_raw_os_error(2)
}
