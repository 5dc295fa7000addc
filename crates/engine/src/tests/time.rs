//! How much time each run is given.

use std::time::{Duration, Instant};

use cni::Version;
use plan::{Plan, PodArgs, RuntimeConfig};

use crate::testing::{Bench, container, free, plan};
use crate::{Attached, EngineError, Remembered, WriteStatus};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// ADD within an hour, and undo within a day.
fn add(bench: &Bench, plan: &Plan, commit: WriteStatus<'_>) -> Result<Attached, EngineError> {
    let deadline = Instant::now() + HOUR;
    bench.with(|engine| {
        engine.add(
            &container("c1"),
            plan,
            Version::V1_0_0,
            deadline,
            DAY,
            commit,
        )
    })
}

/// What was run since the last time, and how many minutes it was given.
fn minutes(bench: &Bench, since: Instant) -> Vec<(String, u64)> {
    let deadlines = bench.deadlines.borrow_mut().drain(..).collect::<Vec<_>>();
    let given = deadlines.iter().map(|deadline| {
        // A minute or two are the machine's.
        (deadline.saturating_duration_since(since).as_secs() + 150) / 300 * 5
    });
    bench.take_runs().into_iter().zip(given).collect()
}

fn expect(runs: &[(&str, u64)]) -> Vec<(String, u64)> {
    let own = runs.iter().map(|(run, given)| ((*run).to_owned(), *given));
    own.collect()
}

#[test]
fn an_optional_attachment_gets_a_share_and_the_others_all_that_is_left() {
    let (bench, begin) = (Bench::default(), Instant::now());
    let mut plan = plan(&["a", "b", "c"]);
    plan.attachments[1].requests.optional = true;
    add(&bench, &plan, &mut |_, _| Ok(())).unwrap();
    let expected = [("ADD a eth0", 60), ("ADD b net1", 20), ("ADD c net2", 60)];
    assert_eq!(minutes(&bench, begin), expect(&expected));
}

#[test]
fn undoing_has_time_of_its_own_in_equal_shares() {
    // Decided: undo 30 s on top of ADD
    let refuse = &mut |_: &Attached, _: &mut dyn FnMut()| Err(crate::Unwritten::new(&"no", 11));
    let (bench, begin) = (Bench::default(), Instant::now());
    add(&bench, &plan(&["a", "b", "c"]), refuse).unwrap_err();
    let undone = minutes(&bench, begin).split_off(3);
    let expected = [
        ("DEL c net2", 8 * 60),
        ("DEL b net1", 12 * 60),
        ("DEL a eth0", 24 * 60),
    ];
    assert_eq!(undone, expect(&expected));

    // One that failed may be tried twice, and leaves half of the time to that.
    bench.fail("ADD b net1", 100);
    add(&bench, &plan(&["a", "b"]), &mut |_, _| Ok(())).unwrap_err();
    let undone = minutes(&bench, begin).split_off(2);
    let expected = [("DEL b net1", 12 * 60), ("DEL a eth0", 24 * 60)];
    assert_eq!(undone, expect(&expected));

    let mut optional = plan(&["a", "b"]);
    optional.attachments[1].requests.optional = true;
    add(&bench, &optional, &mut |_, _| Ok(())).unwrap();
    let undone = minutes(&bench, begin).split_off(2);
    assert_eq!(undone, expect(&[("DEL b net1", 12 * 60)]));
}

