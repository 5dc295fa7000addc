use super::*;

mod comma;
mod default_network;
mod json;
mod messages;
mod values;

/// Reads with `pods` as the pod's namespace.
fn read(text: &str) -> Vec<SelectionElement> {
    parse(text, "pods").unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Reads a JSON array of one object with a name and these further members.
fn element(members: &str) -> SelectionElement {
    let mut elements = read(&format!(r#"[{{"name": "a", {members}}}]"#));
    assert_eq!(elements.len(), 1);
    elements.remove(0)
}

/// The message with which the text is refused.
fn refusal(text: &str) -> String {
    match parse(text, "pods") {
        Ok(elements) => panic!("{text}: read as {elements:?}"),
        Err(error) => error.to_string(),
    }
}

/// The message with which such an element is refused, without what precedes the key.
fn element_refusal(members: &str) -> String {
    let message = refusal(&format!(r#"[{{"name": "a", {members}}}]"#));
    match message.split_once("element 0 (\"a\"): ") {
        Some((_, rest)) => rest.to_owned(),
        None => panic!("{message}"),
    }
}

#[test]
fn empty_text_selects_nothing() {
    // B3.10
    assert_eq!(read(""), []);
}

#[test]
fn brackets_braces_and_quotes_make_it_json() {
    // B3.11
    for text in ["a[", "a{", "a\"", "[]x", "a,{\"name\":\"b\"}"] {
        assert!(
            refusal(text).starts_with("failed to parse JSON: "),
            "{text}"
        );
    }
    assert_eq!(read("a"), [SelectionElement::new("pods", "a")]);
}

#[test]
fn an_element_refers_to_namespace_and_name() {
    // B5.64
    assert_eq!(SelectionElement::new("ns", "net").reference(), "ns/net");
}
