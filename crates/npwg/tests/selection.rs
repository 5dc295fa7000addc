//! The selection annotations under arbitrary text.

use npwg::selection::{SelectionElement, parse, parse_default_network};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::Union;

/// Fragments of both formats, so that arbitrary text reaches more than the first check.
fn fragments() -> impl Strategy<Value = String> {
    const PARTS: [&str; 24] = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "/",
        "@",
        "null",
        "\"name\":",
        "\"a\"",
        "\"ips\":[",
        "\"mac\":",
        "\"10.0.0.1/8\"",
        "\"interface\":",
        "\"portMappings\":[{\"hostPort\":1",
        "\"bandwidth\":{",
        "-1",
        "1e9",
        "\\u0000",
        "\"default-route\":",
        "a.b",
        "\u{feff}",
    ];
    vec(
        Union::new(
            PARTS
                .map(|part| Just(part.to_owned()).boxed())
                .into_iter()
                .chain([any::<String>().boxed()]),
        ),
        0..20,
    )
    .prop_map(|parts| parts.concat())
}

fn label() -> impl Strategy<Value = String> {
    "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
}

fn interface() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9_.-]{1,15}".prop_filter("reserved", |name| {
        !matches!(name.as_str(), "." | ".." | "all" | "default")
    })
}

fn short_element() -> impl Strategy<Value = SelectionElement> {
    (label(), label(), proptest::option::of(interface())).prop_map(
        |(namespace, name, interface)| SelectionElement {
            interface,
            ..SelectionElement::new(namespace, name)
        },
    )
}

fn short_text(element: &SelectionElement) -> String {
    match &element.interface {
        Some(interface) => format!("{}@{interface}", element.reference()),
        None => element.reference(),
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in prop_oneof![any::<String>(), fragments()]) {
        let _ = parse(&text, "default");
        let _ = parse_default_network(&text, "default");
    }

    #[test]
    fn refusals_are_bounded_and_free_of_control_characters(text in prop_oneof![any::<String>(), fragments()]) {
        if let Err(error) = parse(&text, "default") {
            let message = error.to_string();
            prop_assert!(message.chars().count() < 2000);
            prop_assert!(!message.contains(char::is_control), "{:?}", message);
        }
    }

    #[test]
    fn what_the_short_format_says_is_read_back(elements in vec(short_element(), 1..6), pad in "[ \t\n]{0,2}") {
        let items: Vec<String> = elements.iter().map(|element| format!("{pad}{}{pad}", short_text(element))).collect();
        prop_assert_eq!(parse(&items.join(","), "default"), Ok(elements));
    }

    #[test]
    fn both_formats_read_the_same(elements in vec(short_element(), 1..6)) {
        let objects = elements.iter().map(|element| serde_json::json!({
            "name": element.name, "namespace": element.namespace, "interface": element.interface,
        }));
        let text = serde_json::Value::Array(objects.collect()).to_string();
        prop_assert_eq!(parse(&text, "default"), Ok(elements));
    }
}
