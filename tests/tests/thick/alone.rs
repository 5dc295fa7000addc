//! Pods on a node whose daemon is not there (`plainPodsWithoutDaemon`).

use serde_json::{Value, json};
use suites::cluster::NETWORK_STATUS;
use suites::scene::until;
use suites::thick::{ThickNode, answer};
use testkit::Signal;

/// By which a runtime tells a pod's annotations.
const ANNOTATIONS: &str = "io.kubernetes.cri.pod-annotations";

/// As a runtime gives it to the plugin, which has less than a minute.
fn told(conf: &Value, annotations: Value) -> Value {
    let mut conf = conf.clone();
    conf["runtimeConfig"] = json!({ANNOTATIONS: annotations});
    conf["timeouts"] = json!({"add": "20s"});
    conf
}

#[test]
fn a_plain_pod_starts_without_the_daemon_and_its_status_follows() {
    let node = ThickNode::with("alone", &json!({"plainPodsWithoutDaemon": true}));
    let daemon = node.started();
    let conf = node.generated();
    assert_eq!(conf["capabilities"], json!({ANNOTATIONS: true}));
    daemon.stop();
    // What is on disk by now is another network than the one that everybody has.
    std::fs::write(node.primaries.join("10-cluster.conf"), "{").unwrap();
    let pod = node.annotated_pod("web", &[]);

    let result = node.add(&pod, &told(&conf, json!({"a": "b"}))).result();

    assert_eq!(result["ips"][0]["address"], "10.9.0.2/24", "{result}");
    assert_eq!(node.status_of(&pod), "");
    let _daemon = node.start();
    let attachment = ("cluster".to_owned(), "eth0".to_owned());
    assert_eq!(node.attachments_once(&pod), [attachment]);
    node.del(&pod, &conf);
    assert!(!node.state.join(&pod.container.id).exists());
}

#[test]
fn a_daemon_that_hangs_is_none_for_a_plain_pod() {
    let keys = json!({"plainPodsWithoutDaemon": true});
    let node = ThickNode::with("alone-frozen", &keys);
    let daemon = node.started();
    let conf = node.generated();
    daemon.0.signal(Signal::STOP).unwrap();
    let (plain, other) = (
        node.annotated_pod("web", &[]),
        node.annotated_pod("other", &[]),
    );
    let untold = told(&conf, json!({"k8s.v1.cni.cncf.io/networks": "net-a"}));
    let refused = node.begin_add(&other, &untold);

    let result = node.add(&plain, &told(&conf, json!({}))).result();

    assert_eq!(result["ips"][0]["address"], "10.9.0.2/24", "{result}");
    let silent = " did not answer /v1/plan within ";
    let without =
        "without which the pod cannot start: its annotation k8s.v1.cni.cncf.io/networks names";
    answer(refused).refused(11, &[silent, without]);
    daemon.0.signal(Signal::CONT).unwrap();
    let attachment = ("cluster".to_owned(), "eth0".to_owned());
    assert_eq!(node.attachments_once(&plain), [attachment]);
}

#[test]
fn a_daemon_that_has_others_to_see_to_is_waited_for() {
    let keys = json!({"plainPodsWithoutDaemon": true, "connectionLimit": 1});
    let node = ThickNode::with("alone-queue", &keys);
    let go = node.define_slow();
    let _daemon = node.started();
    let conf = node.generated();
    let first = node.pod("first", "slow");
    let first = node.begin_add(&first, &conf);
    node.begun("slow", 1);
    let plain = node.annotated_pod("web", &[]);
    let mut patient = told(&conf, json!({}));
    patient["timeouts"] = json!({"add": "110s"});
    let mut add = node.begin_add(&plain, &patient);
    until("it is asked whether it lives", || {
        let text = node.ask("/metrics").unwrap_or_default().1;
        text.contains("handler=\"/healthz\"")
    });
    let waits = node.ask("/readyz").unwrap().1;
    assert!(waits.contains("1 under way, 1 wait"), "{waits}");
    assert!(add.is_running().unwrap());
    assert!(!node.state.join(&plain.container.id).exists());

    std::fs::write(go, "").unwrap();

    answer(first).good();
    answer(add).good();
}

