use proptest::prelude::*;

use super::*;

#[test]
fn container_ids_are_checked_as_the_reference_skeleton_does() {
    // B1.26, #51
    for good in ["a", "0", "abc_d.e-f", &"0".repeat(64)] {
        assert_eq!(
            ContainerId::parse(good).as_ref().map(ContainerId::as_str),
            Ok(good)
        );
    }
    assert_eq!(ContainerId::parse(""), Err(NameError::MissingContainerId));
    for bad in ["../x", ".a", "-a", "_a", "a b", "a/b", "a\n", "ä", "a\0"] {
        let error = ContainerId::parse(bad).unwrap_err();
        assert_eq!((error.code(), bad), (code::INVALID_ENVIRONMENT, bad));
        assert!(
            error
                .to_string()
                .starts_with("invalid characters in containerID"),
            "{error}"
        );
    }
}

#[test]
fn a_container_id_that_no_file_name_can_hold_is_refused() {
    // #52
    let error = ContainerId::parse(&"a".repeat(300)).unwrap_err();
    assert_eq!(error.code(), code::INVALID_ENVIRONMENT);
    assert_eq!(
        error.to_string(),
        "containerID of 300 bytes is too long, at most 240"
    );
    assert!(ContainerId::parse(&"a".repeat(240)).is_ok());
    assert!(ContainerId::parse(&"a".repeat(241)).is_err());
}

#[test]
fn a_network_name_that_no_file_name_can_hold_is_refused() {
    // #52
    assert!(NetworkName::parse(&"a".repeat(255)).is_ok());
    for length in [256, 300] {
        let name = "a".repeat(length);
        assert_eq!(
            NetworkName::parse(&name),
            Err(NameError::LongNetworkName(name))
        );
    }
}

#[test]
fn network_names_have_the_same_alphabet() {
    // B1.26, #55
    assert_eq!(
        NetworkName::parse("macvlan-a.1").map(|name| name.to_string()),
        Ok("macvlan-a.1".into())
    );
    let error = NetworkName::parse("").unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (7, "missing network name")
    );
    for bad in ["a b", "-x", ".x", "x\n", "../x", "a/b"] {
        assert_eq!(
            NetworkName::parse(bad).map_err(|error| error.code()),
            Err(7),
            "{bad}"
        );
    }
}

#[test]
fn interface_names_are_what_the_kernel_takes_unchanged() {
    // B1.26, #53, #54
    for good in ["eth0", "net1.5", "a", "fifteen-bytes-x", "äöü"] {
        assert!(IfName::parse(good).is_ok(), "{good}");
    }
    let bad = [
        "",
        "sixteen-bytes-xx",
        "ääääääää",
        "a/b",
        "a:b",
        "a b",
        "a\u{a0}b",
        ".",
        "..",
        "net%d",
        "a\x07",
        "all",
        "default",
    ];
    for bad in bad {
        assert_eq!(
            IfName::parse(bad).map_err(|error| error.code()),
            Err(4),
            "{bad:?}"
        );
    }
}

#[test]
fn a_plugin_type_is_no_path() {
    // #8
    let (longest, too_long) = ("x".repeat(255), "x".repeat(256));
    for good in ["bridge", "host-local", "a..b", "x.exe", &longest] {
        assert_eq!(check_plugin_type(good), Ok(()), "{good}");
    }
    for bad in [
        "", ".", "..", "a/b", "../a", "a\\b", "a\0b", "a\nb", &too_long,
    ] {
        assert_eq!(
            check_plugin_type(bad),
            Err(NameError::PluginType(bad.into())),
            "{bad:?}"
        );
    }
}

#[test]
fn a_cache_name_that_is_too_long_is_refused_before_anything_runs() {
    // #52
    let network = |length: usize| NetworkName::parse(&"n".repeat(length)).unwrap();
    let id = ContainerId::parse(&"0".repeat(64)).unwrap();
    let ifname = IfName::parse("eth0").unwrap();
    assert_eq!(
        cache_name(&network(185), &id, &ifname).map(|name| name.len()),
        Ok(255)
    );
    assert!(cache_name(&network(186), &id, &ifname).is_err());
}

#[test]
fn an_error_stays_one_short_line() {
    let error = NetworkName::parse(&"a\n".repeat(10_000))
        .unwrap_err()
        .to_string();
    assert!(error.len() < 300 && !error.contains('\n'), "{error}");
}

proptest! {
    #[test]
    fn what_is_accepted_is_safe_in_a_path(text in any::<String>()) {
        let safe = |name: &str| !name.contains(['/', '\0', '\n']) && name != "." && name != ".." && name.len() <= 255;
        if let Ok(id) = ContainerId::parse(&text) {
            prop_assert!(safe(id.as_str()));
        }
        if let Ok(name) = NetworkName::parse(&text) {
            prop_assert!(safe(name.as_str()));
        }
        if let Ok(name) = IfName::parse(&text) {
            prop_assert!(safe(name.as_str()) && name.as_str().len() <= 15);
        }
        if check_plugin_type(&text).is_ok() {
            prop_assert!(safe(&text));
        }
    }

    #[test]
    fn the_documented_alphabet_is_accepted(id in "[a-zA-Z0-9][a-zA-Z0-9_.\\-]{0,200}") {
        prop_assert_eq!(ContainerId::parse(&id).map(|id| id.to_string()), Ok(id.clone()));
        prop_assert_eq!(NetworkName::parse(&id).map(|id| id.to_string()), Ok(id));
    }
}
