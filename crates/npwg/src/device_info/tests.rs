use super::*;

/// One object per type, with every key, in the order in which it is written.
const COMPLETE: [&str; 4] = [
    r#"{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:18:02.5","vhost-net":"/dev/vhost-net","rdma-device":"mlx5_0","pf-pci-address":"0000:18:00.0","representor-device":"eth3"}}"#,
    r#"{"type":"vdpa","version":"1.1.0","vdpa":{"parent-device":"vdpa1","driver":"vhost","path":"/dev/vhost-vdpa1","pci-address":"0000:65:00.2","pf-pci-address":"0000:65:00.0","representor-device":"eth4"}}"#,
    r#"{"type":"vhost-user","version":"1.1.0","vhost-user":{"mode":"client","path":"/run/vh/s"}}"#,
    r#"{"type":"memif","version":"1.1.0","memif":{"role":"slave","path":"/run/m/s","mode":"inject-punt"}}"#,
];

#[test]
fn every_type_is_read_and_written_byte_for_byte() {
    // B3.80
    for text in COMPLETE {
        let info = DeviceInfo::parse(text.as_bytes()).unwrap();
        assert_eq!(info.check(), Ok(()), "{text}");
        assert_eq!(info.render().unwrap(), text);
    }
}

#[test]
fn unknown_keys_are_dropped_and_keys_match_in_any_case() {
    // B3.80, B0.1
    let text = r#"{"Type":"pci","VERSION":"1.0.0","pci":{"PCI-Address":"0000:00:01.0","serial":7,"vhost-net":null},"x":{}}"#;
    let info = DeviceInfo::parse(text.as_bytes()).unwrap();
    let written = r#"{"type":"pci","version":"1.0.0","pci":{"pci-address":"0000:00:01.0"}}"#;
    assert_eq!(info.render().unwrap(), written);
}

#[test]
fn values_outside_the_specification_are_read_nevertheless() {
    // B3.80
    let text = r#"{"type":"quantum","version":"9"}"#;
    let info = DeviceInfo::parse(text.as_bytes()).unwrap();
    assert_eq!(info.render().unwrap(), text);
    assert_eq!(
        info.check().unwrap_err().to_string(),
        "device information: type is \"quantum\""
    );
}

#[test]
fn text_of_another_shape_is_an_error() {
    for text in [
        "",
        "[]",
        "7",
        r#"{"type":1}"#,
        r#"{"pci":"0000:00:01.0"}"#,
        r#"{"type":"pci"} x"#,
    ] {
        let error = DeviceInfo::parse(text.as_bytes()).unwrap_err();
        assert!(
            error.to_string().starts_with("read device information: "),
            "{text}: {error}"
        );
    }
}

#[test]
fn the_check_names_the_key_that_breaks_a_rule() {
    let cases = [
        ("no type", r#"{"version":"1.1.0"}"#, "type is missing"),
        ("no version", r#"{"type":"pci"}"#, "version is missing"),
        (
            "no map",
            r#"{"type":"pci","version":"1.1.0"}"#,
            "pci is missing",
        ),
        (
            "no address",
            r#"{"type":"pci","version":"1.1.0","pci":{}}"#,
            "pci.pci-address is missing",
        ),
        (
            "short address",
            r#"{"type":"pci","version":"1.1.0","pci":{"pci-address":"18:02.5"}}"#,
            "pci.pci-address is \"18:02.5\"",
        ),
        (
            "wrong separators",
            r#"{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000.18.02.5"}}"#,
            "pci.pci-address is \"0000.18.02.5\"",
        ),
        (
            "driver",
            r#"{"type":"vdpa","version":"1.1.0","vdpa":{"parent-device":"a","driver":"x","path":"/a"}}"#,
            "vdpa.driver is \"x\"",
        ),
        (
            "relative path",
            r#"{"type":"vdpa","version":"1.1.0","vdpa":{"parent-device":"a","driver":"vhost","path":"a"}}"#,
            "vdpa.path is \"a\"",
        ),
        (
            "mode",
            r#"{"type":"vhost-user","version":"1.1.0","vhost-user":{"mode":"both","path":"/a"}}"#,
            "vhost-user.mode is \"both\"",
        ),
        (
            "role",
            r#"{"type":"memif","version":"1.1.0","memif":{"path":"/a","mode":"ip"}}"#,
            "memif.role is missing",
        ),
    ];
    for (name, text, expected) in cases {
        let error = DeviceInfo::parse(text.as_bytes())
            .unwrap()
            .check()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("device information: {expected}"),
            "{name}"
        );
    }
}

#[test]
fn both_spellings_of_the_punt_mode_are_accepted() {
    // DI-07
    for mode in ["punt", "inject-punt"] {
        let memif = MemifDevice {
            role: "master".into(),
            path: "/a".into(),
            mode: mode.into(),
        };
        assert_eq!(memif.check(), Ok(()));
    }
}

#[test]
fn file_names_have_no_slash() {
    // B5.91, B4.65
    assert_eq!(
        device_plugin_file("intel.com/vfs", "0000:18:02.5"),
        "intel.com-vfs-0000:18:02.5-device.json"
    );
    assert_eq!(
        device_plugin_file("a/b", "../../x"),
        "a-b-..-..-x-device.json"
    );
    assert_eq!(cni_file("ns/net", "0123abc", "net1"), "ns-net-0123abc_net1");
}

#[test]
fn the_file_of_an_attachment_fits_whatever_its_network_is_called() {
    let (name, id) = (format!("ns/{}", "n".repeat(253)), "c".repeat(64));
    let file = cni_file(&name, &id, "net1");
    assert_eq!(file.len(), 255);
    assert!(
        file.starts_with("ns-nnn") && file.ends_with(&format!("n-{id}_net1")),
        "{file}"
    );
    assert!(cni_file(&"ä".repeat(200), &id, "net1").len() <= 255);
}
