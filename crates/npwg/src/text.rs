//! Foreign text inside our messages: bounded, on one line, harmless to a terminal.

/// Longest excerpt of a value, in characters.
const VALUE_LIMIT: usize = 64;
/// Longest message of a decoder, in characters. Such messages quote the value that they stumble over.
const MESSAGE_LIMIT: usize = 240;

/// The value in double quotes, escaped and cut to a length that a log line can bear.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    let mut rest = value.chars();
    out.extend(rest.by_ref().take(VALUE_LIMIT).flat_map(char::escape_debug));
    if rest.next().is_some() {
        out.push('…');
    }
    out.push('"');
    out
}

/// A name without quotes, escaped and cut likewise.
pub(crate) fn excerpt(value: &str) -> String {
    cut(value, VALUE_LIMIT)
}

/// A decoder's message, cut and kept on one line.
pub(crate) fn message(error: &impl std::fmt::Display) -> String {
    cut(&error.to_string(), MESSAGE_LIMIT)
}

fn cut(value: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut rest = value.chars();
    for c in rest.by_ref().take(limit) {
        // Quotes stay as they are: decoders put them there.
        if matches!(c, '"' | '\'' | '\\') {
            out.push(c);
        } else {
            out.extend(c.escape_debug());
        }
    }
    if rest.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_value_is_cut_and_has_no_control_characters() {
        assert_eq!(quoted("a\nb\u{1b}[2J"), "\"a\\nb\\u{1b}[2J\"");
        assert_eq!(quoted(&"x".repeat(100)), format!("\"{}…\"", "x".repeat(64)));
        assert_eq!(quoted("\u{202e}x"), "\"\\u{202e}x\"");
    }

    #[test]
    fn a_message_stays_on_one_line() {
        assert_eq!(message(&"a \"b\"\nc"), "a \"b\"\\nc");
    }

    #[test]
    fn a_message_and_an_excerpt_are_cut() {
        assert_eq!(message(&"x".repeat(300)), format!("{}…", "x".repeat(240)));
        assert_eq!(excerpt(&"x".repeat(65)), format!("{}…", "x".repeat(64)));
    }
}
