//! The parts that come from elsewhere are what the suites expect.

use std::process::Command;

use testkit::tools::{self, Part};

#[test]
fn reference_plugins_answer_with_their_versions() {
    let bin = tools::ensure(Part::CniPlugins).unwrap();
    for name in [
        "bridge",
        "macvlan",
        "ptp",
        "host-device",
        "loopback",
        "tap",
        "portmap",
        "tuning",
        "bandwidth",
    ] {
        let output = Command::new(bin.join(name))
            .env("CNI_COMMAND", "VERSION")
            .output()
            .unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let versions = answer["supportedVersions"].as_array().unwrap();
        assert!(
            versions.iter().any(|version| version == "1.1.0"),
            "{name}: {answer}"
        );
    }
    for name in ["host-local", "static", "dhcp", "sbr", "firewall"] {
        assert!(
            bin.join(name).is_file(),
            "{name} is missing in {}",
            bin.display()
        );
    }
}

#[test]
fn helm_starts() {
    let output = Command::new(tools::program(Part::Helm, "helm").unwrap())
        .args(["version", "--short"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn cnitool_starts() {
    let output = Command::new(tools::program(Part::Cnitool, "cnitool").unwrap())
        .arg("help")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("Garbage collect"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn part_has_the_program_or_says_so() {
    let error = tools::program(Part::Cnitool, "nonsense")
        .unwrap_err()
        .to_string();
    assert_eq!(error, "cnitool has no program nonsense");
}

#[test]
fn installed_package_needs_no_rights() {
    tools::debian(&["util-linux", "dpkg"]).unwrap();
}

#[test]
fn plugins_of_debian_are_unpacked_and_not_installed() {
    let bin = tools::cni_plugins_of_debian().unwrap();
    for name in ["bridge", "macvlan", "host-local", "loopback"] {
        assert!(
            bin.join(name).is_file(),
            "{name} is missing in {}",
            bin.display()
        );
    }
}
