//! Text of others in our messages: one line, bounded, harmless.

use std::fmt::Write as _;

/// How much of a plugin's output an error repeats.
pub(crate) const EXCERPT: usize = 200;

/// How much of a plugin's own message is kept.
pub(crate) const MESSAGE: usize = 2048;

/// At most `limit` bytes of `bytes`, lossily decoded, control characters escaped, cut at a character with `…`.
pub(crate) fn one_line(bytes: &[u8], limit: usize) -> String {
    // Decoding needs only the start; the worst case is one byte per character.
    let head = bytes.get(..limit.saturating_add(4)).unwrap_or(bytes);
    let decoded = String::from_utf8_lossy(head);
    let trimmed = if head.len() == bytes.len() {
        decoded.trim()
    } else {
        decoded.trim_start()
    };
    let mut line = String::new();
    for c in trimmed.chars() {
        let before = line.len();
        match c {
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            '\r' => line.push_str("\\r"),
            c if c.is_control() || is_invisible(c) => {
                // Writing to a string cannot fail.
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
        if line.len() > limit {
            line.truncate(before);
            line.push('…');
            return line;
        }
    }
    if head.len() < bytes.len() {
        line.push('…');
    }
    line
}

/// What ends a line or turns its direction: behind it a terminal would show an error that says something else.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text of others for a message: the usual limit, one line, control characters escaped.
pub fn excerpt(text: &str) -> String {
    one_line(text.as_bytes(), EXCERPT)
}

/// The same for a whole message of others.
pub fn message(text: &str) -> String {
    one_line(text.as_bytes(), MESSAGE)
}

/// As [`one_line`] with the usual limit, in double quotes.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text.as_bytes(), EXCERPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            one_line(b" a\nb\x1b[31m\x00 ", 100),
            "a\\nb\\u{1b}[31m\\u{0}"
        );
    }

    #[test]
    fn what_turns_the_direction_of_a_line_is_escaped() {
        assert_eq!(
            one_line("a\u{202e}b\u{2066}c\u{200f}d\u{2028}e".as_bytes(), 100),
            "a\\u{202e}b\\u{2066}c\\u{200f}d\\u{2028}e"
        );
    }

    #[test]
    fn invalid_utf8_is_replaced() {
        // #46
        assert_eq!(one_line(b"a\xffb", 100), "a\u{fffd}b");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let long = "ä".repeat(1000);
        let line = one_line(long.as_bytes(), 9);
        assert_eq!(line, "ääää…");
        assert_eq!(one_line(&[b'\n'; 500], 10), "…");
    }
}
