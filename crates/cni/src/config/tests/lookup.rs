//! Networks by name, over listings.

use super::*;

fn file(name: &str, content: &str) -> DirFile {
    DirFile {
        name: name.into(),
        bytes: content.into(),
    }
}

fn single(name: &str) -> String {
    json!({"name": name, "type": "x"}).to_string()
}

#[test]
fn configuration_files_are_told_by_their_last_extension() {
    for name in [
        "a.conf",
        "a.json",
        "a.conflist",
        ".conf",
        ".a.conf",
        "a.b.conf",
    ] {
        assert!(is_config_file(name), "{name}");
    }
    for name in ["a", "a.CONF", "a.conf.bak", "conf", "a.yaml", "a.conf~", ""] {
        assert!(!is_config_file(name), "{name}");
    }
}

#[test]
fn the_first_file_in_lexical_order_wins_whatever_its_kind() {
    // B11.6, B5.75, B5.77, B5.78, #14
    let list = json!({"name": "n", "plugins": [{"type": "y"}]}).to_string();
    let files = [
        file("b.conf", &single("n")),
        file("a.conflist", &list),
        file("0.conf", &single("other")),
    ];
    let found = find_by_name(&files, Some("n")).unwrap();
    assert_eq!(
        (found.file.as_str(), found.conf.form()),
        ("a.conflist", Form::List)
    );
    assert_eq!(found.conf.bytes(), list.as_bytes());
    assert_eq!(found.skipped, ["b.conf: same network as in a.conflist"]);
}

#[test]
fn without_a_name_the_first_good_file_is_taken() {
    // B5.77
    let files = [
        file("1.conf", &single("b")),
        file("0.conf", "{"),
        file("2.conf", &single("c")),
    ];
    for name in [None, Some("")] {
        let found = find_by_name(&files, name).unwrap();
        assert_eq!((found.conf.name(), found.skipped.len()), ("b", 1));
    }
}

#[test]
fn a_broken_file_of_another_network_does_not_stand_in_the_way() {
    // B5.76, Q77, #2
    let files = [
        file("0.conf", "{"),
        file("1.conf", r#"{"name":"x","type":1}"#),
        file("2.conf", &single("n")),
    ];
    let found = find_by_name(&files, Some("n")).unwrap();
    assert_eq!(found.file, "2.conf");
    assert!(
        found.skipped[0].starts_with("0.conf: failed to decode the configuration: EOF"),
        "{:?}",
        found.skipped
    );
    assert!(found.skipped[1].starts_with("1.conf: "));
}

#[test]
fn the_wanted_file_being_broken_is_an_error_that_names_it() {
    // T2.8, B5.76, #1
    let files = [
        file("0.conf", r#"{"name":"n","type":1}"#),
        file("1.conf", &single("n")),
    ];
    let error = find_by_name(&files, Some("n")).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("in 0.conf: failed to decode the configuration: type: "),
        "{error}"
    );
}

#[test]
fn no_files_and_no_match_are_told_apart() {
    assert_eq!(
        find_by_name(&[file("a.txt", "x")], Some("n")),
        Err(LookupError::NoConfigs)
    );
    let error = find_by_name(
        &[file("a.conf", &single("x")), file("b.conf", "{")],
        Some("n"),
    )
    .unwrap_err();
    let message = "no network configuration named \"n\" found; passed over: b.conf: ";
    assert!(error.to_string().starts_with(message), "{error}");
}

#[test]
fn a_file_without_a_name_is_passed_over() {
    // #5
    let files = [
        file("a.conf", r#"{"type":"x"}"#),
        file("b.conf", &single("n")),
    ];
    let found = find_by_name(&files, None).unwrap();
    assert_eq!(
        (found.file.as_str(), found.skipped.as_slice()),
        ("b.conf", &["a.conf: missing network name".to_owned()][..])
    );
}

#[test]
fn what_is_wrong_with_the_wanted_file_decides_about_the_code() {
    // CNI SPEC 1.1, error codes
    let code = |files: &[DirFile]| find_by_name(files, Some("n")).unwrap_err().code();
    assert_eq!(code(&[]), code::INVALID_NETWORK_CONFIG);
    let other = file("a.conf", r#"{"name":"other","type":"x"}"#);
    assert_eq!(code(&[other]), code::INVALID_NETWORK_CONFIG);
    let broken = file("a.conf", r#"{"name":"n","type":1}"#);
    assert_eq!(code(&[broken]), code::DECODING_FAILURE);
}

#[test]
fn a_sub_directory_gives_its_conf_files_in_order() {
    // #19
    let files = [
        file("b.conf", r#"{"type":"b"}"#),
        file("c.json", "{"),
        file("a.conf", r#"{"type":"a"}"#),
    ];
    let plugins = subdir_plugins(&files).unwrap();
    assert_eq!(
        plugins
            .iter()
            .map(PluginConf::plugin_type)
            .collect::<Vec<_>>(),
        ["a", "b"]
    );
    let error = subdir_plugins(&[file("a.conf", "{}")]).unwrap_err();
    assert_eq!(error.to_string(), "in a.conf: missing 'type'");
    assert_eq!(error.code(), code::INVALID_NETWORK_CONFIG);
    let error = subdir_plugins(&[file("a.conf", "{")]).unwrap_err();
    assert_eq!(error.code(), code::DECODING_FAILURE);
}
