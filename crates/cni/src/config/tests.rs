use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;

mod lookup;

fn parse(value: Value) -> Result<NetworkConf, ConfError> {
    NetworkConf::parse(value.to_string().as_bytes())
}

fn fails(value: Value) -> String {
    parse(value).unwrap_err().to_string()
}

fn types(conf: &NetworkConf) -> Vec<&str> {
    conf.plugins().iter().map(PluginConf::plugin_type).collect()
}

fn text(conf: &NetworkConf) -> &str {
    std::str::from_utf8(conf.bytes()).unwrap()
}

#[test]
fn a_type_makes_a_single_configuration_even_beside_plugins() {
    // B5.60
    let conf = parse(
        json!({"name": "n", "type": "bridge", "plugins": [{"type": "x"}], "cniVersion": "0.4.0"}),
    )
    .unwrap();
    assert_eq!(
        (conf.form(), conf.name(), conf.version()),
        (Form::Single, "n", Version::V0_4_0)
    );
    assert_eq!(types(&conf), ["bridge"]);
}

#[test]
fn an_empty_type_makes_a_list() {
    // B5.60
    let conf = parse(
        json!({"name": "n", "type": "", "plugins": [{"type": "a"}, {"type": "b"}, {"type": "a"}]}),
    )
    .unwrap();
    assert_eq!(conf.form(), Form::List);
    assert_eq!(types(&conf), ["a", "b", "a"]); // #15
}

#[test]
fn the_text_is_kept_until_something_is_edited() {
    let text = br#"{"type": "x",  "name":"n", "big": 9007199254740993}"#;
    let conf = NetworkConf::parse(text).unwrap();
    assert_eq!(conf.bytes(), text);
    // B5.57, #17
    let named = conf.with_name("other").unwrap();
    assert_eq!(named.name(), "other");
    assert_eq!(
        named.bytes(),
        br#"{"big":9007199254740993,"name":"other","type":"x"}"#
    );
}

#[test]
fn a_missing_name_can_be_given_and_a_bad_one_is_refused() {
    // #5, B5.57
    for value in [
        json!({"type": "x"}),
        json!({"type": "x", "name": ""}),
        json!({"plugins": [{"type": "x"}], "Name": null}),
    ] {
        let conf = parse(value).unwrap();
        assert_eq!(conf.name(), "");
        assert_eq!(conf.with_name("n").unwrap().name(), "n");
    }
    for name in ["../x", "a b", "-a"] {
        assert_eq!(
            parse(json!({"type": "x", "name": name})).map_err(|e| e.code()),
            Err(code::INVALID_NETWORK_CONFIG)
        );
        assert!(
            parse(json!({"type": "x"}))
                .unwrap()
                .with_name(name)
                .is_err()
        );
    }
    assert_eq!(
        fails(json!({"type": "x", "name": 7})),
        "failed to decode the configuration: name: invalid type: integer, expected a string"
    );
}

#[test]
fn what_is_no_configuration_is_refused_with_its_reason() {
    for (value, message) in [
        (
            json!([]),
            "failed to decode the configuration: not an object",
        ),
        (
            json!({"name": "n"}),
            "neither 'type' (one plugin) nor 'plugins' (a list)",
        ), // #6, #7
        (
            json!({"name": "n", "plugins": null}),
            "neither 'type' (one plugin) nor 'plugins' (a list)",
        ),
        (json!({"plugins": []}), "no plugins in list"),
        (
            json!({"plugins": {}}),
            "failed to decode the configuration: plugins: invalid type, expected an array",
        ),
        (
            json!({"plugins": ["x"]}),
            "failed to decode the configuration: plugins[0]: invalid type, expected an object",
        ),
        (
            json!({"plugins": [{"type": "a"}, {}]}),
            "missing 'type' in plugins[1]",
        ),
        (
            json!({"plugins": [{"type": "a/b"}]}),
            "invalid plugin name: \"a/b\"",
        ), // #8
        (
            json!({"plugins": [{"type": "a", "capabilities": {"x": 1}}]}),
            "failed to decode the configuration: plugins[0].capabilities.x: invalid type: integer, expected a boolean",
        ),
        (
            json!({"type": "a", "ipam": "x"}),
            "failed to decode the configuration: ipam: invalid type: string, expected an object",
        ), // B5.61
        (
            json!({"type": "a", "dns": []}),
            "failed to decode the configuration: dns: invalid type: array, expected an object",
        ),
        (
            json!({"plugins": [{"type": "a"}], "ipam": 1}),
            "failed to decode the configuration: ipam: invalid type: integer, expected an object",
        ),
        (
            json!({"type": "a", "cniVersion": "1.0"}),
            "cniVersion: unknown CNI version \"1.0\"",
        ), // #13
        (
            json!({"type": "a", "cniVersion": "v1.0.0"}),
            "cniVersion: unknown CNI version \"v1.0.0\"",
        ),
    ] {
        assert_eq!(fails(value), message);
    }
}

