//! The node's primary network as the daemon last recorded it on the host: for the daemon's successor, which goes on with
//! it, and for a plugin that finds no daemon (`plainPodsWithoutDaemon`).

use serde::{Deserialize, Serialize};

/// The record's file in `cniDir`. No container id begins with a dot.
pub const PRIMARY_RECORD: &str = ".primary";

/// Records of later versions may say other things; they are passed over.
const VERSION: u32 = 1;

/// What the daemon recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PrimaryRecord {
    /// The version of the record; set when it is written.
    pub version: u32,
    /// Where the primary's file lies, as the daemon sees it.
    pub directory: String,
    /// The file's name.
    pub file: String,
    /// The file that was the primary's before it vanished; it is the primary's again when it returns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub former: Option<String>,
    /// All files that were the primary's before, of which runtimes may still know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_former: Vec<String>,
    /// The file as it was when it last was whole, in the version that `forceCNIVersion` demands.
    pub content: String,
    /// What an ADD attaches: `content` with the plugins of the list's sub-directory.
    pub configuration: String,
    /// Whether a pod whose annotations name no network gets this network and no other, and may get it while no daemon
    /// answers.
    pub plain: bool,
}

impl PrimaryRecord {
    /// The record's text.
    ///
    /// # Errors
    /// None that are known: text can be written as JSON.
    pub fn encode(&self) -> Result<Vec<u8>, gojson::Error> {
        let record = Self {
            version: VERSION,
            ..self.clone()
        };
        gojson::to_vec(&record)
    }

    /// Reads a record; `None` where it is of a later version, or no record at all.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let record: Self = gojson::from_slice(bytes).ok()?;
        (record.version == VERSION && !record.file.is_empty()).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"version":1,"directory":"/d","file":"10-a.conf","content":"{}","configuration":"{}","plain":true}"#;

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let record = PrimaryRecord::decode(TEXT.as_bytes()).unwrap();
        assert_eq!((record.file.as_str(), record.plain), ("10-a.conf", true));
        assert_eq!(record.encode().unwrap(), TEXT.as_bytes());
        let with_former = PrimaryRecord {
            former: Some("05-b.conf".to_owned()),
            all_former: vec!["05-b.conf".to_owned()],
            ..record
        };
        let text = with_former.encode().unwrap();
        assert_eq!(PrimaryRecord::decode(&text), Some(with_former));
    }

    #[test]
    fn what_is_no_record_of_this_version_is_none() {
        let later = TEXT.replace("\"version\":1", "\"version\":2");
        for text in ["", "{}", "[]", "null", "{\"version\":1}", later.as_str()] {
            assert_eq!(PrimaryRecord::decode(text.as_bytes()), None, "{text}");
        }
    }
}
