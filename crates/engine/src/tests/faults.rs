//! What is undone, and with what, where plugins, books or disk go wrong.

use crate::testing::{Bench, free, plan, soon};

#[test]
fn a_ledger_that_is_none_of_ours_is_replaced_by_the_result_cache() {
    // cni-runtime #106
    let mut bench = Bench::default();
    bench.add(&plan(&["a", "b"])).unwrap();
    bench.take_runs();
    bench.foreign = true;
    let report = bench.del("c1").unwrap();
    assert!(
        report
            .note
            .is_some_and(|note| note.contains("result cache"))
    );
    assert_eq!(bench.take_runs(), ["DEL b net1", "DEL a eth0"]);
    assert!(bench.is_clean());
}

#[test]
fn what_a_plugin_says_counts_more_than_a_ledger_that_cannot_be_rewritten() {
    let mut bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.fail("DEL a eth0", 101);
    bench.disk_full = true;
    assert_eq!(bench.del("c1").unwrap_err().code(), 101);
    bench.failing.borrow_mut().clear();
    bench.del("c1").unwrap();
    assert!(bench.is_clean());
}

#[test]
fn gc_leaves_a_container_that_somebody_works_on() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.take_runs();
    let gc = |claim: &dyn Fn(&cni::ContainerId) -> Result<crate::Claim, String>| {
        bench
            .with(|engine| engine.gc("multus", &["other".into()], soon(), claim))
            .unwrap()
    };
    let report = gc(&|_| Err("locked".into()));
    assert_eq!((report.detached.len(), report.failures.code()), (0, 11));
    assert_eq!(bench.take_runs(), ["GC a"]);
    assert_eq!(gc(&free).detached.len(), 1);
    assert!(bench.is_clean());
}
