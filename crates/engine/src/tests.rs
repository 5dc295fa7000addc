//! The engine's rules, over doubles of its ports.

use std::time::Duration;

use cni::Version;
use plan::{PodArgs, RuntimeConfig};
use serde_json::Value;

use crate::testing::{Bench, container, plan, soon};
use crate::{Container, EngineError, Remembered};

mod faults;
mod gc;
mod odd;
mod time;

#[test]
fn delegates_run_in_order_and_are_detached_in_reverse() {
    // B4.28, B4.105, T3.2
    let bench = Bench::default();
    let attached = bench.add(&plan(&["a", "b", "c"])).unwrap();
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "ADD c net2"]
    );
    assert_eq!(attached.statuses.len(), 3);
    assert!(attached.statuses[0].default && !attached.statuses[1].default);
    bench.del("c1").unwrap();
    assert_eq!(
        bench.take_runs(),
        ["DEL c net2", "DEL b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}

#[test]
fn a_failure_undoes_what_was_begun_and_nothing_else() {
    // B4.30, B4.31, T3.6, Q8
    let bench = Bench::default();
    bench.fail("ADD b net1", 100);
    let error = bench.add(&plan(&["a", "b", "c"])).unwrap_err();
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    assert!(
        error
            .to_string()
            .contains("error adding container to network \"b\""),
        "{error}"
    );
    assert_eq!((error.code(), error.network()), (100, Some("b")));
    assert!(bench.is_clean());
}

#[test]
fn what_cannot_be_undone_stays_in_the_ledger_until_a_del_succeeds() {
    let bench = Bench::default();
    bench.fail("ADD b net1", 3);
    bench.fail("DEL a eth0", 11);
    let error = bench.add(&plan(&["a", "b"])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("not undone, kept in the ledger: network \"a\""),
        "{error}"
    );
    assert_eq!(
        error.code(),
        999,
        "3 would tell the runtime that there is nothing to delete"
    );
    bench.take_runs();
    assert_eq!(bench.del("c1").unwrap_err().code(), 11);
    assert_eq!(bench.take_runs(), ["DEL a eth0"]);
    bench.failing.borrow_mut().clear();
    bench.del("c1").unwrap();
    assert!(bench.is_clean());
}

#[test]
fn one_failing_del_does_not_keep_the_others_from_it() {
    // B4.105, MN-102
    let bench = Bench::default();
    bench.add(&plan(&["a", "b", "c"])).unwrap();
    bench.take_runs();
    bench.fail("DEL b net1", 100);
    let error = bench.del("c1").unwrap_err();
    assert_eq!(
        bench.take_runs(),
        ["DEL c net2", "DEL b net1", "DEL a eth0"]
    );
    assert!(
        error.to_string().contains("network \"b\", interface net1"),
        "{error}"
    );
    let left: Value = serde_json::from_slice(&bench.ledgers.borrow()["c1"]).unwrap();
    assert_eq!(left.as_array().unwrap().len(), 1);
    assert_eq!(
        left[0]["ifnameRequest"], "net1",
        "upstream names by place, and the places have changed"
    );
}

#[test]
fn what_can_be_refused_is_refused_before_anything_runs() {
    // B4.40, cni-runtime #24, #104
    let mut bench = Bench::default();
    bench.missing_plugins.insert("type-b".into());
    let error = bench.add(&plan(&["a", "b"])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed to find plugin \"type-b\""),
        "{error}"
    );
    bench.missing_plugins.clear();
    bench.existing.push("net1".into());
    let error = bench.add(&plan(&["a", "b"])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("interface name net1 already exists"),
        "{error}"
    );
    bench.existing.clear();
    bench.disk_full = true;
    assert!(matches!(
        bench.add(&plan(&["a", "b"])),
        Err(EngineError::Ledger { .. })
    ));
    assert!(bench.take_runs().is_empty() && bench.is_clean());
}

#[test]
fn a_status_that_cannot_be_written_undoes_everything() {
    // Q8
    let bench = Bench::default();
    let refuse = &mut |_: &crate::Attached, _: &mut dyn FnMut()| {
        Err(crate::Unwritten::new(&"the API is down", 11))
    };
    let error = bench
        .with(|engine| {
            engine.add(
                &container("c1"),
                &plan(&["a", "b"]),
                Version::V1_0_0,
                soon(),
                Duration::from_secs(5),
                refuse,
            )
        })
        .unwrap_err();
    assert_eq!(error.code(), 11);
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}

#[test]
fn an_optional_attachment_that_fails_is_taken_down_alone() {
    let bench = Bench::default();
    let mut plan = plan(&["a", "b", "c"]);
    plan.attachments[1].requests.optional = true;
    bench.fail("ADD b net1", 100);
    let attached = bench.add(&plan).unwrap();
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "ADD c net2"]
    );
    assert_eq!((attached.statuses.len(), attached.failed.0.len()), (2, 1));
    bench.del("c1").unwrap();
    assert_eq!(bench.take_runs(), ["DEL c net2", "DEL a eth0"]);
    assert!(bench.is_clean());
}