#[test]
fn text_that_is_no_json_is_refused_with_its_place() {
    // #1, #3, #4, #17
    for text in [
        "",
        "{",
        "{\"type\": \"x\",}",
        "{} {}",
        "\u{feff}{}",
        "// x\n{}",
        &"[".repeat(100_000),
    ] {
        let error = NetworkConf::parse(text.as_bytes()).unwrap_err();
        assert_eq!(error.code(), code::DECODING_FAILURE);
        let message = error.to_string();
        assert!(message.contains("line") && message.len() < 200, "{message}");
    }
}

#[test]
fn every_error_has_the_code_of_its_kind() {
    // CNI SPEC 1.1, error codes; B1.26
    let unknown_version = json!({"type": "x", "cniVersion": "9.9.9"});
    for (value, expected) in [
        (unknown_version, code::INCOMPATIBLE_VERSION),
        (json!({"type": "a/b"}), code::INVALID_NETWORK_CONFIG),
        (json!({"type": 1}), code::DECODING_FAILURE),
        (json!([]), code::DECODING_FAILURE),
        (json!({}), code::INVALID_NETWORK_CONFIG),
    ] {
        assert_eq!(
            parse(value.clone()).unwrap_err().code(),
            expected,
            "{value}"
        );
    }
}

#[test]
fn a_list_in_place_of_a_single_configuration_gets_a_hint() {
    // #9
    let error = NetworkConf::parse_single(br#"{"name":"n","plugins":[{"type":"x"}]}"#).unwrap_err();
    let message = "missing 'type', there is 'plugins': a list belongs into a .conflist file";
    assert_eq!(error.to_string(), message);
}

#[test]
fn switches_are_booleans_or_words() {
    // #10, B4.132
    for (value, on) in [
        (json!(true), true),
        (json!("TRUE"), true),
        (json!("False"), false),
        (json!(null), false),
    ] {
        let conf =
            parse(json!({"plugins": [{"type": "a"}], "disableCheck": value, "disableGC": value}))
                .unwrap();
        assert_eq!((conf.disable_check(), conf.disable_gc()), (on, on));
    }
    for value in [json!("yes"), json!(1), json!("")] {
        let message = fails(json!({"plugins": [{"type": "a"}], "disableCheck": value}));
        assert_eq!(message, "disableCheck is neither true nor false");
    }
}

#[test]
fn the_highest_known_version_is_selected() {
    // #11, #12, B4.132
    for (label, offered, selected) in [
        (
            json!("0.3.1"),
            json!(["0.4.0", "1.0.0", "1.1.0"]),
            Ok("1.1.0"),
        ),
        (json!("1.0.0"), json!(["0.4.0"]), Ok("1.0.0")),
        (
            json!("0.3.1"),
            json!(["0.4.0", "1.2.0", "2.0.0"]),
            Ok("0.4.0"),
        ),
        (json!("0.4.0"), json!(["1.2.0"]), Ok("0.4.0")),
        (json!("0.4.0"), json!([]), Ok("0.4.0")),
        (json!("0.4.0"), json!(null), Ok("0.4.0")),
        (json!("2.0.0"), json!(["1.0"]), Ok("1.0.0")),
        (json!(null), json!(["1.0.0"]), Ok("1.0.0")),
        (json!(null), json!(null), Ok("")),
        (
            json!("0.4.0"),
            json!(["x"]),
            Err("cniVersions: invalid version \"x\""),
        ),
        (
            json!("0.4.0"),
            json!(["1.0.0.0"]),
            Err("cniVersions: invalid version \"1.0.0.0\""),
        ),
        (
            json!("x"),
            json!(["1.0.0"]),
            Err("cniVersion: unknown CNI version \"x\""),
        ),
        (
            json!("2.0.0"),
            json!(["3.0.0"]),
            Err("cniVersion: unknown CNI version \"2.0.0\""),
        ),
        (
            json!("0.4.0"),
            json!([1]),
            Err(
                "failed to decode the configuration: cniVersions[0]: invalid type: integer, expected a string",
            ),
        ),
    ] {
        let value =
            json!({"cniVersion": label, "cniVersions": offered, "plugins": [{"type": "a"}]});
        let conf = parse(value.clone());
        match selected {
            Ok(selected) => assert_eq!(conf.unwrap().version_label(), selected, "{value}"),
            Err(message) => assert_eq!(conf.unwrap_err().to_string(), message),
        }
    }
}

#[test]
fn keys_of_the_runtime_are_ignored() {
    // #18
    let value = json!({"plugins": [{"type": "a", "PrevResult": {}, "cni.dev/attachments": [], "runtimeConfig": {"mac": "m"}}]});
    let conf = parse(value).unwrap();
    assert_eq!(
        Value::Object(conf.plugins()[0].raw().clone()),
        json!({"type": "a", "runtimeConfig": {"mac": "m"}})
    );
}

#[test]
fn a_plugin_header_is_read_in_any_case() {
    // B0.1
    let plugin = PluginConf::parse(br#"{"TYPE":"a","Name":"n","CNIVersion":"1.0.0","Capabilities":{"mac":true},"IPAM":{"Type":"static"}}"#);
    let plugin = plugin.unwrap();
    assert_eq!(
        (plugin.plugin_type(), plugin.name(), plugin.cni_version()),
        ("a", Some("n"), Some("1.0.0"))
    );
    assert_eq!(plugin.capabilities().get("mac"), Some(&true));
    assert_eq!(plugin.header().ipam.plugin_type, "static");
}

#[test]
fn edited_plugins_are_written_back_and_the_list_keeps_its_keys() {
    // B4.91, B5.62
    let mut conf =
        parse(json!({"name": "n", "x": [1], "plugins": [{"type": "a"}, {"type": "b"}]})).unwrap();
    conf.edit_plugins(|index, plugin| drop(plugin.insert("deviceID".into(), index.into())))
        .unwrap();
    let expected =
        r#"{"name":"n","plugins":[{"deviceID":0,"type":"a"},{"deviceID":1,"type":"b"}],"x":[1]}"#;
    assert_eq!(text(&conf), expected);
    assert_eq!(conf.plugins()[1].raw()["deviceID"], 1);
}

#[test]
fn an_edit_that_breaks_a_plugin_changes_nothing() {
    let mut conf = parse(json!({"name": "n", "type": "a"})).unwrap();
    let before = conf.clone();
    assert!(conf.edit_plugins(|_, plugin| plugin.clear()).is_err());
    assert_eq!(conf, before);
}

#[test]
fn a_version_can_be_set_for_good() {
    // T1.24
    let conf = parse(json!({"name": "n", "CNIVersion": "0.3.1", "cniVersions": ["0.4.0"], "x": [1], "plugins": [{"type": "a", "own": {"y": 2}}]})).unwrap();
    let conf = conf.with_version("1.0.0").unwrap();
    assert_eq!(
        text(&conf),
        r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"own":{"y":2},"type":"a"}],"x":[1]}"#
    );
    assert_eq!(conf.version(), Version::V1_0_0);
    assert!(conf.with_version("1.0").is_err());
}

