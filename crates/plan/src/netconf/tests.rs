use super::*;

const DELEGATE: &str = r#""delegates":[{"cniVersion":"1.0.0","name":"a","type":"bridge"}]"#;

fn parse(text: &str) -> Result<NetConf, PlanError> {
    NetConf::parse(text.as_bytes())
}

#[test]
fn defaults_are_filled_in() {
    // B2.7–B2.9, B2.11–B2.13, B2.18–B2.24, B10.1–B10.9, T1.5, T1.11
    let conf = parse(&format!("{{\"name\":\"m\",{DELEGATE}}}")).unwrap();
    assert_eq!(conf.conf_dir, PathBuf::from("/etc/cni/multus/net.d"));
    assert_eq!(conf.cni_dir, PathBuf::from("/var/lib/cni/multus"));
    assert_eq!(conf.bin_dir, PathBuf::from("/opt/cni/bin"));
    assert_eq!(conf.multus_namespace, "kube-system");
    assert_eq!(conf.system_namespaces, ["kube-system"]);
    assert_eq!(conf.global_namespaces, ["default"]);
    assert_eq!(conf.cni_version, Version::V0_1_0);
    assert_eq!(conf.readiness_indicator_file, None);
    assert!(conf.log_to_stderr && !conf.namespace_isolation && conf.kubeconfig.is_none());
    assert!(conf.cluster_network.is_none() && conf.default_networks.is_empty());
    assert!(conf.readiness_indicator_file.is_none() && conf.auxiliary_chain.is_none());
    assert!(!conf.retry_delete_on_error);
}

#[test]
fn every_key_sets_its_value() {
    // B2.1–B2.24, T1.1, T1.3, T1.6, T1.8, T1.11
    let text = r#"{"cniVersion":"0.4.0","name":"m","type":"multus","confDir":"/c","cniDir":"/d","binDir":"/b",
        "delegates":[{"name":"a","type":"bridge"},{"name":"b","plugins":[{"type":"macvlan"}]}],
        "defaultNetworks":["x","y"],"kubeconfig":"/k","logFile":"/l","logLevel":"debug","logToStderr":false,
        "readinessindicatorfile":"/r","namespaceIsolation":true,"globalNamespaces":" foo,bar ,default",
        "systemNamespaces":["s"],"multusNamespace":"n","retryDeleteOnError":true,"auxiliaryCNIChainName":"aux",
        "runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}}"#;
    let conf = parse(text).unwrap();
    assert_eq!(
        (conf.cni_version, conf.cni_version_label.as_str()),
        (Version::V0_4_0, "0.4.0")
    );
    let paths = [&conf.conf_dir, &conf.cni_dir, &conf.bin_dir];
    assert_eq!(paths, ["/c", "/d", "/b"].map(PathBuf::from).each_ref());
    // The first one is the default network; each is named by its configuration (T1.20).
    let names: Vec<&str> = conf.delegates.iter().map(NetworkConf::name).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(conf.delegates[0].plugins()[0].plugin_type(), "bridge");
    assert_eq!(conf.default_networks, ["x", "y"]);
    assert_eq!(conf.kubeconfig, Some("/k".into()));
    assert_eq!(conf.log_file, Some("/l".into()));
    assert_eq!(
        (conf.log_level.as_str(), conf.log_to_stderr),
        ("debug", false)
    );
    assert_eq!(conf.readiness_indicator_file, Some("/r".into()));
    assert!(conf.namespace_isolation && conf.retry_delete_on_error);
    assert_eq!(conf.global_namespaces, ["foo", "bar", "default"]);
    assert_eq!(conf.system_namespaces, ["s"]);
    assert_eq!(conf.multus_namespace, "n");
    assert_eq!(conf.auxiliary_chain.as_deref(), Some("aux"));
    let ports = &conf.runtime_config.port_mappings;
    assert_eq!((ports.len(), ports[0].host_port), (1, 8080));
}

#[test]
fn keys_match_in_any_case_and_null_keeps_the_default() {
    // B0.1, B0.2
    let text =
        format!("{{\"NAME\":\"m\",\"BINDIR\":\"/b\",\"confdir\":null,\"unknown\":1,{DELEGATE}}}");
    let conf = parse(&text).unwrap();
    assert_eq!(
        (conf.name.as_str(), conf.bin_dir),
        ("m", PathBuf::from("/b"))
    );
    assert_eq!(conf.conf_dir, PathBuf::from("/etc/cni/multus/net.d"));
}