#[test]
fn an_optional_attachment_that_cannot_be_taken_down_stays_in_the_ledger() {
    let bench = Bench::default();
    let mut plan = plan(&["a", "b", "c"]);
    plan.attachments[1].requests.optional = true;
    bench.fail("ADD b net1", 100);
    bench.fail("DEL b net1", 100);
    bench.fail("DEL b net1 (gone)", 100);
    bench.add(&plan).unwrap();
    bench.failing.borrow_mut().clear();
    bench.take_runs();
    bench.del("c1").unwrap();
    assert_eq!(
        bench.take_runs(),
        ["DEL c net2", "DEL b net1", "DEL a eth0"]
    );
}

#[test]
fn a_default_route_moves_in_kernel_result_status_and_cache() {
    // B4.83–B4.88
    let bench = Bench::default();
    let mut plan = plan(&["a", "b"]);
    for attachment in &mut plan.attachments {
        attachment.routes.remove_v4 = true;
    }
    plan.attachments[1].routes.add = vec!["10.0.0.254".parse().unwrap()];
    let attached = bench.add(&plan).unwrap();
    assert!(attached.result.routes.is_empty());
    assert!(attached.statuses[0].gateway.is_empty());
    assert_eq!(attached.statuses[1].gateway, ["10.0.0.254"]);
    let cached: Value = serde_json::from_slice(&bench.cache.borrow()["b-c1-net1"]).unwrap();
    assert_eq!(cached["result"]["routes"][0]["gw"], "10.0.0.254");
    assert_eq!(bench.routes.borrow().len(), 2);
}

#[test]
fn a_lost_or_broken_ledger_is_made_up_for_by_the_result_cache() {
    // Q26, user reports of leaked addresses after a power cut
    for broken in [
        None,
        Some(&b""[..]),
        Some(b"[]"),
        Some(b"[{\"Bytes\":\"!\"}]"),
    ] {
        let bench = Bench::default();
        bench.add(&plan(&["a", "b"])).unwrap();
        bench.take_runs();
        match broken {
            Some(bytes) => bench
                .ledgers
                .borrow_mut()
                .insert("c1".into(), bytes.to_vec()),
            None => bench.ledgers.borrow_mut().remove("c1"),
        };
        bench.del("c1").unwrap();
        assert_eq!(
            bench.take_runs(),
            ["DEL b net1", "DEL a eth0"],
            "{broken:?}"
        );
        assert!(bench.is_clean(), "{broken:?}");
    }
    assert!(Bench::default().del("unknown").is_ok());
}

#[test]
fn only_a_container_that_nobody_knows_can_be_on_the_primary_alone() {
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    assert!(!bench.del("c1").unwrap().is_unknown);
    bench.take_runs();
    assert!(bench.del("c1").unwrap().is_unknown);

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
    let primary = plan(&["primary"]).attachments[0].conf.clone();
    bench
        .with(|engine| engine.del_from_primary(&remembered, primary, soon()))
        .unwrap();
    assert_eq!(bench.take_runs(), ["DEL primary eth0"]);
    assert!(bench.is_clean());
}

#[test]
fn an_unfinished_add_is_undone_and_a_finished_one_is_in_the_way() {
    let bench = Bench::default();
    bench.add(&plan(&["a", "b"])).unwrap();
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
    let clear = || bench.with(|engine| engine.clear(&remembered, Duration::from_secs(5)));
    assert!(matches!(clear(), Err(EngineError::AlreadyAttached { .. })));
    let text = String::from_utf8(bench.ledgers.borrow()["c1"].clone()).unwrap();
    bench.ledgers.borrow_mut().insert(
        "c1".into(),
        text.replace("attached", "attaching").into_bytes(),
    );
    bench.take_runs();
    bench.fail("DEL b net1", 100);
    bench.fail("DEL b net1 (gone)", 100);
    assert!(matches!(clear(), Err(EngineError::LeftBehind(_))));
    bench.failing.borrow_mut().clear();
    bench.take_runs();
    clear().unwrap();
    assert_eq!(bench.take_runs(), ["DEL b net1"]);
    assert!(bench.is_clean());
}

