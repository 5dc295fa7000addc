use super::*;

fn previous() -> Value {
    json!({"cniVersion": "1.0.0", "ips": [{"address": "10.0.0.2/24"}]})
}

#[test]
fn plugins_run_in_reverse_with_the_cached_result_which_then_goes() {
    // B4.127
    let (plugins, files) = (Plugins::new(&["a", "b"]), Files::default());
    cached(&files, "net", "c1", previous());
    runtime(&plugins, &files)
        .del(&list("1.0.0", &["a", "b"]), &at(), soon())
        .unwrap();
    assert_eq!(plugins.log(), ["DEL b", "DEL a"]);
    for call in [plugins.call(0), plugins.call(1)] {
        assert_eq!(call.stdin["prevResult"], previous());
        assert_eq!(call.stdin["runtimeConfig"], json!({"mac": "m"}));
    }
    assert!(files.list().unwrap().is_empty());
}

#[test]
fn the_cached_result_is_converted_to_the_networks_version() {
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    cached(&files, "net", "c1", previous());
    runtime(&plugins, &files)
        .del(&list("0.4.0", &["a"]), &at(), soon())
        .unwrap();
    assert_eq!(
        plugins.call(0).stdin["prevResult"]["ips"],
        json!([{"version": "4", "address": "10.0.0.2/24"}])
    );
}

#[test]
fn below_0_4_0_there_is_no_previous_result_and_the_cache_is_cleared_all_the_same() {
    // #12, B4.127
    for version in ["", "0.3.1"] {
        let (plugins, files) = (Plugins::new(&["a"]), Files::default());
        cached(&files, "net", "c1", previous());
        runtime(&plugins, &files)
            .del(&list(version, &["a"]), &at(), soon())
            .unwrap();
        assert_eq!(plugins.call(0).stdin.get("prevResult"), None);
        assert!(files.list().unwrap().is_empty());
    }
}

#[test]
fn a_second_del_succeeds() {
    // #81
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    let at = Attachment {
        netns: String::new(),
        ..at()
    }; // #79
    runtime(&plugins, &files)
        .del(&list("1.0.0", &["a"]), &at, soon())
        .unwrap();
    assert_eq!(plugins.call(0).stdin.get("prevResult"), None);
    assert_eq!(plugins.call(0).env["CNI_NETNS"], "");
}

#[test]
fn a_failing_plugin_does_not_keep_the_others_from_running_and_the_cache_stays() {
    // #83, #84
    let plugins = Plugins::new(&["a", "c"]).on("c", "DEL", 1, r#"{"code":5,"msg":"stuck"}"#);
    let files = Files::default();
    cached(&files, "net", "c1", previous());
    let errors = runtime(&plugins, &files)
        .del(&list("1.0.0", &["a", "b", "c"]), &at(), soon())
        .unwrap_err();
    assert_eq!(plugins.log(), ["DEL c", "DEL a"]);
    let text = "plugin type=\"c\" failed (delete): stuck / plugin type=\"b\" failed (delete): failed to find plugin \"b\" in path \
                [/opt/cni/bin /usr/lib/cni]";
    assert_eq!(
        (
            errors.to_string().as_str(),
            errors.code(),
            errors.iter().count()
        ),
        (text, 5, 2)
    );
    assert_eq!(files.list().unwrap(), ["net-c1-eth0"]);
}

#[test]
fn a_cached_result_that_is_broken_or_of_another_attachment_counts_as_none() {
    // #56, #100, #101, #102
    let other = Files::default();
    cached(&other, "other", "c1", previous());
    let other = other.read("other-c1-eth0").unwrap().unwrap();
    for bytes in [
        b"".to_vec(),
        b"{".to_vec(),
        br#"{"cniVersion":"5.0.0"}"#.to_vec(),
        other,
    ] {
        let (plugins, files) = (Plugins::new(&["a"]), Files::default());
        files.write("net-c1-eth0", &bytes).unwrap();
        runtime(&plugins, &files)
            .del(&list("1.0.0", &["a"]), &at(), soon())
            .unwrap();
        assert_eq!(plugins.call(0).stdin.get("prevResult"), None);
    }
}

#[test]
fn the_cached_result_of_another_attachment_stays_where_it_is() {
    // #56: `net`, `c1`, `eth0` and another attachment share the name of a file
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    cached(&files, "other", "c1", previous());
    let other = files.read("other-c1-eth0").unwrap().unwrap();
    files.write("net-c1-eth0", &other).unwrap();
    runtime(&plugins, &files)
        .del(&list("1.0.0", &["a"]), &at(), soon())
        .unwrap();
    assert_eq!(files.read("net-c1-eth0").unwrap(), Some(other));
}

#[test]
fn a_given_result_takes_the_place_of_a_stale_one() {
    // #82
    let (plugins, files) = (Plugins::new(&["a"]), Files::default());
    cached(&files, "net", "c1", previous());
    let partial = CniResult::new(Version::V1_0_0);
    let runtime = runtime(&plugins, &files);
    runtime
        .del_with_result(&list("1.0.0", &["a"]), &at(), Some(&partial), soon())
        .unwrap();
    runtime
        .del_with_result(&list("1.0.0", &["a"]), &at(), None, soon())
        .unwrap();
    runtime
        .del_with_result(&list("0.3.1", &["a"]), &at(), Some(&partial), soon())
        .unwrap();
    assert_eq!(
        plugins.call(0).stdin["prevResult"],
        json!({"cniVersion": "1.0.0"})
    );
    assert_eq!(plugins.call(1).stdin.get("prevResult"), None);
    assert_eq!(plugins.call(2).stdin.get("prevResult"), None);
}
