//! An answer that goes on and on, line by line.

use http_body_util::BodyExt;
use kube::client::Body;

use crate::failure::Failure;

/// Of a long line no more space is kept than this.
const SPACE: usize = 16 << 10;

/// The lines of an answer.
pub(crate) struct Lines {
    body: Body,
    /// What came and was not handed out, after the line that was last.
    held: Vec<u8>,
    /// Where the last line ends.
    begin: usize,
    /// Up to here there is no further line end.
    searched: usize,
    most: usize,
}

impl Lines {
    /// The lines of a body, each of at most so many bytes.
    pub(crate) fn new(body: Body, most: usize) -> Self {
        Self {
            body,
            held: Vec::new(),
            begin: 0,
            searched: 0,
            most,
        }
    }

    /// The next line, without its end; `None` at the end of the answer. What comes after the last line end is none.
    ///
    /// # Errors
    /// The connection broke, or a line is too long.
    pub(crate) async fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        self.drop_last();
        loop {
            let rest = self.held.get(self.searched..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                self.begin = self.searched + length + 1;
                let line = self.held.get(..self.begin - 1);
                return Ok(Some(line.unwrap_or_default()));
            }
            self.searched = self.held.len();
            if self.searched > self.most {
                return Err(Failure::TooLong(self.most));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.held.extend_from_slice(data);
                    }
                }
                Some(Err(error)) => return Err(Failure::of(&error)),
            }
        }
    }

    fn drop_last(&mut self) {
        self.held.drain(..self.begin);
        if self.held.len() < SPACE {
            self.held.shrink_to(SPACE);
        }
        (self.begin, self.searched) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::block_on;

    async fn lines(text: &str, most: usize) -> Result<Vec<String>, Failure> {
        let mut lines = Lines::new(Body::from(text.as_bytes().to_vec()), most);
        let mut found = Vec::new();
        while let Some(line) = lines.next().await? {
            found.push(String::from_utf8(line.to_vec()).unwrap());
        }
        Ok(found)
    }

    #[test]
    fn an_answer_is_its_whole_lines() {
        let cases: [(&str, &[&str]); 4] = [
            ("", &[]),
            ("a\nbc\n", &["a", "bc"]),
            ("a\n\nhalf", &["a", ""]),
            ("half", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(block_on(lines(text, 10)).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn an_endless_line_is_not_read_to_its_end() {
        let text = "x".repeat(11);
        assert_eq!(block_on(lines(&text, 10)), Err(Failure::TooLong(10)));
    }
}
