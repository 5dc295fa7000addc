//! What the configuration says about a pod's networks, and what it forbids.

use super::*;

#[test]
fn an_empty_definition_is_found_on_disk_by_its_name_past_broken_files() {
    // T2.6, B5.75, Q77
    let world = World::with_networks("net1")
        .define("app", "net1", &Value::Null)
        .directory(
            "/etc/cni/multus/net.d",
            &[
                ("05-broken.conf", json!("{")),
                (
                    "10-net1.conf",
                    json!({"cniVersion": "0.4.0", "name": "net1", "type": "mynet"}),
                ),
                (
                    "20-net2.conf",
                    json!({"cniVersion": "0.4.0", "name": "net2", "type": "mynet2"}),
                ),
            ],
        );
    let plan = attach(&inline(), &world).unwrap();
    assert_eq!(plan.attachments[1].conf.plugins()[0].plugin_type(), "mynet");
    assert_eq!(plan.attachments[1].name, "app/net1");
    assert!(matches!(&plan.warnings[..], [Warning::SkippedFile { .. }]));
}

#[test]
fn isolation_confines_a_pod_to_its_own_and_the_global_namespaces() {
    // T2.16, B5.70, Q5
    let mut isolated = inline();
    isolated["namespaceIsolation"] = json!(true);
    let world = |networks| {
        World::with_networks(networks)
            .define("other", "n", &plugin())
            .define("app", "n", &plugin())
            .define("default", "n", &plugin())
    };
    assert!(attach(&isolated, &world("n,default/n")).is_ok());
    let text = attach(&isolated, &world("other/n"))
        .unwrap_err()
        .to_string();
    assert!(text.contains("namespace isolation enabled, annotation violates permission, pod is in namespace app but refers to target namespace other"));
    isolated["globalNamespaces"] = json!(" foo, other ");
    assert!(attach(&isolated, &world("other/n")).is_ok());
    assert!(
        attach(&isolated, &world("default/n")).is_err(),
        "naming any replaces the implicit default (B2.20)"
    );

    let mut override_elsewhere = world("n");
    override_elsewhere.pod.as_mut().unwrap().default_network = Some("default/n".into());
    assert!(matches!(
        attach(&isolated, &override_elsewhere),
        Err(PlanError::Isolated { .. })
    ));
}

#[test]
fn the_pods_default_network_replaces_the_configured_one() {
    // T2.13, T3.10, B3.60–B3.63
    let mut world = World::with_networks("").define("kube-system", "net1", &plugin());
    world.pod.as_mut().unwrap().default_network = Some("net1".into());
    let plan = attach(&inline(), &world).unwrap();
    assert_eq!(names(&plan), [pair("kube-system/net1", "eth0")]);
    for bad in ["", "[]", "net1,net1"] {
        world.pod.as_mut().unwrap().default_network = Some(bad.into());
        assert!(
            matches!(attach(&inline(), &world), Err(PlanError::Annotation { .. })),
            "{bad:?}"
        );
    }
}

#[test]
fn the_cluster_network_is_a_definition_a_configuration_a_file_or_a_directory() {
    // T2.9, T2.11, T2.12, B5.40
    let on_disk = json!({"cniVersion": "1.0.0", "name": "disk", "type": "bridge"});
    let list = json!({"cniVersion": "1.0.0", "name": "chain", "plugins": [{"type": "bridge"}]});
    let world = World::with_networks("")
        .define("kube-system", "nad", &plugin())
        .directory("/etc/cni/multus/net.d", &[("10.conf", on_disk.clone())])
        .directory(
            "/dir/net.d",
            &[("99-z.conf", plugin()), ("10-a.conflist", list.clone())],
        )
        .file("/dir/one.conf", &on_disk)
        .file("/dir/list.conflist", &list)
        .directory(
            "/dir/chain",
            &[
                ("b.conf", json!({"type": "second"})),
                ("a.conf", json!({"type": "first"})),
                ("c.json", json!({"type": "not"})),
            ],
        );
    let cases = [
        ("nad", "kube-system/nad", vec!["macvlan"]),
        ("disk", "disk", vec!["bridge"]),
        ("/dir/net.d", "chain", vec!["bridge"]),
        ("/dir/one.conf", "disk", vec!["bridge"]),
        (
            "/dir/list.conflist",
            "chain",
            vec!["bridge", "first", "second"],
        ),
    ];
    for (network, name, types) in cases {
        let plan = attach(&json!({"name": "m", "clusterNetwork": network}), &world).unwrap();
        assert_eq!(plan.attachments[0].name, name, "{network}");
        let found: Vec<&str> = plan.attachments[0]
            .conf
            .plugins()
            .iter()
            .map(cni::PluginConf::plugin_type)
            .collect();
        assert_eq!(found, types, "{network}");
    }
    for missing in ["gone", "/gone/x.conf", "/dir/empty"] {
        let error = attach(&json!({"name": "m", "clusterNetwork": missing}), &world).unwrap_err();
        assert!(error.to_string().contains(missing), "{error}");
    }
}

#[test]
fn default_networks_spare_system_namespaces() {
    // T2.9, T2.10, B5.41
    let conf = json!({"name": "m", "clusterNetwork": "a", "defaultNetworks": ["b", "c"]});
    let mut world = World::with_networks("")
        .define("kube-system", "a", &plugin())
        .define("kube-system", "b", &plugin())
        .define("kube-system", "c", &plugin());
    let plan = attach(&conf, &world).unwrap();
    assert_eq!(
        names(&plan),
        [
            pair("kube-system/a", "eth0"),
            pair("kube-system/b", "net1"),
            pair("kube-system/c", "net2")
        ]
    );
    world.pod.as_mut().unwrap().reference.namespace = "kube-system".into();
    let mut request = request(Catalog::Api);
    request.args.pod.namespace = "kube-system".into();
    let outcome = crate::drive(
        &NetConf::parse(conf.to_string().as_bytes()).unwrap(),
        &request,
        &world,
    )
    .ok()
    .unwrap();
    assert!(matches!(outcome, Outcome::Attach(plan) if plan.attachments.len() == 1));
}

