//! What GC detaches, what it tells plugins, and what it leaves alone.

use std::time::{Duration, Instant};

use cni::NetworkConf;
use serde_json::{Value, json};

use crate::testing::{Bench, container, free, plan};
use crate::{Container, GcReport};

fn detached(report: &GcReport) -> Vec<&str> {
    let ids = report.detached.iter();
    ids.map(|container| container.id.as_str()).collect()
}

/// The attachments that the plugins of a network were told to be in use, at the last GC.
fn told_in_use(bench: &Bench, network: &str) -> Vec<String> {
    let requests = bench.requests.borrow();
    let (_, request) = requests
        .iter()
        .rfind(|(run, _)| *run == format!("GC {network}"))
        .unwrap();
    let list = request["cni.dev/valid-attachments"].as_array().unwrap();
    list.iter()
        .map(|pair| pair["containerID"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn gc_detaches_what_the_runtime_does_not_list_and_tells_plugins_the_rest() {
    // Q15, user reports of live attachments collected
    let mut bench = Bench::default();
    bench.add(&plan(&["a", "b"])).unwrap();
    bench.add_to(&container("c2"), &plan(&["a"])).unwrap();
    bench.take_runs();
    let report = bench
        .with(|engine| engine.gc("other", &["c2".into()], crate::testing::soon(), &free))
        .unwrap();
    assert!(
        report.detached.is_empty() && bench.take_runs().is_empty(),
        "another configuration's ledgers are not ours"
    );

    let report = bench.gc(&[]);
    assert!(
        report.detached.is_empty(),
        "an empty list says nothing while the namespace lives"
    );

    bench.take_runs();
    let report = bench.gc(&["c2"]);
    assert_eq!(detached(&report), ["c1"]);
    assert_eq!(
        bench.take_runs(),
        ["DEL b net1", "DEL a eth0", "GC a", "GC b"]
    );

    bench.dead = true;
    let report = bench.gc(&[]);
    assert_eq!(detached(&report), ["c2"]);
    assert!(bench.is_clean());
}

#[test]
fn a_container_or_network_that_hangs_leaves_the_others_their_share_of_the_time() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.add_to(&container("c2"), &plan(&["a"])).unwrap();
    bench.deadlines.borrow_mut().clear();
    bench.take_runs();
    let begin = Instant::now();
    let hour = Duration::from_secs(3600);
    bench
        .with(|engine| engine.gc("multus", &["other".into()], begin + hour, &free))
        .unwrap();
    assert_eq!(bench.take_runs(), ["DEL a eth0", "DEL a eth0", "GC a"]);
    let shares: Vec<Duration> = bench
        .deadlines
        .borrow()
        .iter()
        .map(|deadline| *deadline - begin)
        .collect();
    assert!(
        shares[0] < hour / 2 && shares[1] < hour * 3 / 4,
        "{shares:?}"
    );
}

#[test]
fn a_ledger_that_cannot_be_read_is_named_and_its_attachments_are_let_be() {
    for broken in ["", "[]", "[{\"Bytes\":\"!\"}]"] {
        let bench = Bench::default();
        bench.add(&plan(&["a"])).unwrap();
        bench.add_to(&container("c2"), &plan(&["a"])).unwrap();
        bench
            .ledgers
            .borrow_mut()
            .insert("c1".into(), broken.into());
        bench.take_runs();
        let report = bench.gc(&["c2"]);
        assert!(report.failures.is_empty(), "{}", report.failures);
        assert!(
            report.notes[0].starts_with("container c1: ledger: "),
            "{:?}",
            report.notes
        );
        assert_eq!((report.notes.len(), report.detached.len()), (1, 0));
        assert_eq!(bench.take_runs(), ["GC a"]);
        assert_eq!(told_in_use(&bench, "a"), ["c1", "c2"]);
    }
}

#[test]
fn plugins_are_told_of_what_other_configurations_attached() {
    // user reports of live attachments collected
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    let other = Container {
        configuration: "other".into(),
        ..container("c2")
    };
    bench.add_to(&other, &plan(&["a", "b"])).unwrap();
    bench.take_runs();
    let report = bench.gc(&["c1"]);
    assert!(report.detached.is_empty());
    assert_eq!(
        bench.take_runs(),
        ["GC a"],
        "b is the other one's to collect"
    );
    assert_eq!(told_in_use(&bench, "a"), ["c1", "c2"]);
}

#[test]
fn plugins_are_told_of_a_listed_container_without_a_ledger() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.add_to(&container("c2"), &plan(&["a"])).unwrap();
    bench.ledgers.borrow_mut().remove("c2");
    bench.gc(&["c1", "c2"]);
    assert_eq!(told_in_use(&bench, "a"), ["c1", "c2"]);
}

#[test]
fn what_upstream_attached_goes_when_its_namespace_is_gone() {
    // B2.60: its ledger does not say which configuration it belongs to
    let mut bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    let mut ledger: Value = serde_json::from_slice(&bench.ledgers.borrow()["c1"]).unwrap();
    ledger[0].as_object_mut().unwrap().remove("multusRs");
    let ledger = ledger.to_string().into_bytes();
    bench.ledgers.borrow_mut().insert("c1".into(), ledger);
    assert!(bench.gc(&["other"]).detached.is_empty());
    assert_eq!(told_in_use(&bench, "a"), ["c1"]);
    bench.dead = true;
    assert_eq!(detached(&bench.gc(&["other"])), ["c1"]);
    assert!(bench.is_clean());
}

#[test]
fn networks_of_one_name_are_collected_by_the_one_that_knows_the_verb() {
    // CNI SPEC 1.1, GC: since 1.1.0
    let old = json!({"cniVersion": "0.4.0", "name": "a", "plugins": [{"type": "type-old"}]});
    for old_one in ["c1", "c2"] {
        let bench = Bench::default();
        for id in ["c1", "c2"] {
            let mut plan = plan(&["a"]);
            if id == old_one {
                plan.attachments[0].conf = NetworkConf::parse(old.to_string().as_bytes()).unwrap();
            }
            bench.add_to(&container(id), &plan).unwrap();
        }
        bench.take_runs();
        bench.gc(&["c1", "c2"]);
        assert_eq!(bench.take_runs(), ["GC a"]);
        assert_eq!(told_in_use(&bench, "a"), ["c1", "c2"]);
    }
    // Of several that know it, the first is asked.
    let bench = Bench::default();
    for (id, plugin) in [("c1", "type-one"), ("c2", "type-two")] {
        let conf = json!({"cniVersion": "1.1.0", "name": "a", "plugins": [{"type": plugin}]});
        let mut plan = plan(&["a"]);
        plan.attachments[0].conf = NetworkConf::parse(conf.to_string().as_bytes()).unwrap();
        bench.add_to(&container(id), &plan).unwrap();
    }
    bench.gc(&["c1", "c2"]);
    let requests = bench.requests.borrow();
    assert_eq!(requests.last().unwrap().1["type"], "type-one");
}

#[test]
fn a_pod_is_attached_elsewhere_where_another_of_its_sandboxes_has_a_ledger() {
    let bench = Bench::default();
    let one = container("c1");
    let elsewhere = || bench.with(|engine| engine.is_attached_elsewhere(&one.pod, &one));
    bench.add_to(&one, &plan(&["a"])).unwrap();
    assert!(!elsewhere(), "its own ledger does not count");
    let others = [
        Container {
            configuration: "other".into(),
            ..container("c2")
        },
        Container {
            pod: plan::PodRef {
                name: "other".into(),
                ..one.pod.clone()
            },
            ..container("c3")
        },
        Container {
            pod: plan::PodRef {
                namespace: "other".into(),
                ..one.pod.clone()
            },
            ..container("c4")
        },
    ];
    for other in others {
        bench.add_to(&other, &plan(&["a"])).unwrap();
        assert!(!elsewhere(), "{other:?}");
    }
    // Of the same name, whatever its UID: a pod may have been made anew.
    let mut again = container("c5");
    again.pod.uid = "other".into();
    bench.add_to(&again, &plan(&["a"])).unwrap();
    assert!(elsewhere());
}

#[test]
fn a_container_that_could_not_be_detached_is_not_reported_as_such() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.fail("DEL a eth0", 100);
    let report = bench.gc(&["other"]);
    assert!(report.detached.is_empty());
    assert_eq!((report.failures.0.len(), report.notes.len()), (1, 0));
    assert_eq!(bench.ledgers.borrow().len(), 1);
}

#[test]
fn what_fails_names_the_container_and_its_pod() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.fail("DEL a eth0", 100);
    let container = container("c1");
    let of = format!("container c1 of pod {}", container.pod.label());
    let failed = bench.gc(&["other"]).failures;
    let text = failed.to_string();
    let begin = format!("{of}: network \"a\", interface eth0: ");
    assert!(text.starts_with(&begin), "{text}");
    assert_eq!(failed.code(), 100);

    let busy = |_: &cni::ContainerId| Err("why".to_owned());
    let (valid, soon) = (["other".to_owned()], crate::testing::soon());
    let report = bench.with(|engine| engine.gc("multus", &valid, soon, &busy));
    let text = report.unwrap().failures.to_string();
    assert_eq!(text, format!("{of} is busy: why"));
}
