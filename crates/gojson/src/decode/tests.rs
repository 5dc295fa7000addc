use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "logFile")]
    log_file: String,
    #[serde(rename = "logToStderr")]
    log_to_stderr: Option<bool>,
    capabilities: BTreeMap<String, bool>,
    delegates: Vec<Delegate>,
    ips: Vec<String>,
    level: i64,
    raw: Option<Value>,
    kind: Option<Kind>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Delegate {
    ipam: Ipam,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Ipam {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    Plain,
    Named(String),
}

fn read(text: &str) -> Result<Config, Error> {
    from_str(text)
}

fn message(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn every_spelling_of_a_key_sets_its_field() {
    // B0.1
    let key = "logFile";
    for mask in 0_u32..1 << key.len() {
        let spelled: String = key
            .chars()
            .enumerate()
            .map(|(i, c)| {
                if mask >> i & 1 == 1 {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect();
        let config: Config = from_value(json!({ spelled.as_str(): "x" })).unwrap();
        assert_eq!(config.log_file, "x", "{spelled}");
    }
}

#[test]
fn the_exact_spelling_wins_wherever_it_stands() {
    // Q66, B0.1
    for text in [
        r#"{"LOGFILE":"a","logFile":"b","logfile":"c"}"#,
        r#"{"logFile":"b","LOGFILE":"a","logfile":"c"}"#,
    ] {
        assert_eq!(read(text).unwrap().log_file, "b");
    }
}

#[test]
fn folding_reaches_into_lists_but_not_into_maps() {
    let config = read(
        r#"{"Delegates":[{"IPAM":{"TYPE":"static"}}],"capabilities":{"MAC":true,"mac":false},"raw":{"A":1,"a":2}}"#,
    );
    let config = config.unwrap();
    assert_eq!(config.delegates[0].ipam.kind, "static");
    assert_eq!(
        config.capabilities,
        BTreeMap::from([("MAC".into(), true), ("mac".into(), false)])
    );
    assert_eq!(config.raw, Some(json!({"A": 1, "a": 2})));
}

#[test]
fn unknown_keys_are_ignored_and_the_last_duplicate_wins() {
    // B0.2, #16
    assert_eq!(
        read(r#"{"x":[{}],"logFile":"a","logFile":"b"}"#)
            .unwrap()
            .log_file,
        "b"
    );
}

#[test]
fn null_leaves_a_field_alone() {
    // B0.2
    let text = r#"{"logFile":null,"logToStderr":null,"capabilities":null,"delegates":null,"level":null,"raw":null}"#;
    assert_eq!(read(text), Ok(Config::default()));
    assert_eq!(
        read(r#"{"logFile":"a","LogFile":null}"#).unwrap().log_file,
        "a"
    );
}

#[test]
fn null_inside_of_a_map_or_list_of_scalars_is_zero_and_an_error_among_objects() {
    let config = read(r#"{"capabilities":{"mac":null},"ips":[null]}"#).unwrap();
    assert_eq!(config.capabilities.get("mac"), Some(&false));
    assert_eq!(config.ips, [""]);
    assert_eq!(
        message(r#"{"delegates":[{},null]}"#),
        "delegates[1]: invalid type: null, expected an object"
    );
}

#[test]
fn an_error_names_the_path_and_never_the_value() {
    // B0.3
    assert_eq!(
        message(r#"{"delegates":[{},{"ipam":{"type":7}}]}"#),
        "delegates[1].ipam.type: invalid type: integer, expected a string"
    );
    assert_eq!(
        message(r#"{"logToStderr":"s3cret"}"#),
        "logToStderr: invalid type: string, expected a boolean"
    );
    assert_eq!(
        message(r#"{"LEVEL":1.5}"#),
        "level: invalid type: floating point number, expected a whole number"
    );
    assert_eq!(
        message(r#"{"level":99999999999999999999}"#),
        "level: invalid type: floating point number, expected a whole number"
    );
}

#[test]
fn an_error_speaks_of_objects_arrays_and_numbers() {
    for (text, expected) in [
        ("[]", "invalid type: array, expected an object"),
        ("null", "invalid type: null, expected an object"),
        (
            r#"{"capabilities":1}"#,
            "capabilities: invalid type: integer, expected an object",
        ),
        (
            r#"{"ips":"10.0.0.1"}"#,
            "ips: invalid type: string, expected an array",
        ),
    ] {
        assert_eq!(message(text), expected);
    }
}

#[test]
fn an_enum_is_a_name_or_an_object_with_one_key() {
    assert_eq!(read(r#"{"kind":"plain"}"#).unwrap().kind, Some(Kind::Plain));
    assert_eq!(
        read(r#"{"kind":{"named":"x"}}"#).unwrap().kind,
        Some(Kind::Named("x".into()))
    );
    assert_eq!(
        message(r#"{"kind":"s3cret"}"#),
        "kind: unknown value, expected one of plain, named"
    );
    assert!(read(r#"{"kind":{}}"#).is_err());
}

#[test]
fn an_enum_with_more_than_its_name_and_value_is_an_error() {
    for kind in [r#"{"named": "a", "x": 1}"#, r#"{"plain": 1}"#, "{}", "[]"] {
        let error = read(&format!("{{\"kind\": {kind}}}")).unwrap_err();
        assert_eq!(error.path().split('.').next(), Some("kind"), "{kind}");
        assert!(error.message().starts_with("invalid "), "{error}");
    }
}

#[test]
fn null_among_others_is_what_go_has_for_nothing() {
    // B0.2
    assert_eq!(from_str("[1, null]"), Ok(vec![1_i64, 0]));
    assert_eq!(from_str("[null, true]"), Ok(vec![false, true]));
    assert_eq!(from_str("[null]"), Ok(vec![String::new()]));
    assert_eq!(from_str("[null, 1]"), Ok(vec![None, Some(1_i64)]));
    assert_eq!(from_str("[null]"), Ok(vec![Vec::<String>::new()]));
    assert_eq!(from_str("[null]"), Ok(vec![BTreeMap::<String, i64>::new()]));
}

#[test]
fn an_error_names_the_kind_of_what_it_found() {
    // B0.3
    for (value, kind) in [
        ("true", "boolean"),
        ("1", "integer"),
        ("1.5", "floating point number"),
        ("[]", "array"),
        ("{}", "object"),
    ] {
        assert_eq!(
            message(&format!("{{\"logFile\": {value}}}")),
            format!("logFile: invalid type: {kind}, expected a string")
        );
    }
}

#[test]
fn text_that_is_not_one_document_is_refused_with_its_place() {
    // #1, #3
    assert_eq!(
        message(r#"{} {}"#),
        "trailing characters at line 1 column 4"
    );
    assert_eq!(message(""), "EOF while parsing a value at line 1 column 0");
    assert_eq!(
        message("{\n  \"a\": x}"),
        "expected value at line 2 column 8"
    );
}

#[test]
fn a_byte_order_mark_and_comments_get_a_hint() {
    // #4
    assert!(message("\u{feff}{}").ends_with(", the text starts with a byte order mark"));
    assert!(message("{\n  // no\n}").ends_with(", comments are not JSON"));
    assert!(message("# no\n{}").ends_with(", comments are not JSON"));
    assert!(message("{\n\n   \"a\": // no\n}").ends_with(", comments are not JSON"));
}

#[test]
fn deep_nesting_is_an_error() {
    // #17
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(message(&deep).starts_with("recursion limit exceeded"));
}

#[test]
fn big_integers_are_kept() {
    // #17
    let value: Value =
        from_str("[9007199254740993,18446744073709551615,-9223372036854775808]").unwrap();
    assert_eq!(
        crate::to_string(&value).unwrap(),
        "[9007199254740993,18446744073709551615,-9223372036854775808]"
    );
}

#[test]
fn a_key_is_looked_up_as_a_field_would_be() {
    let value = json!({"Name": 1, "NAME": 2, "other": 3});
    let map = value.as_object().unwrap();
    assert_eq!(get_fold(map, "NAME"), Some(&json!(2)));
    assert_eq!(get_fold(map, "name"), Some(&json!(1)));
    assert_eq!(get_fold(map, "missing"), None);
}
