use serde_json::json;

use super::*;
use crate::exec::search_path;
use crate::{ContainerId, IfName, Version};

fn network(plugin: Value) -> NetworkConf {
    let list = json!({"cniVersion": "0.4.0", "name": "net", "plugins": [plugin]});
    NetworkConf::parse(list.to_string().as_bytes()).unwrap()
}

fn request(conf: &NetworkConf, extra: &Extra<'_>) -> Value {
    serde_json::from_slice(&stdin(conf, &conf.plugins()[0], extra).unwrap()).unwrap()
}

fn with_args(conf: &NetworkConf, args: Value) -> Value {
    let capability_args = args.as_object().unwrap();
    request(
        conf,
        &Extra::Attachment {
            capability_args,
            prev_result: None,
        },
    )
}

#[test]
fn name_and_version_come_from_the_network() {
    // B4.123
    let conf =
        network(json!({"type": "x", "name": "own", "CNIVersion": "0.1.0", "keep": {"a": 1}}));
    let expected = json!({"type": "x", "name": "net", "cniVersion": "0.4.0", "keep": {"a": 1}});
    assert_eq!(request(&conf, &Extra::Nothing), expected);
    let single = NetworkConf::parse(br#"{"type":"x","name":"n"}"#).unwrap();
    assert_eq!(
        request(&single, &Extra::Nothing),
        json!({"type": "x", "name": "n", "cniVersion": ""})
    );
}

#[test]
fn capability_arguments_are_those_that_the_plugin_declares() {
    // B4.124, #57, #58
    let conf = network(
        json!({"type": "x", "capabilities": {"mac": true, "ips": false, "bandwidth": true}}),
    );
    let sent = with_args(
        &conf,
        json!({"mac": "m", "ips": ["i"], "portMappings": [{"HostPort": 1}], "bandwidth": null}),
    );
    assert_eq!(sent["runtimeConfig"], json!({"mac": "m"}));
    assert_eq!(
        sent["capabilities"],
        json!({"mac": true, "ips": false, "bandwidth": true})
    );
}

#[test]
fn a_static_runtime_config_survives_only_where_nothing_matches() {
    let conf =
        network(json!({"type": "x", "capabilities": {"mac": true}, "runtimeConfig": {"old": 1}}));
    assert_eq!(
        with_args(&conf, json!({"ips": []}))["runtimeConfig"],
        json!({"old": 1})
    );
    assert_eq!(
        with_args(&conf, json!({"mac": "m"}))["runtimeConfig"],
        json!({"mac": "m"})
    );
}

#[test]
fn the_previous_result_is_added_in_its_version() {
    let conf = network(json!({"type": "x"}));
    let result = CniResult::new(Version::V0_4_0);
    let extra = Extra::Attachment {
        capability_args: &Map::new(),
        prev_result: Some(&result),
    };
    assert_eq!(
        request(&conf, &extra)["prevResult"],
        json!({"cniVersion": "0.4.0", "dns": {}})
    );
}

#[test]
fn gc_gets_both_keys_and_an_empty_list_as_a_list() {
    // #93, #95
    let conf = network(json!({"type": "x"}));
    let valid = [("id".to_owned(), "eth0".to_owned())];
    let sent = request(&conf, &Extra::Valid(&valid));
    let list = json!([{"containerID": "id", "ifname": "eth0"}]);
    assert_eq!(
        (
            &sent["cni.dev/valid-attachments"],
            &sent["cni.dev/attachments"]
        ),
        (&list, &list)
    );
    assert_eq!(
        request(&conf, &Extra::Valid(&[]))["cni.dev/attachments"],
        json!([])
    );
}

#[test]
fn all_six_variables_are_always_set() {
    // B4.121, #49
    let at = Attachment {
        container_id: ContainerId::parse("id").unwrap(),
        netns: "/run/netns/x".into(),
        ifname: IfName::parse("eth0").unwrap(),
        args: vec![("A".into(), "1".into()), ("B".into(), "x=y".into())],
        capability_args: Map::new(),
    };
    let shown = |at| {
        let variables = environment(Verb::Add, at, &search_path("/a:/b")).unwrap();
        variables
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    let all = [
        "CNI_COMMAND=ADD",
        "CNI_CONTAINERID=id",
        "CNI_NETNS=/run/netns/x",
        "CNI_ARGS=A=1;B=x=y",
        "CNI_IFNAME=eth0",
        "CNI_PATH=/a:/b",
    ];
    assert_eq!(shown(Some(&at)), all);
    let empty = [
        "CNI_COMMAND=ADD",
        "CNI_CONTAINERID=",
        "CNI_NETNS=",
        "CNI_ARGS=",
        "CNI_IFNAME=",
        "CNI_PATH=/a:/b",
    ];
    assert_eq!(shown(None), empty);
}
