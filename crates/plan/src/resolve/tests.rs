mod configured;
mod limits;
mod owed;

use super::*;
use crate::{Fact, PathFact};
use npwg::Definition;
use serde_json::{Value, json};
use std::path::PathBuf;

/// What the tests know: definitions, paths, and one pod.
#[derive(Default)]
struct World {
    pod: Option<Pod>,
    definitions: Vec<Definition>,
    paths: Vec<(PathBuf, PathFact)>,
}

impl World {
    fn with_networks(networks: &str) -> Self {
        let reference = PodRef {
            namespace: "app".into(),
            name: "pod".into(),
            uid: "u1".into(),
        };
        Self {
            pod: Some(Pod {
                reference,
                networks: Some(networks.into()),
                ..Pod::default()
            }),
            ..Self::default()
        }
    }

    fn define(mut self, namespace: &str, name: &str, config: &Value) -> Self {
        let config = match config {
            Value::Null => String::new(),
            config => config.to_string(),
        };
        let (namespace, name) = (namespace.into(), name.into());
        self.definitions.push(Definition {
            namespace,
            name,
            resource_name: None,
            config,
        });
        self
    }

    fn directory(mut self, path: &str, files: &[(&str, Value)]) -> Self {
        let files = files
            .iter()
            .map(|(name, bytes)| cni::DirFile {
                name: (*name).into(),
                bytes: bytes
                    .as_str()
                    .map_or_else(|| bytes.to_string(), str::to_owned)
                    .into_bytes(),
            })
            .collect();
        self.paths.push((path.into(), PathFact::Directory(files)));
        self
    }

    fn file(mut self, path: &str, text: &Value) -> Self {
        self.paths
            .push((path.into(), PathFact::File(text.to_string().into_bytes())));
        self
    }
}

impl crate::Source for World {
    type Error = std::convert::Infallible;

    fn pod(&self, _: &str, _: &str) -> Result<Option<Pod>, Self::Error> {
        Ok(self.pod.clone())
    }

    fn definition(&self, namespace: &str, name: &str) -> Result<Option<Definition>, Self::Error> {
        Ok(self
            .definitions
            .iter()
            .find(|d| d.namespace == namespace && d.name == name)
            .cloned())
    }

    fn path(&self, path: &std::path::Path) -> PathFact {
        self.paths
            .iter()
            .find(|(known, _)| known == path)
            .map_or(PathFact::Missing, |(_, fact)| fact.clone())
    }

    fn devices(&self, _: &PodRef) -> Result<crate::DeviceMap, Self::Error> {
        panic!("no definition names a resource")
    }

    fn claim(&self, _: &str, _: &str) -> Result<Option<crate::Claim>, Self::Error> {
        panic!("no definition names a resource")
    }

    fn slices(&self, _: &str, _: Option<&str>) -> Result<Vec<crate::PublishedDevice>, Self::Error> {
        panic!("no definition names a resource")
    }
}

fn request(catalog: Catalog) -> Request {
    let args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=app;K8S_POD_NAME=pod;K8S_POD_UID=u1";
    Request {
        container_id: "c1".into(),
        ifname: "eth0".into(),
        args: PodArgs::parse(args).unwrap(),
        catalog,
        may_owe_status: true,
    }
}

fn conf(value: &Value) -> NetConf {
    NetConf::parse(value.to_string().as_bytes()).unwrap()
}

fn inline() -> Value {
    json!({"cniVersion": "1.0.0", "name": "multus", "delegates": [{"cniVersion": "1.0.0", "name": "base", "type": "bridge"}]})
}

fn plugin() -> Value {
    json!({"cniVersion": "1.0.0", "type": "macvlan"})
}

fn attach(conf_json: &Value, world: &World) -> Result<Plan, PlanError> {
    match crate::drive(&conf(conf_json), &request(Catalog::Api), world) {
        Ok(Outcome::Attach(plan)) => Ok(plan),
        Ok(Outcome::PodUnknown) => panic!("pod unknown"),
        Err(crate::DriveError::Plan(error)) => Err(error),
        Err(crate::DriveError::Source(never)) => match never {},
    }
}

fn names(plan: &Plan) -> Vec<(String, String)> {
    plan.attachments
        .iter()
        .map(|a| (a.name.clone(), a.ifname.to_string()))
        .collect()
}

fn pair(name: &str, ifname: &str) -> (String, String) {
    (name.into(), ifname.into())
}

#[test]
fn annotated_networks_follow_the_delegates_in_order() {
    // T2.1, T3.8, B4.60
    let world = World::with_networks("net-a,other/net-b@data0,net-a")
        .define("app", "net-a", &plugin())
        .define("other", "net-b", &plugin())
        .define("app", "unrelated", &plugin());
    let plan = attach(&inline(), &world).unwrap();
    let expected = [
        pair("base", "eth0"),
        pair("app/net-a", "net1"),
        pair("other/net-b", "data0"),
        pair("app/net-a", "net3"),
    ];
    assert_eq!(names(&plan), expected);
    assert_eq!(plan.pod.unwrap().uid, "u1");
}

