//! Foreign text, made fit for one line of an error.

/// The text in one line of at most `most` bytes, cut where a character ends.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c == ' ' || c.is_control() || is_invisible(c)) {
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > most {
            break;
        }
    }
    cut(&mut line, most);
    line
}

/// What ends a line or turns its direction: behind it a terminal would show an error that says something else.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shortens the text to `most` bytes; what was cut shows as `...`.
pub(crate) fn cut(text: &mut String, most: usize) {
    const MARK: &str = "...";
    if text.len() <= most {
        return;
    }
    let mut end = most.saturating_sub(MARK.len());
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.truncate(end);
    text.push_str(MARK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_bounded_line() {
        let cases = [
            ("plain", "plain", 20, "plain"),
            ("line breaks", "a\r\n\tb\n", 20, "a b"),
            (
                "escape sequences lose their escape",
                "\u{1b}[31mred",
                20,
                "[31mred",
            ),
            (
                "what turns the direction of a line",
                "a\u{202e}b\u{2066}c\u{2028}d",
                20,
                "a b c d",
            ),
            ("too long", "abcdefghij", 8, "abcde..."),
            ("exactly fitting", "abcdefgh", 8, "abcdefgh"),
            ("not cut inside a character", "ääääääää", 9, "äää..."),
            ("empty", "", 8, ""),
        ];
        for (name, text, most, expected) in cases {
            assert_eq!(one_line(text, most), expected, "{name}");
        }
    }
}
