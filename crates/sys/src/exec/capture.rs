//! What is kept of a stream that may be of any length.

use std::collections::VecDeque;

/// Keeps the first bytes of a stream and, if asked to, the last ones.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    head_limit: usize,
    tail: VecDeque<u8>,
    tail_limit: usize,
    total: u64,
}

impl Capture {
    /// Keeps the first `limit` bytes.
    pub(super) fn head(limit: usize) -> Self {
        Self {
            head: Vec::new(),
            head_limit: limit,
            tail: VecDeque::new(),
            tail_limit: 0,
            total: 0,
        }
    }

    /// Keeps `limit` bytes, half from the beginning and half from the end.
    pub(super) fn head_and_tail(limit: usize) -> Self {
        let tail_limit = limit / 2;
        Self {
            tail_limit,
            ..Self::head(limit - tail_limit)
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = self
            .head_limit
            .saturating_sub(self.head.len())
            .min(bytes.len());
        let (first, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(first);
        let skip = rest.len().saturating_sub(self.tail_limit);
        let rest = rest.get(skip..).unwrap_or_default();
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.tail_limit);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend(rest);
    }

    /// Bytes that were read but not kept.
    pub(super) fn dropped(&self) -> u64 {
        self.total
            .saturating_sub((self.head.len() + self.tail.len()) as u64)
    }

    /// What was kept, with a note where something is missing between head and tail.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        let dropped = self.dropped();
        let mut bytes = self.head;
        if dropped > 0 && self.tail_limit > 0 {
            bytes.extend_from_slice(format!("\n[{dropped} bytes left out]\n").as_bytes());
        }
        bytes.extend(self.tail);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(mut capture: Capture, pieces: &[&str]) -> (String, u64) {
        for piece in pieces {
            capture.push(piece.as_bytes());
        }
        let dropped = capture.dropped();
        (String::from_utf8(capture.into_bytes()).unwrap(), dropped)
    }

    #[test]
    fn keeps_all_up_to_the_limit() {
        assert_eq!(
            captured(Capture::head(6), &["abc", "def"]),
            ("abcdef".to_owned(), 0)
        );
        assert_eq!(
            captured(Capture::head_and_tail(6), &["a", "bcdef"]),
            ("abcdef".to_owned(), 0)
        );
        assert_eq!(captured(Capture::head_and_tail(6), &[]), (String::new(), 0));
    }

    #[test]
    fn head_drops_what_follows() {
        assert_eq!(
            captured(Capture::head(4), &["abc", "def", "ghi"]),
            ("abcd".to_owned(), 5)
        );
    }

    #[test]
    fn tail_moves_with_the_stream_however_it_is_cut() {
        let want = ("abc\n[4 bytes left out]\nhij".to_owned(), 4);
        assert_eq!(captured(Capture::head_and_tail(6), &["abcdefghij"]), want);
        assert_eq!(
            captured(Capture::head_and_tail(6), &["ab", "cde", "fg", "h", "ij"]),
            want
        );
        let single: Vec<String> = "abcdefghij".chars().map(String::from).collect();
        let single: Vec<&str> = single.iter().map(String::as_str).collect();
        assert_eq!(captured(Capture::head_and_tail(6), &single), want);
    }
}
