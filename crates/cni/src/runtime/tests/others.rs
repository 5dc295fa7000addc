use super::*;

fn previous() -> Value {
    json!({"cniVersion": "1.0.0", "interfaces": [{"name": "eth0"}]})
}

#[test]
fn check_runs_in_order_with_the_cached_result_and_keeps_it() {
    // B4.128
    let (plugins, files) = (Plugins::new(&["a", "b"]), Files::default());
    cached(&files, "net", "c1", previous());
    runtime(&plugins, &files)
        .check(&list("1.0.0", &["a", "b"]), &at(), soon())
        .unwrap();
    assert_eq!(plugins.log(), ["CHECK a", "CHECK b"]);
    assert_eq!(plugins.call(1).stdin["prevResult"], previous());
    assert_eq!(files.list().unwrap(), ["net-c1-eth0"]);
}

#[test]
fn check_stops_at_the_first_failure_and_keeps_its_code() {
    let plugins = Plugins::new(&["a", "b"]).on("a", "CHECK", 1, r#"{"code":101,"msg":"gone"}"#);
    let files = Files::default();
    cached(&files, "net", "c1", previous());
    let error = runtime(&plugins, &files)
        .check(&list("1.0.0", &["a", "b"]), &at(), soon())
        .unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (101, "plugin type=\"a\" failed (check): gone")
    );
    assert_eq!(plugins.log(), ["CHECK a"]);
}

#[test]
fn check_is_refused_below_0_4_0_even_where_it_is_disabled() {
    // #89, B4.128
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let network = conf(
        json!({"cniVersion": "0.3.1", "name": "n", "disableCheck": true, "plugins": [{"type": "a"}]}),
    );
    let error = runtime(&plugins, &files)
        .check(&network, &at(), soon())
        .unwrap_err();
    let text = "configuration version \"0.3.1\" does not support the CHECK command";
    assert_eq!((error.code(), error.to_string().as_str()), (1, text));
}

#[test]
fn check_that_is_disabled_succeeds_without_running() {
    // #92
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let network = conf(
        json!({"cniVersion": "1.0.0", "name": "n", "disableCheck": true, "plugins": [{"type": "a"}]}),
    );
    runtime(&plugins, &files)
        .check(&network, &at(), soon())
        .unwrap();
    assert!(plugins.log().is_empty());
}

#[test]
fn check_needs_a_cached_result() {
    // #88, #100
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let check = || {
        runtime(&plugins, &files)
            .check(&list("1.0.0", &["a"]), &at(), soon())
            .unwrap_err()
    };
    assert_eq!(
        (check().code(), check().to_string().as_str()),
        (3, "no cached result")
    );
    files.write("net-c1-eth0", b"").unwrap();
    assert!(
        check()
            .to_string()
            .starts_with("failed to get network \"net\" cached result: failed to decode: EOF")
    );
    assert!(plugins.log().is_empty());
}

#[test]
fn status_asks_every_plugin_and_keeps_the_first_refusal() {
    // B4.129, #98
    let plugins =
        Plugins::new(&["a", "b", "c"]).on("b", "STATUS", 1, r#"{"code":51,"msg":"link down"}"#);
    let files = Files::default();
    let error = runtime(&plugins, &files)
        .status(&list("1.1.0", &["a", "b", "c"]), soon())
        .unwrap_err();
    assert_eq!(
        (error.code(), plugins.log()),
        (51, vec!["STATUS a".to_owned(), "STATUS b".to_owned()])
    );
    let seen = plugins.call(0);
    assert_eq!(
        seen.stdin,
        json!({"cniVersion": "1.1.0", "name": "net", "type": "a", "capabilities": {"mac": true}})
    );
    assert_eq!(
        (
            seen.env["CNI_CONTAINERID"].as_str(),
            seen.env["CNI_IFNAME"].as_str(),
            seen.env.len()
        ),
        ("", "", 6)
    );
}

#[test]
fn status_counts_plugins_without_it_and_older_networks_as_ready() {
    // #97, CNI SPEC 1.1 §4
    let plugins = Plugins::new(&["a"]).on(
        "a",
        "STATUS",
        1,
        r#"{"code":3,"msg":"missing containerID"}"#,
    );
    let files = Files::default();
    runtime(&plugins, &files)
        .status(&list("1.1.0", &["a"]), soon())
        .unwrap();
    runtime(&plugins, &files)
        .status(&list("1.0.0", &["a"]), soon())
        .unwrap();
    assert_eq!(plugins.log().len(), 1);
}

#[test]
fn gc_tells_every_plugin_what_stays_and_goes_on_past_failures() {
    // B4.141, #95
    let plugins = Plugins::new(&["a", "b", "c"])
        .on(
            "a",
            "GC",
            1,
            r#"{"code":4,"msg":"unknown CNI_COMMAND: GC"}"#,
        ) // #94
        .on("b", "GC", 1, r#"{"code":6,"msg":"no"}"#);
    let files = Files::default();
    let valid = [("c1".to_owned(), "eth0".to_owned())];
    let errors = runtime(&plugins, &files)
        .gc(&list("1.1.0", &["a", "b", "c"]), &valid, soon())
        .unwrap_err();
    assert_eq!(plugins.log(), ["GC a", "GC b", "GC c"]);
    let told = json!([{"containerID": "c1", "ifname": "eth0"}]);
    for key in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
        assert_eq!(plugins.call(2).stdin[key], told);
    }
    assert_eq!(errors.to_string(), "plugin type=\"b\" failed (gc): no");
}

#[test]
fn gc_below_1_1_0_or_disabled_or_without_a_name_runs_nothing() {
    // B4.141, #92
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let runtime = runtime(&plugins, &files);
    let disabled = conf(
        json!({"cniVersion": "1.1.0", "name": "net", "disableGC": true, "plugins": [{"type": "a"}]}),
    );
    runtime.gc(&disabled, &[], soon()).unwrap();
    runtime.gc(&list("1.0.0", &["a"]), &[], soon()).unwrap();
    let nameless = conf(json!({"cniVersion": "1.1.0", "plugins": [{"type": "a"}]}));
    assert_eq!(runtime.gc(&nameless, &[], soon()).unwrap_err().code(), 7);
    assert!(plugins.log().is_empty());
}

#[test]
fn the_attachments_of_a_container_are_told_by_content_not_by_file_name() {
    // #56, #102
    let (plugins, files) = (Plugins::new(&[]), Files::default());
    for (network, container) in [("net", "c1"), ("c1", "x"), ("net", "c11"), ("other", "c1")] {
        cached(&files, network, container, previous());
    }
    files.write("broken-c1-eth0", b"{").unwrap();
    let unusable = br#"{"kind":"cniCacheV1","containerId":"c1","ifName":"eth0","networkName":"new","result":{"cniVersion":"9.0.0"}}"#;
    files.write("new-c1-eth0", unusable).unwrap();
    let entries = runtime(&plugins, &files).cached_of(&at().container_id);
    let networks: Vec<_> = entries
        .iter()
        .map(|entry| entry.network_name.as_str())
        .collect();
    assert_eq!(networks, ["net", "new", "other"]);
}
