use super::*;

const FIRST: &str = r#"{"cniVersion":"1.0.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"ips":[{"address":"10.0.0.2/24","interface":0}],"extra":1}"#;

#[test]
fn plugins_run_in_order_each_with_the_result_before() {
    // B4.125
    let plugins = Plugins::new(&["a", "b"]).on("a", "ADD", 0, FIRST).on(
        "b",
        "ADD",
        0,
        r#"{"interfaces":[{"name":"b"}]}"#,
    );
    let files = Files::default();
    let result = runtime(&plugins, &files)
        .add(&list("1.0.0", &["a", "b"]), &at(), soon())
        .unwrap();
    assert_eq!(plugins.log(), ["ADD a", "ADD b"]);
    assert_eq!(plugins.call(0).stdin.get("prevResult"), None);
    assert_eq!(
        plugins.call(1).stdin["prevResult"],
        serde_json::from_str::<Value>(FIRST).unwrap()
    );
    assert_eq!(plugins.call(1).stdin["runtimeConfig"], json!({"mac": "m"}));
    assert_eq!(plugins.call(1).env["CNI_PATH"], "/opt/cni/bin:/usr/lib/cni");
    assert_eq!(
        (result.version, result.interfaces[0].name.as_str()),
        (Version::V1_0_0, "b")
    );
}

#[test]
fn the_final_result_is_cached_with_all_that_a_del_needs() {
    // B4.126
    let plugins = Plugins::new(&["a"]).on("a", "ADD", 0, FIRST);
    let (files, network) = (Files::default(), list("1.0.0", &["a"]));
    let result = runtime(&plugins, &files)
        .add(&network, &at(), soon())
        .unwrap();
    let entry = CacheEntry::parse(&files.read("net-c1-eth0").unwrap().unwrap()).unwrap();
    let expected = CacheEntry {
        container_id: "c1".into(),
        config: network.bytes().to_vec(),
        if_name: "eth0".into(),
        network_name: "net".into(),
        netns: "/run/netns/x".into(),
        cni_args: at().args,
        capability_args: at().capability_args,
        result: Some(result),
    };
    assert_eq!(entry, expected);
}

#[test]
fn a_result_of_another_version_is_converted_before_it_goes_on() {
    // #66
    let plugins = Plugins::new(&["a", "b"]).on("a", "ADD", 0, FIRST);
    let files = Files::default();
    runtime(&plugins, &files)
        .add(&list("0.3.1", &["a", "b"]), &at(), soon())
        .unwrap();
    let expected = json!({
        "cniVersion": "0.3.1", "interfaces": [{"name": "eth0", "sandbox": "/x"}], "dns": {},
        "ips": [{"version": "4", "address": "10.0.0.2/24", "interface": 0}],
    });
    assert_eq!(plugins.call(1).stdin["prevResult"], expected);
}

#[test]
fn a_result_that_cannot_be_converted_fails_naming_the_plugin() {
    // #66, #74
    let plugins = Plugins::new(&["a", "b"]).on("a", "ADD", 0, r#"{"cniVersion":"1.0.0"}"#);
    let files = Files::default();
    let error = runtime(&plugins, &files)
        .add(&list("0.2.0", &["a", "b"]), &at(), soon())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin type=\"a\" failed (add): cannot convert: no valid IP addresses"
    );
    assert_eq!(plugins.log(), ["ADD a"]);
}

#[test]
fn an_interface_index_out_of_range_fails_naming_the_plugin() {
    // #67
    let bad = r#"{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/24","interface":0}]}"#;
    let plugins = Plugins::new(&["a"]).on("a", "ADD", 0, bad);
    let files = Files::default();
    let error = runtime(&plugins, &files)
        .add(&list("1.0.0", &["a"]), &at(), soon())
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("plugin type=\"a\" failed (add): invalid result: ips[0].interface"),
        "{error}"
    );
    assert!(files.list().unwrap().is_empty());
}

#[test]
fn all_programs_are_found_before_the_first_runs() {
    // #24
    let plugins = Plugins::new(&["a"]);
    let files = Files::default();
    let error = runtime(&plugins, &files)
        .add(&list("1.0.0", &["a", "b"]), &at(), soon())
        .unwrap_err();
    let text = "plugin type=\"b\" failed (add): failed to find plugin \"b\" in path [/opt/cni/bin /usr/lib/cni]";
    assert_eq!(
        (error.to_string().as_str(), error.plugin_index, error.code()),
        (text, Some(1), 999)
    );
    assert!(plugins.log().is_empty());
    assert!(
        runtime(&plugins, &files)
            .precheck(&list("1.0.0", &["a"]))
            .is_ok()
    );
    assert!(
        runtime(&plugins, &files)
            .precheck(&list("1.0.0", &["b"]))
            .is_err()
    );
}

#[test]
fn without_a_search_path_nothing_runs() {
    // #29
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let runtime = Runtime::new(&plugins, &files, Vec::new());
    let error = runtime
        .add(&conf(json!({"name": "n", "type": "a"})), &at(), soon())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin type=\"a\" name=\"n\" failed (add): failed to find plugin \"a\": no paths provided"
    );
}