#[test]
fn a_name_takes_the_place_of_one_in_any_case() {
    // B0.1, B5.57
    let conf = parse(json!({"NAME": "n", "x": [1], "plugins": [{"type": "a", "own": {"y": 2}}]}));
    let conf = conf.unwrap().with_name("m").unwrap();
    assert_eq!(
        text(&conf),
        r#"{"name":"m","plugins":[{"own":{"y":2},"type":"a"}],"x":[1]}"#
    );
}

#[test]
fn plugins_can_be_appended_to_either_form() {
    let more = || vec![PluginConf::parse(br#"{"type":"b"}"#).unwrap()];
    let mut list = NetworkConf::parse_list(br#"{"name":"n","cniVersion":"1.0.0"}"#).unwrap();
    assert!(list.plugins().is_empty());
    list.append_plugins(more()).unwrap();
    assert_eq!(
        text(&list),
        r#"{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"b"}]}"#
    );

    let mut single = parse(json!({"name": "n", "type": "a", "cniVersion": "0.4.0"})).unwrap();
    single.append_plugins(more()).unwrap();
    assert_eq!(
        (types(&single), single.form(), single.name()),
        (vec!["a", "b"], Form::List, "n")
    );
    assert_eq!(single.version(), Version::V0_4_0);
}

#[test]
fn a_list_of_inlined_plugins_only_needs_some() {
    // #20
    let error =
        NetworkConf::parse_list(br#"{"name":"n","loadOnlyInlinedPlugins":true}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "loadOnlyInlinedPlugins is true, but there is no 'plugins' key"
    );
    for (switch, expected) in [
        (json!(true), true),
        (json!(false), false),
        (json!(null), false),
    ] {
        let list = json!({"plugins": [{"type": "a"}], "loadOnlyInlinedPlugins": switch});
        assert_eq!(parse(list).unwrap().load_only_inlined(), expected);
    }
}

#[test]
fn headers_are_as_upstream_ledgers_have_them() {
    // B2.60, B2.61
    let list = parse(
        json!({"cniVersion": "1.0.0", "name": "cluster", "disableCheck": true, "plugins": [
            {"type": "bridge", "bridge": "cni0", "ipam": {"type": "host-local", "ranges": []}},
            {"type": "tuning", "capabilities": {"mac": true}},
        ]}),
    )
    .unwrap();
    assert_eq!(
        list.header_value(),
        json!({"cniVersion": "1.0.0", "ipam": {}, "name": "cluster"})
    );
    let header = json!({"cniVersion": "1.0.0", "name": "cluster", "disableCheck": true, "plugins": [
        {"ipam": {"type": "host-local"}, "type": "bridge"}, {"capabilities": {"mac": true}, "ipam": {}, "type": "tuning"},
    ]});
    assert_eq!(list.list_header_value(), header);

    let single = parse(
        json!({"cniVersion": "0.3.1", "name": "m", "type": "macvlan", "ipam": {"type": "static"}, "dns": {"domain": "d"}}),
    );
    let single = single.unwrap();
    let header = json!({"cniVersion": "0.3.1", "ipam": {"type": "static"}, "name": "m", "type": "macvlan", "dns": {"domain": "d"}});
    assert_eq!(single.header_value(), header);
    assert_eq!(single.list_header_value(), json!({}));
}

#[test]
fn errors_never_repeat_the_configuration() {
    let secret = "s3cret".repeat(1000);
    for value in [
        json!({"type": {"password": secret}}),
        json!({"name": "n", "password": secret}),
        json!({"type": "a", "ipam": secret}),
    ] {
        assert!(!fails(value).contains("s3cret"));
    }
}

prop_compose! {
    fn plugin()(
        plugin_type in "[a-z]{1,8}",
        capability in any::<(String, bool)>(),
        extra in any::<(String, i64)>(),
        domain in "[a-z.]{0,3}",
    ) -> Value {
        json!({
            "type": plugin_type, "capabilities": {capability.0: capability.1},
            format!("x-{}", extra.0): extra.1, "dns": {"domain": domain},
        })
    }
}

prop_compose! {
    fn network()(plugins in vec(plugin(), 1..4), single in any::<bool>(), version in 0..7_usize, gc in any::<bool>()) -> Value {
        let head = json!({"name": "n", "cniVersion": Version::ALL[version].as_str()});
        let mut network = if single { plugins[0].clone() } else { json!({"plugins": plugins, "disableGC": gc}) };
        network.as_object_mut().unwrap().extend(head.as_object().unwrap().clone());
        network
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = NetworkConf::parse(text.as_bytes());
        let _ = PluginConf::parse(text.as_bytes());
    }

    #[test]
    fn an_edit_changes_what_it_says_and_no_more(network in network(), name in "[a-z0-9][a-z0-9_.-]{0,9}", version in 0..7_usize) {
        let label = Version::ALL[version].as_str();
        let edited = parse(network.clone()).unwrap().with_name(&name).unwrap().with_version(label).unwrap();
        let mut expected = network;
        expected["name"] = name.into();
        expected["cniVersion"] = label.into();
        prop_assert_eq!(&serde_json::from_slice::<Value>(edited.bytes()).unwrap(), &expected);
        prop_assert_eq!(edited.bytes(), gojson::to_vec(&expected).unwrap());
        let read = NetworkConf::parse(edited.bytes()).unwrap();
        prop_assert_eq!(read, edited);
    }
}