#[test]
fn a_pod_that_the_api_does_not_know_gets_nothing_and_one_without_manifest_its_default_network() {
    // B4.24; local mode
    let world = World::default();
    let unknown = crate::drive(&conf(&inline()), &request(Catalog::Api), &world);
    assert!(matches!(unknown, Ok(Outcome::PodUnknown)));
    let local = crate::drive(&conf(&inline()), &request(Catalog::Local), &world);
    assert!(matches!(local, Ok(Outcome::Attach(plan)) if plan.attachments.len() == 1));
}

#[test]
fn the_auxiliary_chain_is_the_last_attachment() {
    // B4.26, B2.143, T7.7
    let mut conf = json!({"cniVersion": "1.0.0", "name": "m", "clusterNetwork": "/d/10.conf", "auxiliaryCNIChainName": "vendor"});
    let world = World::with_networks("")
        .file(
            "/d/10.conf",
            &json!({"cniVersion": "1.0.0", "name": "base", "type": "bridge"}),
        )
        .directory("/d/vendor", &[("10.conf", json!({"type": "tuning"}))]);
    let plan = attach(&conf, &world).unwrap();
    assert_eq!(names(&plan), [pair("base", "eth0"), pair("vendor", "net1")]);
    let types: Vec<&str> = plan.attachments[1]
        .conf
        .plugins()
        .iter()
        .map(cni::PluginConf::plugin_type)
        .collect();
    assert_eq!(types, ["passthru", "tuning"]);
    conf["clusterNetwork"] = json!("base");
    let world = world.define("kube-system", "base", &plugin());
    assert!(matches!(
        attach(&conf, &world),
        Err(PlanError::AuxiliaryChain { .. })
    ));
}

#[test]
fn all_networks_but_the_default_one_may_be_optional_and_an_element_decides_for_itself() {
    let optional = |conf: &Value, networks: &str, default: Option<&str>| -> Vec<bool> {
        let mut world = World::with_networks(networks)
            .define("app", "n", &plugin())
            .define("kube-system", "n", &plugin());
        world.pod.as_mut().unwrap().default_network = default.map(str::to_owned);
        let plan = attach(conf, &world).unwrap();
        let all = plan.attachments.iter();
        all.map(|attachment| attachment.requests.optional).collect()
    };
    let mut conf = inline();
    let elements = r#"[{"name":"n","multus-cni.io/optional":true},{"name":"n","optional":false},{"name":"n"}]"#;
    assert_eq!(optional(&conf, elements, None), [false, true, false, false]);
    let mut second = plugin();
    second["name"] = json!("second");
    conf["delegates"].as_array_mut().unwrap().push(second);
    conf["optionalNetworks"] = json!(true);
    assert_eq!(
        optional(&conf, elements, None),
        [false, true, true, false, true]
    );
    // A pod without its default network is no pod.
    let default = r#"[{"name":"n","optional":true}]"#;
    assert_eq!(optional(&conf, "n", Some(default)), [false, true, true]);
}

#[test]
fn an_empty_definition_that_is_not_on_disk_is_an_error_wherever_it_is_named() {
    // T2.14, B5.57
    let conf = json!({"cniVersion": "1.0.0", "name": "m", "confDir": "/nowhere", "clusterNetwork": "base"});
    let world = || World::with_networks("").define("kube-system", "base", &Value::Null);
    let text = attach(&conf, &world()).unwrap_err().to_string();
    assert!(text.contains("/nowhere"), "{text}");
    let mut inline = inline();
    inline["confDir"] = json!("/nowhere");
    let mut world = world();
    world.pod.as_mut().unwrap().default_network = Some("base".into());
    let text = attach(&inline, &world).unwrap_err().to_string();
    assert!(text.contains("/nowhere"), "{text}");
}

#[test]
fn gateways_of_different_families_may_come_through_different_networks() {
    // B11.4, B4.81, T2.5
    let elements =
        r#"[{"name":"n","default-route":["10.0.0.1"]},{"name":"n","default-route":["fd00::1"]}]"#;
    let world = World::with_networks(elements).define("app", "n", &plugin());
    let plan = attach(&inline(), &world).unwrap();
    let routes = plan
        .attachments
        .iter()
        .map(|attachment| attachment.requests.default_route.as_ref());
    let gateways: Vec<usize> = routes.map(|route| route.map_or(0, Vec::len)).collect();
    assert_eq!(gateways, [0, 1, 1]);
    for attachment in &plan.attachments {
        assert!(attachment.routes.remove_v4 && attachment.routes.remove_v6);
    }
    let alone = World::with_networks(r#"[{"name":"n","default-route":["fd00::1"]}]"#);
    let plan = attach(&inline(), &alone.define("app", "n", &plugin())).unwrap();
    for attachment in &plan.attachments {
        assert!(!attachment.routes.remove_v4 && attachment.routes.remove_v6);
    }
    for (one, other) in [("fd00::1", "10.0.0.2"), ("10.0.0.1", "fd00::2")] {
        let twice = elements.replace(one, other);
        let twice = twice.replace("}]", r#"},{"name":"plain"}]"#);
        let world = World::with_networks(&twice)
            .define("app", "n", &plugin())
            .define("app", "plain", &plugin());
        assert!(matches!(
            attach(&inline(), &world),
            Err(PlanError::SeveralGateways { networks, .. }) if networks == ["app/n", "app/n"]
        ));
    }
}