#[test]
fn a_definition_without_name_gets_its_own() {
    // T2.7, B5.57
    let world = World::with_networks("net-a").define("app", "net-a", &plugin());
    let plan = attach(&inline(), &world).unwrap();
    let conf = &plan.attachments[1].conf;
    assert_eq!(conf.name(), "net-a");
    assert_eq!(
        conf.bytes(),
        br#"{"cniVersion":"1.0.0","name":"net-a","type":"macvlan"}"#
    );
}

#[test]
fn a_definition_with_a_name_is_taken_byte_for_byte() {
    // B5.57
    let text =
        r#"{ "type": "macvlan", "name": "x", "big": 12345678901234567890, "cniVersion": "1.0.0" }"#;
    let mut world = World::with_networks("net-a");
    let (namespace, name) = ("app".into(), "net-a".into());
    world.definitions.push(Definition {
        namespace,
        name,
        resource_name: None,
        config: text.into(),
    });
    let plan = attach(&inline(), &world).unwrap();
    assert_eq!(plan.attachments[1].conf.bytes(), text.as_bytes());
}

#[test]
fn a_missing_definition_is_named() {
    // T2.2, B5.55
    let error = attach(&inline(), &World::with_networks("gone")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("cannot find a network-attachment-definition (gone) in namespace (app)"),
        "{text}"
    );
    assert_eq!(error.code(), 7);
}

#[test]
fn a_definition_that_cannot_be_used_has_the_code_of_its_fault() {
    // CNI SPEC 1.1, "Error"; Q17
    for (conf, code) in [
        (json!({"type": 1}), 6),
        (json!({"cniVersion": "9.0.0", "type": "bridge"}), 1),
        (json!({"cniVersion": "1.0.0"}), 7),
    ] {
        let world = World::with_networks("net-a").define("app", "net-a", &conf);
        assert_eq!(
            attach(&inline(), &world).unwrap_err().code(),
            code,
            "{conf}"
        );
    }
}

#[test]
fn two_attachments_of_one_interface_name_are_refused() {
    // Q62; decided: before anything runs
    let world = World::with_networks("net-a@net2,net-b")
        .define("app", "net-a", &plugin())
        .define("app", "net-b", &plugin());
    let error = attach(&inline(), &world).unwrap_err();
    assert_eq!(
        error.to_string(),
        "networks app/net-a and app/net-b both ask for interface net2"
    );
}

#[test]
fn a_definition_that_names_multus_itself_is_refused() {
    for plugin in ["multus", "multus-shim"] {
        let world = World::with_networks("net-a").define(
            "app",
            "net-a",
            &json!({"cniVersion": "1.0.0", "plugins": [{"type": plugin}]}),
        );
        assert!(
            matches!(attach(&inline(), &world), Err(PlanError::Recursive { .. })),
            "{plugin}"
        );
    }
}

#[test]
fn cni_args_are_merged_into_every_plugin_and_the_pod_wins() {
    // T1.14, B5.63, MN-036
    let world = World::with_networks(r#"[{"name":"net-a","cni-args":{"a":"pod","c":3}}]"#).define(
        "app",
        "net-a",
        &json!({"cniVersion": "1.0.0", "name": "n", "plugins": [
            {"type": "one", "args": {"cni": {"a": "definition", "b": 1}, "other": true}},
            {"type": "two"},
        ]}),
    );
    let plan = attach(&inline(), &world).unwrap();
    let plugins = plan.attachments[1].conf.plugins();
    assert_eq!(
        plugins[0].raw()["args"],
        json!({"cni": {"a": "pod", "b": 1, "c": 3}, "other": true})
    );
    assert_eq!(
        plugins[1].raw()["args"],
        json!({"cni": {"a": "pod", "c": 3}})
    );
}