#[test]
fn a_status_of_an_earlier_sandbox_is_replaced_when_the_daemon_is_back_unless_somebody_changed_it() {
    let node = ThickNode::with("alone-again", &json!({"plainPodsWithoutDaemon": true}));
    let daemon = node.started();
    let conf = node.generated();
    daemon.stop();
    let write = |pod: &str, text: &str| {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/status", node.namespace);
        let status = json!({"metadata": {"annotations": {NETWORK_STATUS: text}}});
        node.api.client().patch(&path, &status).unwrap();
    };
    let earlier = r#"[{"name": "cluster", "interface": "eth0", "ips": ["10.9.0.99"]}]"#;
    let adds: Vec<_> = ["kept", "changed"]
        .into_iter()
        .map(|name| {
            let pod = node.annotated_pod(name, &[]);
            write(name, earlier);
            let annotations = json!({NETWORK_STATUS: earlier});
            (node.begin_add(&pod, &told(&conf, annotations)), pod)
        })
        .collect();
    let pods: Vec<_> = adds
        .into_iter()
        .map(|(add, pod)| {
            answer(add).good();
            pod
        })
        .collect();
    write("changed", "[]");

    let _daemon = node.start();

    for pod in &pods {
        until("nothing is owed", || {
            let ledger = node.ledger(&pod.container.id);
            ledger[0]["multusRs"]["container"]["owedStatus"].is_null()
        });
    }
    let [kept, changed] = pods.as_slice() else {
        panic!("two pods");
    };
    let status = node.status_of(kept);
    assert!(
        status.contains("10.9.0.2") && !status.contains("10.9.0.99"),
        "{status}"
    );
    assert_eq!(node.status_of(changed), "[]");
}

#[test]
fn every_other_pod_waits_for_the_daemon_and_is_told_why() {
    let node = ThickNode::with("alone-others", &json!({"plainPodsWithoutDaemon": true}));
    let daemon = node.started();
    let conf = node.generated();
    daemon.stop();
    let untold = "the runtime does not tell its annotations";
    let more = "the configuration names other networks than the node's primary";
    let with = |key: &str, value: Value| {
        let mut conf = told(&conf, json!({}));
        conf[key] = value;
        conf
    };
    let mut cases = vec![
        (with("runtimeConfig", json!({})), untold.to_owned()),
        (with("defaultNetworks", json!(["net-a"])), more.to_owned()),
    ];
    for annotation in [
        "k8s.v1.cni.cncf.io/networks",
        "v1.multus-cni.io/default-network",
    ] {
        let text = format!("its annotation {annotation} names a network");
        cases.push((told(&conf, json!({annotation: "net-a"})), text));
    }
    let adds: Vec<_> = cases
        .into_iter()
        .enumerate()
        .map(|(index, (conf, text))| {
            let pod = node.annotated_pod(&format!("pod-{index}"), &[]);
            (node.begin_add(&pod, &conf), text)
        })
        .collect();

    for (add, text) in adds {
        let without =
            format!(" s for the node's multus-daemon, without which the pod cannot start: {text}");
        answer(add).refused(11, &["no daemon on ", &without]);
    }
    assert_eq!(node.calls(), Vec::<String>::new());
}

#[test]
fn where_it_is_not_asked_for_no_pod_starts_without_the_daemon() {
    let node = ThickNode::new("alone-off");
    let daemon = node.started();
    let conf = node.generated();
    daemon.stop();
    let pod = node.annotated_pod("web", &[]);

    let (_, text) = node.add(&pod, &told(&conf, json!({}))).error();

    assert!(text.ends_with(" s for the node's multus-daemon"), "{text}");
    assert_eq!(node.calls(), Vec::<String>::new());
}
