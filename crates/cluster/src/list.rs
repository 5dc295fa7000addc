//! Lists on the wire, page by page.

use serde::Deserialize;

#[derive(Deserialize)]
struct Document<T> {
    metadata: Option<Metadata>,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(rename = "continue")]
    next: Option<String>,
    #[serde(rename = "resourceVersion")]
    version: Option<String>,
}

/// Part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// What to ask for the next part with, if there is one.
    pub(crate) next: Option<String>,
    /// The state of the API that the whole list shows; empty where the server does not tell.
    pub(crate) version: String,
}

/// Reads a page.
///
/// # Errors
/// Not JSON, or a value of the wrong type.
pub(crate) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<Page<T>, serde_json::Error> {
    let document: Document<T> = serde_json::from_slice(bytes)?;
    let metadata = document.metadata.unwrap_or_default();
    Ok(Page {
        items: document.items.unwrap_or_default(),
        next: metadata.next.filter(|next| !next.is_empty()),
        version: metadata.version.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_page_tells_where_the_next_one_begins() {
        let next = |next: Value| {
            let list = json!({"metadata": {"continue": next}, "items": null}).to_string();
            parse::<Value>(list.as_bytes()).unwrap().next
        };
        assert_eq!(next(json!("abc")).as_deref(), Some("abc"));
        assert_eq!(next(json!("")), None);
        assert_eq!(next(json!(null)), None);
        assert!(parse::<Value>(b"<html>").is_err());
    }

    #[test]
    fn a_page_tells_its_version_wherever_that_stands() {
        let list = br#"{"items": [{"a" : 1}, "b"], "metadata": {"resourceVersion": "7"}}"#;
        let page = parse::<Value>(list).unwrap();
        assert_eq!(page.items, [json!({"a": 1}), json!("b")]);
        assert_eq!(page.version, "7");
    }
}
