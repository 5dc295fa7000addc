//! The configuration of `multus` itself.

use serde_json::{Value, json};
use suites::scene::{SECRET, Scene};

/// A configuration with one value replaced, at a JSON pointer.
pub(crate) fn with(conf: &Value, pointer: &str, value: Value) -> Value {
    let mut conf = conf.clone();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    conf.pointer_mut(parent).unwrap()[key] = value;
    conf
}

#[test]
fn a_value_of_the_wrong_type_is_an_error_that_says_where_it_stands() {
    // B0.3, B2.1–B2.25, B2.30, B4.100
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for (pointer, value, place) in of_wrong_types() {
        is_told(&scene, "ADD", &with(&conf, pointer, value), place);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

/// A verb fails and says where the value stands.
#[track_caller]
pub(crate) fn is_told(scene: &Scene, verb: &str, conf: &Value, place: &str) {
    let (code, message) = scene.call(verb, conf).error();
    assert!(
        [6, 7].contains(&code) && message.contains(place) && message.len() < 300,
        "{verb}, {place}: {code} {message}"
    );
}

/// Where a value stands, what stands there, and how the error names the place.
pub(crate) fn of_wrong_types() -> Vec<(&'static str, Value, &'static str)> {
    let text = || json!(SECRET);
    vec![
        ("/cniVersion", json!(1), "cniVersion"),
        ("/name", json!(["n"]), "name"),
        ("/type", json!({}), "type"),
        ("/capabilities", text(), "capabilities"),
        ("/capabilities", json!({"mac": SECRET}), "capabilities.mac"),
        ("/runtimeConfig", text(), "runtimeConfig"),
        ("/runtimeConfig", json!({"mac": 7}), "runtimeConfig.mac"),
        (
            "/runtimeConfig",
            json!({"ips": SECRET}),
            "runtimeConfig.ips",
        ),
        (
            "/runtimeConfig",
            json!({"portMappings": [{"hostPort": SECRET}]}),
            "runtimeConfig.portMappings[0].hostPort",
        ),
        (
            "/runtimeConfig",
            json!({"bandwidth": {"ingressRate": SECRET}}),
            "runtimeConfig.bandwidth.ingressRate",
        ),
        ("/confDir", json!(1), "confDir"),
        ("/cniDir", json!([SECRET]), "cniDir"),
        ("/binDir", json!(true), "binDir"),
        ("/delegates", text(), "delegates"),
        ("/delegates", json!([SECRET]), "delegates[0]"),
        ("/delegates/0/type", json!({"x": SECRET}), "delegates[0]: "),
        ("/delegates/0/capabilities", text(), "delegates[0]: "),
        ("/delegates/0/ipam", text(), "delegates[0]: "),
        ("/clusterNetwork", json!(7), "clusterNetwork"),
        ("/defaultNetworks", text(), "defaultNetworks"),
        ("/defaultNetworks", json!([7]), "defaultNetworks[0]"),
        ("/kubeconfig", json!({"a": SECRET}), "kubeconfig"),
        ("/manifestDir", json!([SECRET]), "manifestDir"),
        ("/logFile", json!(1), "logFile"),
        ("/logToStderr", text(), "logToStderr"),
        (
            "/readinessindicatorfile",
            json!(1),
            "readinessindicatorfile",
        ),
        ("/namespaceIsolation", text(), "namespaceIsolation"),
        ("/globalNamespaces", json!([SECRET]), "globalNamespaces"),
        ("/systemNamespaces", text(), "systemNamespaces"),
        ("/multusNamespace", json!(1), "multusNamespace"),
        ("/retryDeleteOnError", text(), "retryDeleteOnError"),
        ("/auxiliaryCNIChainName", json!(1), "auxiliaryCNIChainName"),
        ("/ipam", text(), "ipam"),
        ("/dns", text(), "dns"),
        (
            "/prevResult",
            json!({"cniVersion": "1.0.0", "ips": SECRET}),
            "prevResult",
        ),
        ("/timeouts", text(), "timeouts"),
        ("/timeouts", json!({"add": 2}), "timeouts.add"),
        ("/timeouts", json!({"lock": SECRET}), "timeouts.lock"),
        ("/timeouts", json!({"undo": "-1s"}), "timeouts.undo"),
        ("/timeouts", json!({"gc": "9h"}), "timeouts.gc"),
    ]
}

#[test]
fn a_configuration_that_names_no_network_is_refused() {
    // B2.30, T1.9
    let scene = Scene::new();
    let conf = scene.conf(&[]);
    let without = with(&conf, "/delegates", json!(null));
    for conf in [conf, without] {
        scene.call("ADD", &conf).refused(
            7,
            &["at least one delegate/clusterNetwork must be specified"],
        );
    }
    scene.nothing_left();
}

#[test]
fn a_delegate_that_is_no_configuration_is_refused_with_its_place() {
    // B5.60, B5.61, T1.10, cni-runtime #6, #7
    let scene = Scene::new();
    let good = scene.network("good", json!({}));
    for (delegate, fragment, expected) in [
        (json!({"name": "x"}), "type", 7),
        (json!({"name": "x", "type": ""}), "type", 7),
        (json!({"name": "x", "plugins": []}), "plugins", 7),
        (
            json!({"name": "x", "plugins": [{"password": SECRET}]}),
            "plugins[0]",
            7,
        ),
        (json!({"name": "x", "plugins": SECRET}), "plugins", 6),
        (
            json!({"name": "x", "type": "y", "cniVersion": "3"}),
            "cniVersion",
            1,
        ),
        (
            json!({"name": "x", "plugins": [{"type": "y"}], "disableCheck": SECRET}),
            "disableCheck",
            7,
        ),
    ] {
        let conf = scene.conf(&[good.clone(), delegate]);
        let (code, message) = scene.call("ADD", &conf).error();
        assert!(
            code == expected && message.contains("delegates[1]") && message.contains(fragment),
            "{fragment}: {code} {message}"
        );
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_network_that_calls_multus_itself_is_refused() {
    let scene = Scene::new();
    for plugin in ["multus", "multus-shim"] {
        let mut network = scene.network("again", json!({}));
        network["type"] = json!(plugin);
        let conf = scene.conf(&[scene.network("good", json!({})), network]);
        scene
            .call("ADD", &conf)
            .refused(7, &["[default/pod/", "again", plugin, "call itself"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn a_state_directory_that_depends_on_where_the_runtime_stands_is_refused() {
    // B2.8, T3.1
    let scene = Scene::new();
    let conf = scene.conf(&[scene.network("a", json!({}))]);
    for path in ["state", "./state", "../state", ""] {
        let conf = with(&conf, "/cniDir", json!(path));
        for verb in ["ADD", "DEL"] {
            scene.call(verb, &conf).refused(7, &["cniDir", "absolute"]);
        }
    }
    assert_eq!(scene.calls(), [""; 0]);
    scene.nothing_left();
}

#[test]
fn networks_that_ask_for_one_interface_are_refused_before_any_plugin_runs() {
    let scene = Scene::new();
    for (definition, annotation) in [("b", "b@data0,c@data0"), ("c", "b@eth0"), ("d", "b@net2,c")] {
        scene
            .node
            .definition("default", definition, &scene.network(definition, json!({})));
        scene
            .node
            .definition("default", "b", &scene.network("b", json!({})));
        scene
            .node
            .definition("default", "c", &scene.network("c", json!({})));
        scene.node.pod_with("default", "pod", annotation);
        let conf = scene.conf(&[scene.network("a", json!({}))]);
        scene
            .call("ADD", &conf)
            .refused(7, &["[default/pod/", "both ask for interface"]);
    }
    assert_eq!(scene.calls(), [""; 0]);
    assert_eq!(scene.books(), [""; 0]);
}
