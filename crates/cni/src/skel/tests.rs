use super::*;

const CONFIG: &str = r#"{"cniVersion":"1.1.0","name":"net","type":"x"}"#;

const ABOUT: About<'_> = About {
    text: "a test plugin",
    versions: &Version::ALL,
    status_since: Version::V1_1_0,
};

const FULL: [(&str, &str); 5] = [
    ("CNI_CONTAINERID", "c1"),
    ("CNI_NETNS", "/run/netns/x"),
    ("CNI_IFNAME", "eth0"),
    ("CNI_ARGS", "A=1"),
    ("CNI_PATH", "/opt/cni/bin::bin:/b"),
];

fn call(command: &str, env: &[(&str, &str)], stdin: &str) -> Result<Invocation, CniError> {
    let lookup = |name: &str| {
        let found = env
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned());
        if name == "CNI_COMMAND" {
            Some(command.to_owned())
        } else {
            found
        }
    };
    read(&lookup, &mut stdin.as_bytes(), ABOUT)
}

fn without(names: &[&str]) -> Vec<(&'static str, &'static str)> {
    FULL.into_iter()
        .filter(|(name, _)| !names.contains(name))
        .collect()
}

fn with(name: &'static str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut env = without(&[name]);
    env.push((name, value));
    env
}

fn fails(command: &str, env: &[(&str, &str)], stdin: &str) -> (u32, String) {
    let error = call(command, env, stdin).unwrap_err();
    (error.code, error.msg)
}

#[test]
fn a_whole_request_is_read() {
    // B1.21
    let Ok(Invocation::Call(request)) = call("ADD", &FULL, CONFIG) else {
        panic!()
    };
    let expected = Request {
        command: Verb::Add,
        container_id: ContainerId::parse("c1").ok(),
        netns: "/run/netns/x".into(),
        ifname: IfName::parse("eth0").ok(),
        args: "A=1".into(),
        path: vec!["/opt/cni/bin".into(), "/b".into()],
        netns_override: false,
        config: CONFIG.into(),
        config_name: NetworkName::parse("net").unwrap(),
        config_version: Version::V1_1_0,
    };
    assert_eq!(request, expected);
}

#[test]
fn the_override_is_1_or_true_in_any_case() {
    // B1.29
    for (value, on) in [
        ("1", true),
        ("TRUE", true),
        ("True", true),
        ("yes", false),
        ("0", false),
        ("", false),
    ] {
        let Ok(Invocation::Call(request)) = call("ADD", &with("CNI_NETNS_OVERRIDE", value), CONFIG)
        else {
            panic!()
        };
        assert_eq!(request.netns_override, on, "{value}");
    }
}

#[test]
fn by_hand_a_plugin_says_what_it_is() {
    // B1.23, #111
    let text = "a test plugin\nCNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0\n";
    assert_eq!(call("", &[], ""), Ok(Invocation::About(text.into())));
    let nameless = About { text: "", ..ABOUT };
    let error = read(&|_| None, &mut "".as_bytes(), nameless).unwrap_err();
    assert_eq!(
        (error.code, error.msg.as_str()),
        (4, "required env variables [CNI_COMMAND] missing")
    );
}

#[test]
fn version_needs_nothing_and_reads_nothing() {
    // B1.24, #115
    struct Closed;
    impl Read for Closed {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("closed"))
        }
    }
    let env = |name: &str| (name == "CNI_COMMAND").then(|| "VERSION".to_owned());
    let text = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n";
    assert_eq!(
        read(&env, &mut Closed, ABOUT),
        Ok(Invocation::Version(text.into()))
    );
    let lookup = |name: &str| match name {
        "CNI_COMMAND" => Some("ADD".to_owned()),
        name => FULL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.to_owned()),
    };
    assert_eq!(
        read(&lookup, &mut Closed, ABOUT).map_err(|error| error.code),
        Err(code::IO_FAILURE)
    );
}

#[test]
fn missing_variables_are_reported_together_in_order() {
    // B1.25, #112
    let all = "required env variables [CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH] missing";
    for command in ["ADD", "CHECK"] {
        assert_eq!(fails(command, &[], CONFIG), (4, all.into()));
    }
    assert_eq!(
        fails("DEL", &[], CONFIG).1,
        "required env variables [CNI_CONTAINERID,CNI_IFNAME,CNI_PATH] missing"
    );
    for command in ["GC", "STATUS"] {
        assert_eq!(
            fails(command, &[], CONFIG).1,
            "required env variables [CNI_PATH] missing"
        );
    }
    assert!(call("DEL", &without(&["CNI_NETNS"]), CONFIG).is_ok());
    assert_eq!(
        fails("ADD", &with("CNI_PATH", ""), CONFIG).1,
        "required env variables [CNI_PATH] missing"
    );
}

