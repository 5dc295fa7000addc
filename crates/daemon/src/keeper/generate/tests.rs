use std::fs;
use std::path::Path;

use cni::DirFile;

use super::*;
use crate::keeper::testing::{file, list, settings};

/// What upstream's daemon made of a directory (B6.76): a folder of `tests/fixtures/generated`.
struct Recorded {
    settings: Settings,
    candidate: Candidate,
    generated: Option<String>,
}

fn recorded(case: &str) -> Recorded {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/generated")
        .join(case);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| ![OUR_FILE, "daemon-config.json", "none.txt"].contains(&name.as_str()));
    assert_eq!(names.len(), 1, "{case}");
    Recorded {
        settings: Settings::parse(&fs::read(folder.join("daemon-config.json")).unwrap()).unwrap(),
        candidate: file(
            &names[0],
            &fs::read_to_string(folder.join(&names[0])).unwrap(),
        ),
        generated: fs::read_to_string(folder.join(OUR_FILE)).ok(),
    }
}

fn generate(settings: &Settings, candidate: &Candidate) -> String {
    let generator = Generator::new(settings).unwrap();
    let primary = generator.read(candidate).unwrap();
    String::from_utf8(generator.generate(&primary).unwrap()).unwrap()
}

fn refusal(settings: &Settings, candidate: &Candidate) -> String {
    match Generator::new(settings).unwrap().read(candidate) {
        Err(Refusal::Unusable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_configuration_is_the_one_that_upstream_generates() {
    // B6.73–B6.76, T5.7, T5.8
    for case in ["conf", "conflist-capabilities", "master-file", "options"] {
        let recorded = recorded(case);
        let generated = generate(&recorded.settings, &recorded.candidate);
        assert_eq!(Some(generated), recorded.generated, "{case}");
    }
}

#[test]
fn a_primary_that_no_pod_could_be_attached_to_is_refused() {
    // Q6, Q9: upstream generates a configuration for a list without plugins, and every ADD crashes
    for (case, reason) in [
        ("empty-plugins", "no plugins in list"),
        ("no-json", "failed to decode the configuration"),
    ] {
        let recorded = recorded(case);
        let text = refusal(&recorded.settings, &recorded.candidate);
        assert!(text.contains(reason), "{text}");
    }
    for (name, content, reason) in [
        ("1.conf", "[]", "not an object"),
        (
            "1.conf",
            r#"{"name":"a","plugins":[{"type":"b"}]}"#,
            "missing 'type'",
        ),
        ("1.conf", r#"{"cniVersion":"0.4.0","type":"b"}"#, "name"),
        (
            "1.conflist",
            r#"{"name":"a","plugins":[null]}"#,
            "plugins[0]",
        ),
        ("1.conflist", r#"{"name":"a"}"#, "no plugins in list"),
        (
            "1.conf",
            r#"{"name":"a","type":"b","capabilities":{"x":1}}"#,
            "capabilities.x",
        ),
        ("1.conf", "", "decode"),
    ] {
        let text = refusal(&settings(""), &file(name, content));
        assert!(text.contains(reason), "{content}: {text}");
    }
}

#[test]
fn every_setting_has_its_place() {
    // B2.100–B2.113, B6.76
    let settings = settings(
        r#","binDir":"/b","capabilities":{"mac":false,"x":true},"cniVersion":"1.1.0","logFile":"/l","logLevel":"debug",
        "logToStderr":true,"logOptions":{"compress":false,"maxAge":3},"name":"ignored","namespaceIsolation":true,
        "globalNamespaces":"a,b","type":"multus-other","cniDir":"/c","auxiliaryCNIChainName":"aux",
        "daemonSocketDir":"/s","readinessindicatorfile":"/r","confDir":"/not/copied""#,
    );
    assert_eq!(
        generate(&settings, &file("10-a.conflist", &list("a"))),
        r#"{"binDir":"/b","capabilities":{"mac":false,"x":true},"cniVersion":"1.1.0","logFile":"/l","logLevel":"debug","logToStderr":true,"logOptions":{"maxAge":3,"compress":false},"name":"multus-cni-network","clusterNetwork":"/host/etc/cni/net.d/10-a.conflist","namespaceIsolation":true,"globalNamespaces":"a,b","type":"multus-other","cniDir":"/c","auxiliaryCNIChainName":"aux","daemonSocketDir":"/s"}"#
    );
}

#[test]
fn capabilities_are_those_that_any_plugin_has_and_the_settings_name() {
    // B6.73, T5.7
    let text = r#"{"cniVersion":"0.4.0","name":"a","plugins":[{"type":"b","capabilities":{"mac":true,"ips":false}},
        {"type":"c","capabilities":{"bandwidth":true}}]}"#;
    let mut candidate = file("10-a.conflist", text);
    candidate.chain = vec![DirFile {
        name: "50-d.conf".to_owned(),
        bytes: br#"{"type":"d","capabilities":{"portMappings":true}}"#.to_vec(),
    }];
    let generated = generate(&settings(r#","capabilities":{"mac":false}"#), &candidate);
    let expected = r#""capabilities":{"bandwidth":true,"mac":true,"portMappings":true}"#;
    assert!(generated.contains(expected), "{generated}");
    let fewer = generate(&settings(""), &file("10-a.conflist", &list("a")));
    assert!(
        !fewer.contains("capabilities"),
        "they shrink (Q67): {fewer}"
    );
}

#[test]
fn annotations_are_asked_for_where_plain_pods_may_start_without_the_daemon() {
    let generated = generate(
        &settings(r#","plainPodsWithoutDaemon":true"#),
        &file("10-a.conflist", &list("a")),
    );
    let expected = r#""capabilities":{"io.kubernetes.cri.pod-annotations":true}"#;
    assert!(generated.contains(expected), "{generated}");
}

#[test]
fn a_primary_that_cannot_be_checked_is_refused_where_multus_can() {
    // B6.72, T5.8
    let old = file("1.conf", r#"{"cniVersion":"0.3.1","name":"a","type":"b"}"#);
    let text = refusal(&settings(r#","cniVersion":"0.4.0""#), &old);
    let expected = "delegate cni version is 0.3.1 while top level cni version is 0.4.0";
    assert_eq!(text, expected);
    let none = file("1.conf", r#"{"name":"a","type":"b"}"#);
    assert!(refusal(&settings(r#","cniVersion":"1.0.0""#), &none).contains("0.1.0"));
    generate(&settings(""), &old);
}

#[test]
fn a_forced_version_is_that_of_plans_and_not_of_the_primarys_file() {
    // B6.74, Q90
    let old = file("1.conf", r#"{"cniVersion":"0.3.1","name":"a","type":"b"}"#);
    let settings = settings(r#","cniVersion":"1.0.0","forceCNIVersion":true"#);
    let primary = Generator::new(&settings).unwrap().read(&old).unwrap();
    assert_eq!(
        primary.content,
        br#"{"cniVersion":"1.0.0","name":"a","type":"b"}"#
    );
    assert_eq!(primary.conf.version(), Version::V1_0_0);
}

#[test]
fn multus_is_known_by_its_plugins_whatever_the_file_is_called() {
    // B6.71, Q43; row 5 of what users report
    let generator = Generator::new(&settings(r#","type":"multus-other""#)).unwrap();
    for text in [
        r#"{"name":"a","type":"multus"}"#,
        r#"{"name":"a","type":"multus-shim","clusterNetwork":"/x"}"#,
        r#"{"name":"a","type":"multus-other"}"#,
    ] {
        assert_eq!(generator.read(&file("05-x.conf", text)), Err(Refusal::Ours));
        let list = format!(r#"{{"name":"a","plugins":[{{"type":"bridge"}},{text}]}}"#);
        assert_eq!(
            generator.read(&file("05-x.conflist", &list)),
            Err(Refusal::Ours)
        );
    }
}

#[test]
fn nothing_is_generated_without_version_or_directory() {
    // B2.102, B2.117, B6.2
    let parse = |text: &str| Settings::parse(text.as_bytes()).unwrap();
    assert!(matches!(
        Generator::new(&parse(r#"{"multusAutoconfigDir":"/d"}"#)),
        Err(KeeperError::NoVersion)
    ));
    assert!(matches!(
        Generator::new(&parse(r#"{"cniVersion":"1.0.0"}"#)),
        Err(KeeperError::NoDirectory)
    ));
}
