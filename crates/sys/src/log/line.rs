//! A message as a line: one, whatever it holds, and not endless.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// The longest message that is written whole.
const LONGEST: usize = 64 * 1024;

/// How a line ends that was cut.
const MARK: &str = "…\n";

/// `<time> [<level>] <message>` and a line feed (B9.1).
pub(super) fn line(time: &str, level: &str, message: impl fmt::Display) -> String {
    finish(format!("{time} [{level}] "), message)
}

/// A line about the log itself (B9.3).
pub(super) fn complaint(message: impl fmt::Display) -> String {
    finish("multus logging: ".to_owned(), message)
}

fn finish(start: String, message: impl fmt::Display) -> String {
    let end = start.len() + LONGEST;
    let mut text = OneLine { text: start, end };
    let cut = write!(text, "{message}").is_err();
    let OneLine { mut text, .. } = text;
    text.push_str(if cut { MARK } else { "\n" });
    text
}

/// The beginning of a line, so that all of it has at most `most` bytes and its end shows that it was cut.
pub(super) fn cut(line: &str, most: usize) -> Cow<'_, str> {
    if line.len() <= most {
        return line.into();
    }
    let most = most.saturating_sub(MARK.len());
    let kept = (0..=most).rev().find_map(|end| line.get(..end));
    let kept = kept.unwrap_or_default();
    format!("{kept}{MARK}").into()
}

/// Writes without line feeds and other control characters: what a plugin or a pod says cannot look like a line of ours, or
/// play with a terminal. An error when it is full.
struct OneLine {
    text: String,
    end: usize,
}

impl Write for OneLine {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for character in piece.chars() {
            if self.text.len() + character.len_utf8() > self.end {
                return Err(fmt::Error);
            }
            if character.is_control() {
                self.text.extend(character.escape_default());
            } else {
                self.text.push(character);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_holds() {
        // B9.1
        let text = line("2026-01-31T23:59:59Z", "error", "a\nb\t\u{1b}[31m ä\r\n");
        assert_eq!(
            text,
            "2026-01-31T23:59:59Z [error] a\\nb\\t\\u{1b}[31m ä\\r\\n\n"
        );
    }

    #[test]
    fn a_message_without_end_is_cut() {
        let text = line("t", "debug", "ä".repeat(LONGEST));
        assert!(text.len() <= LONGEST + 40, "{}", text.len());
        assert!(text.ends_with("ä…\n") && text.matches('\n').count() == 1);
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        assert_eq!(cut("abc\n", 4), "abc\n");
        assert_eq!(cut("abcdefgh\n", 8), "abcd…\n");
        assert_eq!(cut("aääääääh\n", 8), "aä…\n");
    }
}
