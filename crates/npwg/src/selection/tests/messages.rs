use super::*;

const JSON: &str = "failed to parse JSON: ";

#[test]
fn text_that_is_no_array_of_objects_is_refused() {
    // B3.30, B3.49, Q7, T2.4
    let cases = [
        (
            r#"{"name":"a"}"#,
            "failed to parse JSON: it is an object instead of an array",
        ),
        (
            r#""a""#,
            "failed to parse JSON: it is a string instead of an array",
        ),
        ("[null]", "element 0: it is null instead of an object"),
        (
            r#"[{"name":"a"},null]"#,
            "element 1: it is null instead of an object",
        ),
        (
            r#"[{"name":"a"},"b"]"#,
            "element 1: it is a string instead of an object",
        ),
        (r#"[[]]"#, "element 0: it is an array instead of an object"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected);
    }
    for text in [
        "[adsfasdfasdfasf]",
        "[",
        r#"[{"name":"a"}] x"#,
        r#"[{"name":"a",}]"#,
    ] {
        assert!(refusal(text).starts_with(JSON), "{text}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_key() {
    // B0.3, B3.42
    let cases = [
        (r#""namespace": 1"#, "namespace: "),
        (r#""interface": ["x"]"#, "interface: "),
        (r#""ips": "10.0.0.1""#, "ips: "),
        (r#""ips": ["::1", 7]"#, "ips[1]: "),
        (r#""mac": 7"#, "mac: "),
        (r#""infiniband-guid": 7"#, "infiniband-guid: "),
        (r#""portMappings": {}"#, "portMappings: "),
        (r#""bandwidth": []"#, "bandwidth: "),
        (r#""deviceID": 7"#, "deviceID: "),
        (r#""cni-args": ["x"]"#, "cni-args: "),
        (r#""cni-args": "x""#, "cni-args: "),
        (r#""default-route": "10.0.0.1""#, "default-route: "),
    ];
    for (members, key) in cases {
        let message = refusal(&format!(r#"[{{"name": "a", {members}}}]"#));
        assert!(
            message.starts_with(&format!("element 0 (\"a\"): {key}")),
            "{message}"
        );
    }
    assert!(refusal(r#"[{"name": 7}]"#).starts_with("element 0: name: "));
}

#[test]
fn a_message_is_one_short_line_whatever_the_annotation_has() {
    let hostile = "\u{1b}[2J\\n\\u0007\u{202e}".repeat(2000);
    let texts = [
        format!(r#"[{{"name": "{hostile}"}}]"#),
        format!(r#"[{{"name": "{hostile}", "mac": 7}}]"#),
        format!(r#"[{{"name": "a", "mac": "{}"}}]"#, "z\\n".repeat(2000)),
        format!(r#"[{{"name": "a", "ips": ["{}"]}}]"#, "z\\n".repeat(2000)),
        format!(
            r#"[{{"name": "a", "portMappings": [{{"{0}": 1, "hostPort": "{0}"}}]}}]"#,
            "z\\n".repeat(2000)
        ),
        "x\n\u{7}/".repeat(2000),
        format!("a@{}", "\u{7}".repeat(2000)),
    ];
    for text in texts {
        let message = refusal(&text);
        assert!(message.chars().count() < 900, "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn deep_nesting_is_refused_without_a_crash() {
    let text = format!(
        r#"[{{"name":"a","cni-args":{}1{}}}]"#,
        r#"{"x":"#.repeat(100_000),
        "}".repeat(100_000)
    );
    assert!(refusal(&text).starts_with(JSON));
}