#[test]
fn an_invalid_name_ends_it_before_missing_ones_are_counted() {
    // B1.26, #51, #53
    for (name, value) in [
        ("CNI_CONTAINERID", "../x"),
        ("CNI_IFNAME", "a/b"),
        ("CNI_IFNAME", "sixteen-bytes-xx"),
    ] {
        let env: Vec<_> = with(name, value)
            .into_iter()
            .filter(|(name, _)| *name != "CNI_PATH")
            .collect();
        for command in ["ADD", "CHECK", "DEL"] {
            let (code, text) = fails(command, &env, CONFIG);
            assert!(code == 4 && !text.contains("CNI_PATH"), "{text}");
        }
    }
}

#[test]
fn gc_and_status_do_not_look_at_names() {
    let Ok(Invocation::Call(request)) = call("GC", &with("CNI_CONTAINERID", "../x"), CONFIG) else {
        panic!()
    };
    assert_eq!(request.container_id, None);
}

#[test]
fn the_configuration_is_checked_before_the_verb_is_known() {
    // B1.26, #113
    for command in ["ADD", "DEL", "FROB"] {
        for stdin in ["", "x", "[]", "null", "{} {}", r#"{"name":7}"#] {
            assert_eq!(
                fails(command, &FULL, stdin).0,
                code::DECODING_FAILURE,
                "{stdin}"
            );
        }
        assert_eq!(
            fails(command, &FULL, "{}"),
            (7, "missing network name".into())
        );
        assert_eq!(fails(command, &FULL, r#"{"name":"a b"}"#).0, 7);
    }
    assert_eq!(
        fails("FROB", &[], CONFIG),
        (4, "unknown CNI_COMMAND: FROB".into())
    ); // B1.22, #114
    assert_eq!(
        fails("add", &[], CONFIG),
        (4, "unknown CNI_COMMAND: add".into())
    );
}

#[test]
fn verbs_are_refused_below_their_version() {
    // B1.27
    for (command, version, text) in [
        ("CHECK", "0.3.1", "config version does not allow CHECK"),
        ("CHECK", "", "config version does not allow CHECK"),
        ("GC", "1.0.0", "config version does not allow GC"),
        ("STATUS", "0.4.0", "config version does not allow STATUS"),
        ("ADD", "1.0", "incompatible CNI versions"),
        ("CHECK", "1.2.0", "incompatible CNI versions"),
        ("DEL", "x", "incompatible CNI versions"),
    ] {
        let config = format!(r#"{{"cniVersion":"{version}","name":"n"}}"#);
        assert_eq!(
            fails(command, &FULL, &config),
            (1, text.into()),
            "{command} {version}"
        );
    }
    assert_eq!(
        fails("CHECK", &FULL, r#"{"cniVersion":"x","name":"n"}"#).0,
        code::DECODING_FAILURE
    );
    let details = call("ADD", &FULL, r#"{"cniVersion":"1.0","name":"n"}"#)
        .unwrap_err()
        .details; // #116
    let expected =
        "config is \"1.0\", plugin supports 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0";
    assert_eq!(details.as_deref(), Some(expected));
}

#[test]
fn a_configuration_without_version_is_0_1_0() {
    // B1.27, #12
    let Ok(Invocation::Call(request)) = call("ADD", &FULL, r#"{"name":"n"}"#) else {
        panic!()
    };
    assert_eq!(request.config_version, Version::V0_1_0);
}

#[test]
fn a_version_that_the_plugin_does_not_speak_is_refused() {
    // B1.120
    let versions = &[Version::V0_3_1, Version::V0_4_0];
    let about = About { versions, ..ABOUT };
    let ask = |command: &'static str, label: &str| {
        let env = with("CNI_COMMAND", command);
        let lookup = |name: &str| {
            let found = env.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let stdin = format!(r#"{{"cniVersion":"{label}","name":"n"}}"#);
        read(&lookup, &mut stdin.as_bytes(), about)
    };
    assert!(matches!(ask("ADD", "0.4.0"), Ok(Invocation::Call(_))));
    let error = ask("ADD", "1.0.0").unwrap_err();
    let details = "config is \"1.0.0\", plugin supports 0.3.1, 0.4.0";
    assert_eq!((error.code, error.details.as_deref()), (1, Some(details)));
    let text = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\"]}\n";
    let said = ask("VERSION", "");
    assert_eq!(said, Ok(Invocation::Version(text.to_owned())));
}

#[test]
fn a_request_without_end_is_refused() {
    let mut endless = std::io::repeat(b' ');
    let lookup = |name: &str| match name {
        "CNI_COMMAND" => Some("GC".to_owned()),
        _ => Some("/x".to_owned()),
    };
    let error = read(&lookup, &mut endless, ABOUT).unwrap_err();
    assert_eq!(
        (error.code, error.msg.as_str()),
        (5, "error reading from stdin: longer than 4 MiB")
    );
}
