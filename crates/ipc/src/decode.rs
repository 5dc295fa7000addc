//! Reading what came over the socket.

use serde::de::DeserializeOwned;

/// Decodes words of ours. What cannot be read so is read as Go reads, which takes three times as long: for `null`, for a key that
/// comes twice, and for an error that says where. A key in another case may be passed over.
///
/// # Errors
/// As [`gojson::from_slice`].
pub fn decode<T: DeserializeOwned>(document: &[u8]) -> Result<T, gojson::Error> {
    serde_json::from_slice(document).or_else(|_| gojson::from_slice(document))
}

#[cfg(test)]
mod tests {
    use crate::{Detached, StatusRequest};

    use super::*;

    #[test]
    fn what_is_written_otherwise_than_by_us_is_read_as_well() {
        for text in [
            r#"{"containerID":"c","left":["x"],"new":1}"#,
            r#"{"CONTAINERID":"c","left":["x"],"runs":null}"#,
            r#"{"containerID":"b","containerID":"c","left":["x"]}"#,
        ] {
            let words: Detached = decode(text.as_bytes()).unwrap();
            assert_eq!(
                (words.container_id.as_str(), words.rest.len()),
                ("c", 1),
                "{text}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        let error = decode::<StatusRequest>(br#"{"config":1}"#).unwrap_err();
        assert!(error.to_string().contains("config"), "{error}");
    }
}