#[test]
fn check_asks_every_attachment_and_wants_a_whole_one() {
    // Q13, B4.128
    let bench = Bench::default();
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
    let check = || bench.with(|engine| engine.check(&remembered, soon()));
    assert!(matches!(check(), Err(EngineError::NotAttached)));
    bench.add(&plan(&["a", "b"])).unwrap();
    bench.take_runs();
    check().unwrap();
    assert_eq!(bench.take_runs(), ["CHECK a eth0", "CHECK b net1"]);
    bench.fail("CHECK b net1", 100);
    assert_eq!(check().unwrap_err().code(), 100);
}

#[test]
fn a_dead_namespace_is_not_handed_to_plugins() {
    // cni-runtime #80
    let mut bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.dead = true;
    bench.take_runs();
    bench.del("c1").unwrap();
    assert_eq!(bench.take_runs(), ["DEL a eth0 (gone)"]);
    assert!(bench.is_clean());
}

#[test]
fn where_the_runtime_does_not_say_where_the_sandbox_is_the_ledger_does() {
    // B4.103, B4.105
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.take_runs();
    let container = Container {
        netns: String::new(),
        ..container("c1")
    };
    let (args, config) = (PodArgs::default(), RuntimeConfig::default());
    let remembered = Remembered {
        container: &container,
        args: &args,
        runtime_config: &config,
    };
    bench
        .with(|engine| engine.del(&remembered, soon()))
        .unwrap();
    assert_eq!(bench.take_runs(), ["DEL a eth0"]);
}

#[test]
fn a_plugin_that_insists_on_an_interface_that_never_was_is_told_that_the_sandbox_is_gone() {
    // cni-runtime #82: host-device fails on DEL without its device
    let bench = Bench::default();
    bench.fail("ADD b net1", 100);
    bench.fail("DEL b net1", 100);
    let error = bench.add(&plan(&["a", "b"])).unwrap_err();
    assert!(!error.to_string().contains("not undone"), "{error}");
    assert_eq!(
        bench.take_runs(),
        [
            "ADD a eth0",
            "ADD b net1",
            "DEL b net1",
            "DEL b net1 (gone)",
            "DEL a eth0"
        ]
    );
    assert!(bench.is_clean());
}

#[test]
fn each_attachment_is_told_of_when_it_begins_and_how_it_has_ended() {
    // B4.44, B4.110, B9.8
    let bench = Bench::default();
    let told = || bench.told.borrow_mut().drain(..).collect::<Vec<_>>();
    bench.add(&plan(&["a", "b"])).unwrap();
    let (a, b) = ("ADD ns/a eth0", "ADD ns/b net1");
    assert_eq!(
        told(),
        [a, &format!("{a} done"), b, &format!("{b} done")].map(str::to_owned)
    );
    bench.fail("DEL b net1", 100);
    bench.del("c1").unwrap_err();
    let (a, b) = ("DEL ns/a eth0", "DEL ns/b net1");
    assert_eq!(
        told(),
        [b, &format!("{b} failed"), a, &format!("{a} done")].map(str::to_owned)
    );

    let bench = Bench::default();
    let told = || bench.told.borrow_mut().drain(..).collect::<Vec<_>>();
    bench.fail("ADD a eth0", 100);
    bench.add(&plan(&["a", "b"])).unwrap_err();
    let (add, del) = ("ADD ns/a eth0", "DEL ns/a eth0");
    assert_eq!(
        told(),
        [add, &format!("{add} failed"), del, &format!("{del} done")].map(str::to_owned)
    );
}

#[test]
fn an_optional_network_without_its_plugin_is_left_out_for_good() {
    let mut bench = Bench::default();
    bench.missing_plugins.insert("type-b".into());
    let mut plan = plan(&["a", "b", "c"]);
    plan.attachments[1].requests.optional = true;
    let attached = bench.add(&plan).unwrap();
    assert_eq!((attached.statuses.len(), attached.failed.0.len()), (2, 1));
    assert_eq!(bench.take_runs(), ["ADD a eth0", "ADD c net2"]);
    bench.del("c1").unwrap();
    assert_eq!(bench.take_runs(), ["DEL c net2", "DEL a eth0"]);
    assert!(bench.is_clean());
}

#[test]
fn del_of_an_add_that_was_killed_does_not_fail_over_what_never_came_into_being() {
    // cni-runtime #82
    let bench = Bench::default();
    bench.add(&plan(&["a", "b"])).unwrap();
    let text = String::from_utf8(bench.ledgers.borrow()["c1"].clone()).unwrap();
    let unfinished = text.replace("attached", "attaching").into_bytes();
    bench.ledgers.borrow_mut().insert("c1".into(), unfinished);
    bench.fail("DEL b net1", 100);
    bench.take_runs();
    bench.del("c1").unwrap();
    assert_eq!(
        bench.take_runs(),
        ["DEL b net1", "DEL b net1 (gone)", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}
