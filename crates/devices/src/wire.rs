//! Protocol buffers, as far as one message of the kubelet needs them: fields are walked, not decoded into types.

/// Why bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field or its length does not end within the message.
    #[error("a field is cut off")]
    Cut,
    /// A number of more than 64 bits.
    #[error("a number has more than 64 bits")]
    Number,
    /// A field number or wire type that the format does not have.
    #[error("a field has an impossible key")]
    Key,
    /// A field that is known to be a message or a text and is something else.
    #[error("field {0} has another type than it should")]
    Type(u64),
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
}

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A message, a text, or bytes.
    Bytes(&'a [u8]),
    /// Anything else. Nobody here reads it.
    Other,
}

/// The fields of a message, in their order: number and value. After an error nothing more comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<(u64, Value<'a>), WireError> {
        let key = self.varint()?;
        let (number, kind) = (key >> 3, key & 7);
        if number == 0 {
            return Err(WireError::Key);
        }
        let value = match kind {
            0 => {
                self.varint()?;
                Value::Other
            }
            1 => {
                self.take(8)?;
                Value::Other
            }
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => {
                self.take(4)?;
                Value::Other
            }
            _ => return Err(WireError::Key),
        };
        Ok((number, value))
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first().ok_or(WireError::Cut)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(WireError::Number);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(WireError::Number)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(length).map_err(|_| WireError::Cut)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(WireError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

/// The messages or texts of one field, in their order.
pub(crate) fn all(
    message: &[u8],
    wanted: u64,
) -> impl Iterator<Item = Result<&[u8], WireError>> + Clone {
    Fields::of(message).filter_map(move |field| match field {
        Ok((number, Value::Bytes(bytes))) if number == wanted => Some(Ok(bytes)),
        Ok((number, Value::Other)) if number == wanted => Some(Err(WireError::Type(number))),
        Ok(_) => None,
        Err(error) => Some(Err(error)),
    })
}

/// A text that stands in the message at most once; the last one counts, none is the empty one.
pub(crate) fn text(message: &[u8], wanted: u64) -> Result<&str, WireError> {
    let bytes = all(message, wanted).try_fold(&[][..], |_, bytes| bytes)?;
    as_text(bytes)
}

pub(crate) fn as_text(bytes: &[u8]) -> Result<&str, WireError> {
    std::str::from_utf8(bytes).map_err(|_| WireError::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(message: &[u8]) -> Result<Vec<(u64, Value<'_>)>, WireError> {
        Fields::of(message).collect()
    }

    #[test]
    fn every_kind_of_field_is_walked_over() {
        let message = [
            0x08, 0x96, 0x01, // 1: 150
            0x12, 0x02, b'h', b'i', // 2: "hi"
            0x19, 1, 2, 3, 4, 5, 6, 7, 8, // 3: 64 bits
            0x25, 1, 2, 3, 4, // 4: 32 bits
            0x82, 0x01, 0x00, // 16: ""
        ];
        assert_eq!(
            fields(&message).unwrap(),
            [
                (1, Value::Other),
                (2, Value::Bytes(b"hi")),
                (3, Value::Other),
                (4, Value::Other),
                (16, Value::Bytes(b"")),
            ]
        );
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let cases: [(&str, &[u8], WireError); 9] = [
            ("a key that does not end", &[0x80], WireError::Cut),
            (
                "a text longer than the rest",
                &[0x0a, 5, b'a'],
                WireError::Cut,
            ),
            ("a 64-bit number that is cut", &[0x09, 1, 2], WireError::Cut),
            ("a 32-bit number that is cut", &[0x0d, 1, 2], WireError::Cut),
            ("field 0", &[0x02, 0], WireError::Key),
            ("a group", &[0x0b], WireError::Key),
            ("wire type 7", &[0x0f], WireError::Key),
            (
                "65 bits",
                &[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
                WireError::Number,
            ),
            (
                "eleven bytes",
                &[0x08, 128, 128, 128, 128, 128, 128, 128, 128, 128, 129, 0],
                WireError::Number,
            ),
        ];
        for (name, message, error) in cases {
            assert_eq!(fields(message), Err(error), "{name}");
        }
    }

    #[test]
    fn the_largest_number_is_read() {
        let message = [0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1];
        assert_eq!(fields(&message).unwrap(), [(1, Value::Other)]);
    }

    #[test]
    fn a_text_that_is_a_number_is_refused_and_the_last_of_several_counts() {
        assert_eq!(text(&[0x08, 1], 1), Err(WireError::Type(1)));
        assert_eq!(text(&[0x0a, 1, b'a', 0x0a, 1, b'b'], 1), Ok("b"));
        assert_eq!(text(&[0x12, 1, b'a'], 1), Ok(""));
        assert_eq!(text(&[0x0a, 1, 0xff], 1), Err(WireError::Text));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_on(message in proptest::collection::vec(any::<u8>(), 0..200)) {
            let length = message.len();
            prop_assert!(Fields::of(&message).count() <= length);
        }
    }
}