#[test]
fn a_failing_plugin_ends_it_and_what_was_made_is_handed_back() {
    // B4.125, #82
    let report = r#"{"code":11,"msg":"no address left","details":"pool of 3"}"#;
    let plugins = Plugins::new(&["a", "b", "c"])
        .on("a", "ADD", 0, FIRST)
        .on("b", "ADD", 1, report);
    let files = Files::default();
    let error = runtime(&plugins, &files)
        .add(&list("1.0.0", &["a", "b", "c"]), &at(), soon())
        .unwrap_err();
    assert_eq!(plugins.log(), ["ADD a", "ADD b"]);
    assert_eq!(
        error.to_string(),
        "plugin type=\"b\" failed (add): no address left; pool of 3"
    );
    assert_eq!(
        (
            error.code(),
            error.network.as_str(),
            error.plugin.as_str(),
            error.verb
        ),
        (11, "net", "b", Verb::Add)
    );
    assert_eq!(error.partial.map(|partial| partial.ips.len()), Some(1));
    assert!(files.list().unwrap().is_empty());
}

#[test]
fn the_plugin_is_named_also_where_it_is_the_only_one() {
    // B4.125
    let plugins = Plugins::new(&["a"]).on("a", "ADD", 1, r#"{"code":7,"msg":"bad"}"#);
    let files = Files::default();
    let error = |network| {
        runtime(&plugins, &files)
            .add(&network, &at(), soon())
            .unwrap_err()
            .to_string()
    };
    let named = conf(json!({"name": "net", "plugins": [{"type": "a", "name": "x"}]}));
    assert_eq!(
        error(named),
        "plugin type=\"a\" name=\"x\" failed (add): bad"
    );
    let single = conf(json!({"name": "net", "type": "a"}));
    assert_eq!(
        error(single),
        "plugin type=\"a\" name=\"net\" failed (add): bad"
    );
    let nameless = conf(json!({"name": "net", "plugins": [{"type": "a", "name": ""}]}));
    assert_eq!(error(nameless), "plugin type=\"a\" failed (add): bad");
}

#[test]
fn what_cannot_be_stored_is_undone_with_the_result_at_hand() {
    // #104, B4.126
    let plugins = Plugins::new(&["a", "b"]).on("b", "ADD", 0, FIRST).on(
        "a",
        "DEL",
        1,
        r#"{"code":5,"msg":"stuck"}"#,
    );
    let files = Files {
        is_full: true,
        ..Files::default()
    };
    let error = runtime(&plugins, &files)
        .add(&list("1.0.0", &["a", "b"]), &at(), soon())
        .unwrap_err();
    assert_eq!(plugins.log(), ["ADD a", "ADD b", "DEL b", "DEL a"]);
    assert_eq!(
        plugins.call(2).stdin["prevResult"]["ips"][0]["address"],
        "10.0.0.2/24"
    );
    let text = "failed to set network \"net\" cached result: no space left; undo failed: plugin type=\"a\" failed (delete): stuck";
    assert_eq!(error.to_string(), text);
}

#[test]
fn bad_names_and_arguments_are_refused_on_every_verb_before_anything_runs() {
    // #50, #51, #52, B4.122
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let runtime = runtime(&plugins, &files);
    let args = |value: &str| Attachment {
        args: vec![("A".into(), value.into())],
        ..at()
    };
    let nameless = conf(json!({"cniVersion": "1.1.0", "plugins": [{"type": "a"}]}));
    let long =
        conf(json!({"cniVersion": "1.1.0", "name": "n".repeat(250), "plugins": [{"type": "a"}]}));
    let empty = NetworkConf::parse_list(br#"{"cniVersion":"1.1.0","name":"n"}"#).unwrap();
    let plain = list("1.1.0", &["a"]);
    for (network, at, code, text) in [
        (&nameless, at(), 7, "missing network name"),
        (&long, at(), 7, "too long to be stored"),
        (&empty, at(), 7, "no plugin configs found"),
        (
            &plain,
            args("a;b"),
            4,
            "value of argument \"A\" cannot be passed in CNI_ARGS",
        ),
    ] {
        let added = runtime.add(network, &at, soon()).unwrap_err();
        let deleted = runtime.del(network, &at, soon()).unwrap_err();
        let checked = runtime.check(network, &at, soon()).unwrap_err();
        for (found, message) in [
            (added.code(), added.to_string()),
            (deleted.code(), deleted.to_string()),
            (checked.code(), checked.to_string()),
        ] {
            assert!(found == code && message.contains(text), "{found} {message}");
        }
    }
    for network in [&nameless, &empty] {
        assert!(
            runtime.status(network, soon()).is_err() && runtime.gc(network, &[], soon()).is_err()
        );
    }
    assert!(plugins.log().is_empty());
}

#[test]
fn what_a_caller_changed_afterwards_takes_the_place_of_the_stored_result() {
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let (runtime, network) = (runtime(&plugins, &files), list("1.0.0", &["a"]));
    let mut result = runtime.add(&network, &at(), soon()).unwrap();
    result
        .routes
        .push(crate::Route::new(crate::IpNet::default_route(true), None));
    runtime.store(&network, &at(), &result).unwrap();
    assert_eq!(
        runtime.cached_of(&at().container_id)[0].netns,
        "/run/netns/x"
    );
    runtime.del(&network, &at(), soon()).unwrap();
    assert_eq!(
        plugins.call(1).stdin["prevResult"]["routes"],
        json!([{"dst": "0.0.0.0/0"}])
    );
}
