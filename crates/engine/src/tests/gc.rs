//! What GC detaches, what it tells plugins, and what it leaves alone.

use std::time::{Duration, Instant};

use serde_json::Value;

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
