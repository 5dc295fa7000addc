use std::time::Duration;

use plan::{Attachment, PodArgs, RuntimeConfig};

use crate::testing::{Bench, container, plan, soon};
use crate::{Container, EngineError, Ledger, Phase, Remembered};

fn hot(network: &str) -> Attachment {
    let mut attachment = plan(&[network]).attachments.remove(0);
    attachment.ifname = cni::IfName::parse("hot0").unwrap();
    attachment.requests.interface = Some("hot0".to_owned());
    attachment
}

fn asking<T>(work: impl FnOnce(&Remembered<'_>) -> T) -> T {
    let container = Container {
        ifname: "hot0".to_owned(),
        configuration: String::new(),
        ..container("c1")
    };
    work(&Remembered {
        container: &container,
        args: &PodArgs::default(),
        runtime_config: &RuntimeConfig::default(),
    })
}

fn attach(bench: &Bench, network: &str) -> Result<cni::CniResult, EngineError> {
    asking(|remembered| {
        let undo = Duration::from_secs(5);
        bench.with(|engine| engine.attach_another(remembered, hot(network), soon(), undo))
    })
}

fn detach(bench: &Bench, network: &str) -> Result<(), EngineError> {
    asking(|remembered| bench.with(|engine| engine.detach_one(remembered, hot(network), soon())))
}

fn ifnames(bench: &Bench) -> Vec<String> {
    let text = bench.ledgers.borrow().get("c1").cloned();
    let Some(text) = text else {
        return Vec::new();
    };
    let ledger = asking(|remembered| Ledger::decode(&text, remembered)).unwrap();
    assert_eq!(ledger.phase, Phase::Attached);
    let records = ledger.records.iter();
    records.map(|record| record.ifname.to_string()).collect()
}

#[test]
fn what_is_attached_later_is_undone_with_the_pod() {
    // Q64, B6.43
    let bench = Bench::default();
    bench.add(&plan(&["a", "b"])).unwrap();
    attach(&bench, "c").unwrap();
    assert_eq!(ifnames(&bench), ["eth0", "net1", "hot0"]);
    bench.take_runs();
    bench.del("c1").unwrap();
    assert_eq!(
        bench.take_runs(),
        ["DEL c hot0", "DEL b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}

#[test]
fn one_network_is_detached_and_the_others_stay() {
    // B6.43
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    attach(&bench, "c").unwrap();
    bench.fail("DEL c hot0", 11);
    bench.fail("DEL c hot0 (gone)", 11);
    assert!(matches!(detach(&bench, "c"), Err(EngineError::Del(_))));
    assert_eq!(ifnames(&bench), ["eth0", "hot0"]);
    bench.failing.borrow_mut().clear();
    detach(&bench, "c").unwrap();
    assert_eq!(ifnames(&bench), ["eth0"]);
    // As often as one likes.
    detach(&bench, "c").unwrap();
    assert_eq!(ifnames(&bench), ["eth0"]);
}

#[test]
fn a_container_that_nobody_knows_has_a_ledger_from_then_on_and_none_afterwards() {
    let bench = Bench::default();
    attach(&bench, "c").unwrap();
    assert_eq!(ifnames(&bench), ["hot0"]);
    detach(&bench, "c").unwrap();
    assert!(bench.is_clean());
}

#[test]
fn an_attachment_that_fails_leaves_nothing_behind_or_says_what() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.fail("ADD c hot0", 100);
    assert_eq!(attach(&bench, "c").unwrap_err().code(), 100);
    assert_eq!(ifnames(&bench), ["eth0"]);
    bench.fail("DEL c hot0", 101);
    bench.fail("DEL c hot0 (gone)", 101);
    let error = attach(&bench, "c").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not undone, kept in the ledger: ")
    );
    assert_eq!(ifnames(&bench), ["eth0", "hot0"]);
}

#[test]
fn a_disk_that_does_not_take_the_ledger_undoes_the_attachment() {
    // Q8
    let mut bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.disk_broken = true;
    let error = attach(&bench, "c").unwrap_err();
    assert_eq!(error.code(), 5);
    assert_eq!(bench.take_runs().last().unwrap(), "DEL c hot0");
    assert_eq!(ifnames(&bench), ["eth0"]);
}

#[test]
fn an_interface_that_is_taken_is_refused_before_anything_runs() {
    // B4.40
    let mut bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    attach(&bench, "c").unwrap();
    bench.take_runs();
    assert_eq!(attach(&bench, "d").unwrap_err().code(), 4);
    detach(&bench, "c").unwrap();
    bench.take_runs();
    bench.existing = vec!["hot0".to_owned()];
    assert_eq!(attach(&bench, "d").unwrap_err().code(), 4);
    assert!(bench.take_runs().is_empty());
}

#[test]
fn a_container_that_is_half_attached_gets_nothing_more() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.fail("DEL a eth0", 11);
    bench.del("c1").unwrap_err();
    bench.take_runs();
    assert!(matches!(
        attach(&bench, "c"),
        Err(EngineError::HalfAttached)
    ));
    assert!(bench.take_runs().is_empty());
}

#[test]
fn one_network_is_checked_as_it_was_made() {
    // B6.43
    let bench = Bench::default();
    let check =
        || asking(|remembered| bench.with(|engine| engine.check_one(remembered, hot("c"), soon())));
    bench.add(&plan(&["a"])).unwrap();
    attach(&bench, "c").unwrap();
    bench.take_runs();
    check().unwrap();
    assert_eq!(bench.take_runs(), ["CHECK c hot0"]);
    bench.told.borrow_mut().clear();
    bench.fail("CHECK c hot0", 7);
    assert_eq!(check().unwrap_err().code(), 7);
    assert_eq!(
        *bench.told.borrow(),
        ["CHECK ns/c hot0", "CHECK ns/c hot0 failed"]
    );
}
