//! `CNI_ARGS`.

use thiserror::Error;

use crate::text;

/// An argument that `CNI_ARGS` cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ArgsError {
    /// A key that is empty or holds `;`, `=`, a line end or NUL.
    #[error("argument name {} cannot be passed in CNI_ARGS", text::quoted(.0))]
    Key(String),
    /// A value that holds `;`, a line end or NUL; values are not repeated.
    #[error("value of argument {} cannot be passed in CNI_ARGS", text::quoted(.0))]
    Value(String),
}

/// `k=v` joined with `;`, in the given order. A `=` in a value stays as it is (T1.16).
///
/// # Errors
/// [`ArgsError`] for what a reader would split elsewhere (#50).
pub fn encode(args: &[(String, String)]) -> Result<String, ArgsError> {
    let breaks = |c: char| matches!(c, ';' | '\n' | '\0');
    let mut text = String::new();
    for (key, value) in args {
        if key.is_empty() || key.contains(|c| c == '=' || breaks(c)) {
            return Err(ArgsError::Key(key.clone()));
        }
        if value.contains(breaks) {
            return Err(ArgsError::Value(key.clone()));
        }
        if !text.is_empty() {
            text.push(';');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
    Ok(text)
}

/// The pairs of `CNI_ARGS`, split at the first `=`; empty pieces are ignored, a piece without `=` has an empty value.
pub fn decode(text: &str) -> Vec<(String, String)> {
    let pieces = text.split(';').filter(|piece| !piece.is_empty());
    let pairs = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn pairs_keep_their_order_and_a_value_its_equals_sign() {
        // T1.16
        let args = [
            pair("IgnoreUnknown", "1"),
            pair("BLAHBLAH", "foo=bar"),
            pair("A", ""),
        ];
        let text = "IgnoreUnknown=1;BLAHBLAH=foo=bar;A=";
        assert_eq!(encode(&args).as_deref(), Ok(text));
        assert_eq!(decode(text), args);
        assert_eq!(encode(&[]).as_deref(), Ok(""));
    }

    #[test]
    fn what_would_be_split_elsewhere_is_refused() {
        // #50
        for key in ["", "a;b", "a=b", "a\nb", "a\0b"] {
            assert_eq!(
                encode(&[pair(key, "v")]),
                Err(ArgsError::Key(key.to_owned())),
                "{key:?}"
            );
        }
        for value in ["a;b", "a\nb", "a\0b"] {
            assert_eq!(
                encode(&[pair("k", value)]),
                Err(ArgsError::Value("k".to_owned())),
                "{value:?}"
            );
        }
    }

    #[test]
    fn empty_pieces_are_ignored() {
        assert_eq!(decode(";a=1;;b;"), [pair("a", "1"), pair("b", "")]);
    }

    proptest! {
        #[test]
        fn what_can_be_passed_is_read_back(args in vec(any::<(String, String)>(), 0..6)) {
            let passable = |text: &str| !text.contains([';', '\n', '\0']);
            let fine = args.iter().all(|(key, value)| {
                !key.is_empty() && !key.contains('=') && passable(key) && passable(value)
            });
            let text = encode(&args);
            prop_assert_eq!(text.is_ok(), fine);
            if let Ok(text) = text {
                prop_assert_eq!(decode(&text), args);
            }
        }
    }
}
