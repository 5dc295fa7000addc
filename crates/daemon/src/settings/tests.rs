use super::*;

fn parse(text: &str) -> Result<Settings, SettingsError> {
    Settings::parse(text.as_bytes())
}

#[test]
fn what_is_not_named_has_its_default() {
    // B2.80–B2.87, B2.111–B2.118, B10.14
    let settings = parse("{}").unwrap();
    assert_eq!(settings.socket_dir, PathBuf::from("/run/multus/"));
    assert_eq!(settings.cni_config_dir, PathBuf::from("/etc/cni/net.d"));
    assert_eq!(settings.generated.plugin_type, "multus-shim");
    assert!(settings.is_auto() && settings.autoconfig_dir.is_none());
    assert!(settings.chroot_dir.is_none() && settings.connection_limit.is_none());
    assert!(settings.metrics_port.is_none() && settings.per_node_certificate.is_none());
    assert!(!settings.enable_pprof && !settings.plain_pods_without_daemon);
    assert!(!settings.log_to_stderr, "unlike a plugin's (B2.83)");
    assert_eq!(
        settings.netconf.cni_dir,
        PathBuf::from("/var/lib/cni/multus")
    );
}

#[test]
fn keys_match_in_any_case_unknown_ones_are_ignored_and_null_is_nothing() {
    // B0.1, B0.2
    let text = r#"{"SOCKETDIR":"/s","metricsport":9091,"EnablePprof":true,"multusmastercni":"10-a.conf","x":[1],
        "chrootDir":null,"connectionLimit":null,"ConfDir":"/c","forceCniVersion":true}"#;
    let settings = parse(text).unwrap();
    assert_eq!(settings.socket_dir, PathBuf::from("/s"));
    assert_eq!(settings.metrics_port, Some(9091));
    assert!(settings.enable_pprof && settings.force_cni_version);
    assert_eq!(settings.master_file, Some("10-a.conf".into()));
    assert_eq!(settings.netconf.conf_dir, PathBuf::from("/c"));
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_keys_path() {
    // B0.3
    for (text, path) in [
        (r#"{"chrootDir":1}"#, "chrootDir: "),
        (
            r#"{"metricsPort":"9091"}"#,
            "metricsPort: invalid type: string, expected a whole number up to 65535",
        ),
        (r#"{"metricsPort":70000}"#, "metricsPort: "),
        (r#"{"capabilities":{"mac":"yes"}}"#, "capabilities.mac: "),
        (r#"{"logOptions":{"maxAge":"5"}}"#, "logOptions.maxAge: "),
        (
            r#"{"perNodeCertificate":{"enabled":1}}"#,
            "perNodeCertificate.enabled: ",
        ),
        (
            r#"{"plainPodsWithoutDaemon":"on"}"#,
            "plainPodsWithoutDaemon: ",
        ),
        (r#"{"defaultNetworks":"a"}"#, "defaultNetworks: "),
        (r#"{"timeouts":{"add":5}}"#, "timeouts.add: "),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(path), "{error}");
    }
    assert!(parse("[]").is_err() && parse("").is_err());
}

#[test]
fn what_every_request_would_fail_on_stops_the_daemon_at_its_start() {
    // B2.119
    for text in [
        r#"{"cniVersion":"9.0.0"}"#,
        r#"{"cniDir":"relative"}"#,
        r#"{"kubeconfig":"/k","manifestDir":"/m"}"#,
    ] {
        let error = parse(text).unwrap_err();
        assert!(matches!(error, SettingsError::Requests(_)), "{error}");
    }
}

#[test]
fn a_limit_lets_somebody_in() {
    // B2.85
    assert_eq!(
        parse(r#"{"connectionLimit":1}"#).unwrap().connection_limit,
        Some(1)
    );
    for limit in [0, -1] {
        let error = parse(&format!(r#"{{"connectionLimit":{limit}}}"#)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("connection limit must be greater than 0, got {limit}")
        );
    }
}

#[test]
fn certificates_of_the_node_are_off_unless_enabled() {
    // B2.84
    let with = |inner: &str| parse(&format!(r#"{{"perNodeCertificate":{{{inner}}}}}"#));
    assert_eq!(
        with(r#""certDir":"/c""#).unwrap().per_node_certificate,
        None
    );
    let text = r#""enabled":true,"bootstrapKubeconfig":"/k","certDir":"/c""#;
    let certificate = with(text).unwrap().per_node_certificate.unwrap();
    assert_eq!(certificate.duration, Duration::from_secs(600));
    assert_eq!(certificate.cert_dir, Path::new("/c"));
    let text = format!(r#"{text},"certDuration":"24h0m""#);
    let certificate = with(&text).unwrap().per_node_certificate.unwrap();
    assert_eq!(certificate.duration, Duration::from_secs(86_400));
    // B6.80
    for text in [r#""certDir":"/c""#, r#""bootstrapKubeconfig":"/k""#] {
        let error = with(&format!(r#""enabled":true,{text}"#))
            .unwrap_err()
            .to_string();
        assert!(error.ends_with(" names no file"), "{error}");
    }
    assert!(matches!(
        with(r#""certDuration":"a day""#),
        Err(SettingsError::Duration { .. })
    ));
}

#[test]
fn the_primary_may_lie_in_a_sub_directory() {
    // B2.116
    let with = |name: &str| {
        parse(&format!(
            r#"{{"multusAutoconfigDir":"/d","multusMasterCNI":"{name}"}}"#
        ))
    };
    for (name, directory, file) in [
        ("10-a.conf", "/d", "10-a.conf"),
        ("sub/10-a.conf", "/d/sub", "10-a.conf"),
        ("/sub/10-a.conf", "/d/sub", "10-a.conf"),
    ] {
        let settings = with(name).unwrap();
        assert_eq!(settings.autoconfig_dir, Some(directory.into()), "{name}");
        assert_eq!(settings.master_file, Some(file.into()), "{name}");
    }
    assert!(matches!(
        with("sub/.."),
        Err(SettingsError::NoFileName { .. })
    ));
}

#[test]
fn a_pod_is_plain_only_where_the_configuration_gives_it_the_primary_alone() {
    let alone = |text: &str| parse(text).unwrap().plain_pods_get_the_primary_alone();
    assert!(alone("{}") && alone(r#"{"defaultNetworks":[]}"#));
    for text in [
        r#"{"defaultNetworks":["a"]}"#,
        r#"{"auxiliaryCNIChainName":"vendor"}"#,
        r#"{"CLUSTERNETWORK":"other"}"#,
    ] {
        assert!(!alone(text), "{text}");
    }
}

#[test]
fn a_file_that_is_copied_is_not_generated() {
    // B2.115
    let settings = parse(r#"{"multusConfigFile":"/x/70-multus.conf"}"#).unwrap();
    assert_eq!(
        settings.config_file,
        ConfigFile::Copy("/x/70-multus.conf".into())
    );
    assert!(!settings.is_auto());
    assert!(parse(r#"{"multusConfigFile":""}"#).unwrap().is_auto());
}

#[test]
fn a_status_is_owed_only_where_the_daemon_looks_for_ledgers() {
    let settings = parse(r#"{"cniDir": "/here"}"#).unwrap();
    assert!(settings.keeps_ledgers_in(Path::new("/here")));
    assert!(!settings.keeps_ledgers_in(Path::new("/there")));
}
