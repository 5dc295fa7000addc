use super::*;

fn plan() -> Plan {
    let conf =
        r#"{"cniVersion":"1.0.0","name":"lan","type":"macvlan","capabilities":{"ips":true}}"#;
    Plan {
        pod: Some(PodRef {
            namespace: "shop".into(),
            name: "web".into(),
            uid: "u-1".into(),
        }),
        attachments: vec![Attachment {
            name: "shop/lan".into(),
            conf: NetworkConf::parse(conf.as_bytes()).unwrap(),
            ifname: IfName::parse("net1").unwrap(),
            args: vec![("IgnoreUnknown".into(), "true".into())],
            capability_args: Map::from_iter([("ips".into(), Value::from(vec!["10.0.0.9/24"]))]),
            requests: Requests {
                interface: Some("net1".into()),
                mac: Some("02:00:00:00:00:01".into()),
                infiniband_guid: Some("c2:11:22:33:44:55:66:77".into()),
                ips: vec!["10.0.0.9/24".into()],
                port_mappings: Some(vec![PortMapping {
                    host_port: 8080,
                    container_port: 80,
                    ..PortMapping::default()
                }]),
                bandwidth: Some(Bandwidth::default()),
                default_route: Some(vec!["10.0.0.1".parse().unwrap()]),
                device_id: Some("0000:03:02.0".into()),
                resource_name: Some("vendor/nic".into()),
                optional: true,
            },
            routes: RouteChange {
                remove_v4: true,
                remove_v6: false,
                add: vec!["10.0.0.1".parse().unwrap()],
            },
        }],
        warnings: vec![plan::Warning::SkippedDevice { text: "odd".into() }],
        owes_status: true,
        earlier_status: None,
    }
}

/// As it crosses the socket.
fn sent(outcome: &Outcome) -> String {
    serde_json::to_string(&PlanReply::from(outcome)).unwrap()
}

#[test]
fn a_plan_arrives_as_it_was_made_and_its_warnings_as_lines() {
    let text = sent(&Outcome::Attach(plan()));
    let (outcome, warnings) = serde_json::from_str::<PlanReply>(&text)
        .unwrap()
        .outcome()
        .unwrap();
    let Outcome::Attach(arrived) = outcome else {
        panic!("{text}")
    };
    let (sent, arrived) = (plan(), arrived);
    assert_eq!(arrived.pod, sent.pod);
    assert_eq!(
        format!("{:?}", arrived.attachments),
        format!("{:?}", sent.attachments)
    );
    assert_eq!(warnings, ["odd"]);
}

#[test]
fn a_pod_that_the_api_does_not_know_is_told_as_such() {
    // B4.24
    let text = sent(&Outcome::PodUnknown);
    let reply: PlanReply = serde_json::from_str(&text).unwrap();
    assert!(matches!(reply.outcome().unwrap().0, Outcome::PodUnknown));
}

#[test]
fn words_of_another_release_are_understood() {
    // user-pain row 15: keys that came later are ignored, keys that are missing have their defaults
    let newer = r#"{"podUnknown":false,"mood":"good","attachments":[{"name":"a","config":
        "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"type\":\"bridge\"}","ifname":"eth0","priority":7}]}"#;
    let (outcome, warnings) = serde_json::from_str::<PlanReply>(newer)
        .unwrap()
        .outcome()
        .unwrap();
    let Outcome::Attach(plan) = outcome else {
        panic!("a plan")
    };
    assert!(plan.pod.is_none() && warnings.is_empty());
    assert_eq!(plan.attachments[0].ifname.as_str(), "eth0");
}

#[test]
fn a_plan_that_no_plugin_could_be_given_is_refused_with_the_place() {
    for (config, ifname) in [("[]", "eth0"), (r#"{"name":"a","type":"b"}"#, "a/b")] {
        let words = AttachmentWords {
            name: "a".into(),
            config: config.into(),
            ifname: ifname.into(),
            args: Vec::new(),
            capability_args: Map::new(),
            requests: RequestWords::default(),
            routes: RouteWords::default(),
        };
        let reply = PlanReply {
            pod_unknown: false,
            pod: None,
            attachments: vec![words],
            warnings: Vec::new(),
            owes_status: false,
        };
        let error = reply.outcome().unwrap_err().to_string();
        assert!(
            error.starts_with("attachment 0 of the daemon's plan: "),
            "{error}"
        );
    }
}