#[test]
fn remains_of_an_earlier_add_are_undone_within_the_time_for_that() {
    for broken in [false, true] {
        let (bench, begin) = (Bench::default(), Instant::now());
        add(&bench, &plan(&["a", "b"]), &mut |_, _| Ok(())).unwrap();
        minutes(&bench, begin);
        let mut ledger = bench.ledgers.borrow()["c1"].clone();
        match broken {
            true => ledger.clear(),
            false => {
                let text = String::from_utf8(ledger).unwrap();
                ledger = text.replace("attached", "detaching").into_bytes();
            }
        }
        bench.ledgers.borrow_mut().insert("c1".into(), ledger);
        let (container, args, config) = (
            container("c1"),
            PodArgs::default(),
            RuntimeConfig::default(),
        );
        let remembered = Remembered {
            container: &container,
            args: &args,
            runtime_config: &config,
        };
        bench.with(|engine| engine.clear(&remembered, DAY)).unwrap();
        let expected = [("DEL b net1", 12 * 60), ("DEL a eth0", 24 * 60)];
        assert_eq!(minutes(&bench, begin), expect(&expected), "{broken}");
        assert!(bench.is_clean());
    }
}

#[test]
fn gc_gives_every_container_and_every_network_an_equal_share() {
    let (bench, begin) = (Bench::default(), Instant::now());
    for id in ["c1", "c2"] {
        bench.add_to(&container(id), &plan(&["a"])).unwrap();
    }
    minutes(&bench, begin);
    let valid = ["other".to_owned()];
    bench
        .with(|engine| engine.gc("multus", &valid, begin + HOUR, &free))
        .unwrap();
    let expected = [("DEL a eth0", 20), ("DEL a eth0", 30), ("GC a", 60)];
    assert_eq!(minutes(&bench, begin), expect(&expected));
}

/// GC within this time of so many containers that nobody lists, each with two networks, and what became of it.
fn gc_of(containers: usize, time: Duration, bench: &Bench) -> crate::GcReport {
    for number in 0..containers {
        let container = container(&format!("c{number:03}"));
        bench.add_to(&container, &plan(&["a", "b"])).unwrap();
    }
    bench.take_runs();
    bench.deadlines.borrow_mut().clear();
    let valid = ["other".to_owned()];
    let deadline = Instant::now() + time;
    let report = bench.with(|engine| engine.gc("multus", &valid, deadline, &free));
    report.unwrap()
}

#[test]
fn gc_gives_each_plugin_the_time_that_it_needs_however_many_containers_there_are() {
    // A node that was booted anew: every plugin would be killed before it came to anything.
    let (bench, begin) = (Bench::default(), Instant::now());
    let report = gc_of(70, Duration::from_secs(60), &bench);
    assert_eq!(report.detached.len(), 70);
    let given = bench.deadlines.borrow();
    let given = given.iter().map(|deadline| *deadline - begin);
    assert!(given.min().unwrap() >= Duration::from_secs(1));
}

#[test]
fn gc_begins_nothing_that_it_has_no_time_for_and_says_what_is_left() {
    let bench = Bench::default();
    let report = gc_of(3, Duration::from_secs(1), &bench);
    assert_eq!(report.detached.len(), 1);
    assert_eq!(
        report.failures.to_string(),
        "no time is left for 2 more containers, which the next GC detaches"
    );
    assert_eq!(report.failures.code(), 11);
    let runs = bench.take_runs();
    assert_eq!(runs, ["DEL b net1", "DEL a eth0", "GC a", "GC b"]);
    assert_eq!(bench.ledgers.borrow().len(), 2);
}

#[test]
fn the_next_gc_begins_with_what_nobody_has_tried() {
    let bench = Bench::default();
    bench.fail("DEL a eth0", 100);
    assert_eq!(gc_of(1, HOUR, &bench).failures.0.len(), 1);
    bench.add_to(&container("d1"), &plan(&["b"])).unwrap();
    bench.take_runs();
    bench.gc(&["other"]);
    assert_eq!(
        bench.take_runs(),
        ["DEL b eth0", "DEL a eth0", "GC a", "GC b"]
    );
}

#[test]
fn of_thousands_of_failures_the_first_are_told() {
    let bench = Bench::default();
    bench.fail("DEL a eth0", 100);
    let text = gc_of(40, HOUR, &bench).failures.to_string();
    assert_eq!(text.matches("as scripted").count(), 16);
    assert!(text.ends_with(" / and 24 more"), "{text}");
}