#[test]
fn a_value_of_the_wrong_type_is_refused_with_its_key() {
    // B0.3
    for (text, key) in [
        ("{\"namespaceIsolation\":\"yes\"}", "namespaceIsolation"),
        ("{\"delegates\":[1]}", "delegates[0]"),
        (
            "{\"runtimeConfig\":{\"portMappings\":[{\"hostPort\":\"x\"}]}}",
            "hostPort",
        ),
        ("{\"ipam\":1}", "ipam"),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn something_to_attach_to_must_be_named() {
    // B2.30, T1.9
    let text = parse("{\"name\":\"m\"}").unwrap_err().to_string();
    assert!(
        text.contains("at least one delegate/clusterNetwork must be specified"),
        "{text}"
    );
}

#[test]
fn delegates_do_not_matter_beside_a_cluster_network() {
    // B2.140
    let conf = parse("{\"clusterNetwork\":\"x\",\"delegates\":[{}]}").unwrap();
    assert!(conf.delegates.is_empty());
    assert!(matches!(
        parse("{\"delegates\":[{}]}"),
        Err(PlanError::Delegate { index: 0, .. })
    ));
}

#[test]
fn a_runtimes_port_mappings_are_read_in_the_case_that_it_uses() {
    // B2.40, CNI conventions: containerd writes HostPort
    let text = format!(
        "{{{DELEGATE},\"runtimeConfig\":{{\"portMappings\":[{{\"HostPort\":80,\"ContainerPort\":8080,\"Protocol\":\"tcp\",\"HostIP\":\"\"}}],\"dns\":{{}}}}}}"
    );
    let map = parse(&text).unwrap().runtime_config.to_map();
    let expected = serde_json::json!({"portMappings": [{"hostPort": 80, "containerPort": 8080, "protocol": "tcp"}]});
    assert_eq!(Value::Object(map), expected, "others are dropped (B2.47)");
}

#[test]
fn a_broken_prev_result_fails_every_command() {
    // B2.6, T1.7
    let with = |result: &str| {
        parse(&format!(
            "{{\"cniVersion\":\"1.0.0\",{DELEGATE},\"prevResult\":{result}}}"
        ))
    };
    assert!(with("{\"cniVersion\":\"1.0.0\"}").is_ok());
    assert!(with("{\"cniVersion\":\"9.0.0\"}").is_err());
    assert!(
        parse(&format!(
            "{{{DELEGATE},\"prevResult\":{{\"ip4\":{{\"ip\":\"1.2.3.4/24\"}}}}}}"
        ))
        .is_ok()
    );
}

#[test]
fn two_catalogs_exclude_each_other() {
    let text = format!("{{{DELEGATE},\"kubeconfig\":\"/k\",\"manifestDir\":\"/m\"}}");
    assert!(matches!(parse(&text), Err(PlanError::TwoCatalogs)));
    let one = parse(&format!("{{{DELEGATE},\"manifestDir\":\"/m\"}}")).unwrap();
    assert_eq!(
        (one.kubeconfig, one.manifest_dir),
        (None, Some("/m".into()))
    );
}

#[test]
fn every_path_is_taken_as_it_is_written() {
    // B2.7–B2.9, B2.13, B2.14, B2.18
    let keys = r#""confDir":"/c","cniDir":"/s","binDir":"/b","kubeconfig":"/k","logFile":"/l","readinessindicatorfile":"/r""#;
    let conf = parse(&format!("{{{DELEGATE},{keys}}}")).unwrap();
    let paths = [
        Some(conf.conf_dir),
        Some(conf.cni_dir),
        Some(conf.bin_dir),
        conf.kubeconfig,
        conf.log_file,
        conf.readiness_indicator_file,
    ];
    let expected = ["/c", "/s", "/b", "/k", "/l", "/r"];
    assert_eq!(paths, expected.map(|path| Some(PathBuf::from(path))));
}

#[test]
fn log_options_that_are_not_named_keep_their_defaults() {
    // B2.14–B2.17, B9.4, B9.5, T1.4, T6.1
    let of = |options: &str| parse(&format!("{{{options}{DELEGATE}}}")).unwrap();
    let plain = of("");
    assert!(plain.log_to_stderr && plain.log_file.is_none() && plain.log_level.is_empty());
    let default = LogOptions {
        max_age: 5,
        max_size: 100,
        max_backups: 5,
        compress: true,
    };
    assert_eq!(plain.log_options, default);
    assert_eq!(of("\"logOptions\":null,").log_options, default);
    let some = of("\"logOptions\":{\"MaxSize\":7,\"compress\":false,\"maxAge\":null},");
    let expected = LogOptions {
        max_size: 7,
        compress: false,
        ..default
    };
    assert_eq!(some.log_options, expected);
}

#[test]
fn log_options_of_the_wrong_type_are_refused_with_their_path() {
    // B0.3
    for (options, key) in [
        ("{\"maxSize\":\"100\"}", "logOptions.maxSize"),
        ("{\"compress\":1}", "logOptions.compress"),
        ("[]", "logOptions"),
    ] {
        let text = format!("{{\"logOptions\":{options},{DELEGATE}}}");
        let error = parse(&text).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
}