#[test]
fn cni_args_do_not_replace_what_is_no_object() {
    // Q7
    for args in [json!({"args": 1}), json!({"args": {"cni": []}})] {
        let mut config = plugin();
        config
            .as_object_mut()
            .unwrap()
            .extend(args.as_object().unwrap().clone());
        let world = World::with_networks(r#"[{"name":"net-a","cni-args":{"a":1}}]"#)
            .define("app", "net-a", &config);
        assert!(
            matches!(attach(&inline(), &world), Err(PlanError::CniArgs { .. })),
            "{args}"
        );
    }
}

#[test]
fn a_request_without_the_capability_is_a_warning() {
    // B11.2, Q74; decided: the ADD goes on
    let world = World::with_networks(r#"[{"name":"net-a","mac":"02:00:00:00:00:01"}]"#).define(
        "app",
        "net-a",
        &plugin(),
    );
    let plan = attach(&inline(), &world).unwrap();
    let network = "app/net-a".to_owned();
    assert_eq!(
        plan.warnings,
        [Warning::MissingCapability {
            network,
            capability: "mac"
        }]
    );
    assert!(
        plan.attachments[1]
            .args
            .contains(&("MAC".to_owned(), "02:00:00:00:00:01".to_owned()))
    );
    let able = json!({"cniVersion": "1.0.0", "plugins": [
        {"type": "macvlan"}, {"type": "tuning", "capabilities": {"mac": true}},
    ]});
    let world = World::with_networks(r#"[{"name":"net-a","mac":"02:00:00:00:00:01"}]"#)
        .define("app", "net-a", &able);
    assert_eq!(attach(&inline(), &world).unwrap().warnings, []);
}

#[test]
fn keys_that_mean_nothing_are_a_warning() {
    // B3.45; decided: ignored, logged
    let world =
        World::with_networks(r#"[{"name":"net-a","vlan":7}]"#).define("app", "net-a", &plugin());
    let plan = attach(&inline(), &world).unwrap();
    let (network, keys) = ("app/net-a".to_owned(), vec!["vlan".to_owned()]);
    assert_eq!(plan.warnings, [Warning::UnknownKeys { network, keys }]);
}

#[test]
fn a_pod_is_looked_up_where_there_is_a_name_and_somebody_to_ask() {
    // B4.1, B2.142, B4.24
    let planned = |catalog, args: &str| {
        let args = PodArgs::parse(args).unwrap();
        let request = Request {
            args,
            ..request(catalog)
        };
        plan(&conf(&inline()), &request, &Facts::default())
    };
    let pod = |namespace: &str| {
        let (namespace, name) = (namespace.to_owned(), "p".to_owned());
        [Need::Pod { namespace, name }]
    };
    let named = "K8S_POD_NAMESPACE=n;K8S_POD_NAME=p";
    for (catalog, args, expected) in [
        (Catalog::Api, named, "n"),
        (Catalog::Local, named, "n"),
        (Catalog::Local, "K8S_POD_NAME=p", "default"),
    ] {
        let needs = planned(catalog, args);
        assert!(
            matches!(&needs, Ok(Planned::Needs(needs)) if *needs == pod(expected)),
            "{catalog:?} {args}: {needs:?}"
        );
    }
    for (catalog, args) in [
        (Catalog::None, named),
        (Catalog::Local, "K8S_POD_NAMESPACE=n"),
    ] {
        assert!(matches!(
            planned(catalog, args),
            Ok(Planned::Ready(Outcome::Attach(plan))) if plan.attachments.len() == 1
        ));
    }
    for args in ["K8S_POD_NAMESPACE=n", "K8S_POD_NAME=p", ""] {
        let error = planned(Catalog::Api, args).unwrap_err();
        assert!(matches!(error, PlanError::NoPodName), "{args}");
        assert_eq!(error.code(), cni::code::INVALID_ENVIRONMENT);
    }
}

#[test]
fn no_ports_need_no_capability() {
    // Q74, B3.39
    let world = World::with_networks(r#"[{"name":"net-a","portMappings":[]}]"#).define(
        "app",
        "net-a",
        &plugin(),
    );
    assert_eq!(attach(&inline(), &world).unwrap().warnings, []);
}

#[test]
fn all_definitions_are_asked_for_in_one_round() {
    let conf = conf(&inline());
    let request = request(Catalog::Api);
    let mut facts = Facts::default();
    let pod = World::with_networks("a,b,a,other/c").pod;
    let need = Need::Pod {
        namespace: "app".into(),
        name: "pod".into(),
    };
    facts.insert(need, Fact::Pod(pod));
    let Ok(Planned::Needs(needs)) = plan(&conf, &request, &facts) else {
        panic!("needs")
    };
    assert_eq!(needs.len(), 3, "each once: {needs:?}");
}

#[test]
fn another_uid_is_another_pod_unless_the_pod_is_static() {
    // B4.14, T3.17
    let mut world = World::with_networks("");
    let pod = world.pod.as_mut().unwrap();
    pod.reference.uid = "u2".into();
    let error = attach(&inline(), &world).unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected pod UID \"u1\" but got \"u2\" from Kube API"
    );
    assert_eq!(error.code(), cni::code::TRY_AGAIN_LATER);
    world.pod.as_mut().unwrap().config_source = Some("file".into());
    assert!(attach(&inline(), &world).is_ok());
}

#[test]
fn a_gateway_takes_the_default_route_of_its_family_only() {
    // B4.81, Q11, MN-044
    let networks =
        r#"[{"name":"net-a","default-route":["10.1.1.254"]},{"name":"net-b","default-route":[]}]"#;
    let world = World::with_networks(networks)
        .define("app", "net-a", &plugin())
        .define("app", "net-b", &plugin());
    let plan = attach(&inline(), &world).unwrap();
    for attachment in &plan.attachments {
        assert!(
            attachment.routes.remove_v4 && !attachment.routes.remove_v6,
            "{}",
            attachment.name
        );
    }
    assert_eq!(
        plan.attachments[1].routes.add,
        ["10.1.1.254".parse::<std::net::IpAddr>().unwrap()]
    );

    let two = r#"[{"name":"net-a","default-route":["10.1.1.254"]},{"name":"net-b","default-route":["10.1.1.253"]}]"#;
    let world = World::with_networks(two)
        .define("app", "net-a", &plugin())
        .define("app", "net-b", &plugin());
    assert!(matches!(
        attach(&inline(), &world),
        Err(PlanError::SeveralGateways { .. })
    ));
}
