//! What is undone, and with what, where plugins, books or disk go wrong.

use cni::Version;

use crate::testing::{Bench, container, free, plan, soon};

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
fn a_ledger_that_cannot_be_read_is_an_error_and_nothing_is_detached_without_it() {
    let mut bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.take_runs();
    bench.disk_dead = true;
    let error = bench.del("c1").unwrap_err();
    assert!(
        error.to_string().starts_with("cannot read the ledger: "),
        "{error}"
    );
    assert!(bench.take_runs().is_empty());
}

#[test]
fn an_add_that_failed_is_undone_with_what_it_made_and_not_with_an_older_result() {
    // cni-runtime #82
    let bench = Bench::default();
    bench.add(&plan(&["a"])).unwrap();
    bench.ledgers.borrow_mut().clear();
    bench.fail("ADD a eth0", 100);
    bench.add(&plan(&["a"])).unwrap_err();
    let requests = bench.requests.borrow();
    let (run, undo) = requests.last().unwrap();
    assert_eq!(run, "DEL a eth0");
    assert!(undo.get("prevResult").is_none(), "{undo}");
}

#[test]
fn a_plugin_that_refuses_the_version_made_nothing_and_leaves_nothing_to_undo() {
    let bench = Bench::default();
    bench.fail("ADD b net1", 1);
    bench.fail("DEL b net1", 1);
    let error = bench.add(&plan(&["a", "b"])).unwrap_err();
    assert_eq!(error.code(), 1);
    assert!(!error.to_string().contains("not undone"), "{error}");
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}

#[test]
fn a_plugin_that_refuses_the_version_with_del_alone_may_have_made_something() {
    let bench = Bench::default();
    bench.fail("ADD a eth0", 100);
    bench.fail("DEL a eth0", 1);
    bench.fail("DEL a eth0 (gone)", 1);
    let error = bench.add(&plan(&["a"])).unwrap_err();
    assert!(error.to_string().contains("not undone"), "{error}");
    assert_eq!(bench.ledgers.borrow().len(), 1);
}

/// Two networks, of which the second has its addresses from a plugin.
fn with_ipam(ipam: &str) -> plan::Plan {
    let mut plan = plan(&["a", "b"]);
    let text =
        format!(r#"{{"cniVersion":"1.0.0","name":"b","type":"b","ipam":{{"type":"{ipam}"}}}}"#);
    plan.attachments[1].conf = cni::NetworkConf::parse(text.as_bytes()).unwrap();
    plan
}

#[test]
fn what_failed_for_want_of_its_ipam_plugin_is_undone_without_it() {
    let mut bench = Bench::default();
    bench.missing_plugins.insert("gone".to_owned());
    let error = bench.add(&with_ipam("gone")).unwrap_err();
    assert!(
        error.to_string().contains("failed to find plugin \"gone\""),
        "{error}"
    );
    assert!(!error.to_string().contains("not undone"), "{error}");
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}

#[test]
fn what_an_ipam_plugin_gave_is_kept_in_mind_where_the_plugin_is_gone() {
    let mut bench = Bench::default();
    bench.add(&with_ipam("late")).unwrap();
    bench.missing_plugins.insert("late".to_owned());
    assert!(bench.del("c1").is_err());
    assert_eq!(bench.ledgers.borrow().len(), 1);
    // The same where another plugin is what the ADD failed over.
    let mut bench = Bench::default();
    bench.fail("ADD b net1", 100);
    bench.missing_plugins.insert("late".to_owned());
    let error = bench.add(&with_ipam("late")).unwrap_err();
    assert!(error.to_string().contains("not undone"), "{error}");
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
fn a_ledger_that_does_not_come_to_the_disk_undoes_everything_and_no_status_is_written() {
    // Q8
    let bench = Bench {
        disk_broken: true,
        ..Bench::default()
    };
    let mut told = 0;
    let mut commit = |_: &crate::Attached, _: &mut dyn FnMut()| {
        told += 1;
        Ok(())
    };
    let (container, undo) = (container("c1"), std::time::Duration::from_secs(5));
    let error = bench
        .with(|engine| {
            let plan = plan(&["a", "b"]);
            engine.add(
                &container,
                &plan,
                Version::V1_0_0,
                soon(),
                undo,
                &mut commit,
            )
        })
        .unwrap_err();
    assert_eq!((error.code(), told), (5, 0));
    let text = error.to_string();
    assert!(text.starts_with("cannot sync the ledger: "), "{text}");
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
}

#[test]
fn a_status_that_may_be_written_behind_stands_in_the_ledger_before_anybody_is_told() {
    let bench = Bench::default();
    let mut plan = plan(&["a"]);
    plan.owes_status = true;
    plan.earlier_status = Some("[]".to_owned());
    let owed = |bench: &Bench| {
        let ledgers = bench.ledgers.borrow();
        let debtor = crate::Debtor::read(ledgers.values().next()?)?;
        Some((debtor.pod.uid, debtor.status?))
    };
    let (container, undo) = (container("c1"), std::time::Duration::from_secs(5));
    let add = |answer: Result<(), crate::Unwritten>| {
        let mut commit = |attached: &crate::Attached, _: &mut dyn FnMut()| {
            assert!(attached.is_status_owed);
            let (uid, status) = owed(&bench).unwrap();
            assert_eq!(uid, "u");
            let text = npwg::status::render(&attached.statuses).unwrap();
            assert_eq!(status.text, text);
            assert_eq!(status.earlier.as_deref(), Some("[]"));
            answer.clone()
        };
        let version = Version::V1_0_0;
        bench.with(|engine| engine.add(&container, &plan, version, soon(), undo, &mut commit))
    };

    let error = add(Err(crate::Unwritten::new(&"no", 7))).unwrap_err();
    assert_eq!(error.code(), 7);
    assert!(bench.is_clean());

    add(Ok(())).unwrap();
    assert!(owed(&bench).is_some());
    bench.fail("DEL a eth0", 100);
    bench.del("c1").unwrap_err();
    assert_eq!(bench.ledgers.borrow().len(), 1);
    assert_eq!(owed(&bench), None, "what is detached owes nothing");
}

#[test]
fn where_the_ledger_fails_after_attaching_what_is_not_undone_is_named() {
    let bench = Bench {
        disk_broken: true,
        ..Bench::default()
    };
    bench.fail("DEL b net1", 100);
    let text = bench.add(&plan(&["a", "b"])).unwrap_err().to_string();
    assert!(
        text.starts_with("cannot sync the ledger: ")
            && text.contains("not undone, kept in the ledger: network \"b\""),
        "{text}"
    );
    assert_eq!(bench.ledgers.borrow().len(), 1);
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

#[test]
fn a_result_that_cannot_be_stored_while_the_next_one_is_made_fails_the_add_and_both_get_theirs_with_del()
 {
    // cni-runtime #104, B4.126
    let bench = Bench {
        unstorable: ["a-c1-eth0".to_owned()].into(),
        ..Bench::default()
    };
    let error = bench.add(&plan(&["a", "b", "c"])).unwrap_err();
    assert_eq!((error.code(), error.network()), (5, Some("a")));
    let text = error.to_string();
    assert!(
        text.contains("failed to set network \"a\" cached result"),
        "{text}"
    );
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL b net1", "DEL a eth0"]
    );
    for (run, request) in bench.requests.borrow().iter().skip(2).take(2) {
        assert!(request["prevResult"]["ips"].is_array(), "{run}");
    }
    assert!(bench.is_clean());
}

#[test]
fn what_comes_after_a_result_that_cannot_be_stored_is_undone_by_what_it_failed_over_itself() {
    // cni-runtime #82
    let unstorable = || ["a-c1-eth0".to_owned()].into();
    let bench = Bench {
        unstorable: unstorable(),
        unstartable: ["ADD b net1".to_owned()].into(),
        ..Bench::default()
    };
    assert_eq!(
        bench.add(&plan(&["a", "b"])).unwrap_err().network(),
        Some("a")
    );
    assert_eq!(
        bench.take_runs(),
        ["ADD a eth0", "ADD b net1", "DEL a eth0"]
    );
    assert!(bench.is_clean());
    // What cannot be undone stays in the ledger.
    let bench = Bench {
        unstorable: unstorable(),
        ..Bench::default()
    };
    bench.fail("DEL b net1", 100);
    bench.fail("DEL b net1 (gone)", 100);
    let text = bench.add(&plan(&["a", "b", "c"])).unwrap_err().to_string();
    assert!(
        text.contains("not undone, kept in the ledger: network \"b\""),
        "{text}"
    );
    assert_eq!(bench.ledgers.borrow().len(), 1);
    assert!(bench.cache.borrow().is_empty());
}

#[test]
fn every_result_is_in_the_cache_before_the_status_is_written() {
    // B4.126
    let bench = Bench::default();
    let mut commit = |_: &crate::Attached, _: &mut dyn FnMut()| {
        let cache = bench.cache.borrow();
        let names: Vec<&str> = cache.keys().map(String::as_str).collect();
        assert_eq!(names, ["a-c1-eth0", "b-c1-net1", "c-c1-net2"]);
        Ok(())
    };
    let (container, undo) = (container("c1"), std::time::Duration::from_secs(5));
    let plan = plan(&["a", "b", "c"]);
    let version = Version::V1_0_0;
    bench
        .with(|engine| engine.add(&container, &plan, version, soon(), undo, &mut commit))
        .unwrap();
    bench.del("c1").unwrap();
    assert!(bench.is_clean());
}

#[test]
fn the_result_of_one_whose_successor_cannot_be_started_is_stored_all_the_same() {
    let bench = Bench {
        unstartable: ["ADD b net1".to_owned()].into(),
        ..Bench::default()
    };
    bench.add(&plan(&["a", "b"])).unwrap_err();
    let requests = bench.requests.borrow();
    let (_, del) = requests
        .iter()
        .find(|(run, _)| run == "DEL a eth0")
        .unwrap();
    assert!(del["prevResult"]["ips"].is_array());
    assert!(bench.is_clean());
}

#[test]
fn who_waits_for_an_answer_may_bring_the_ledger_to_its_end_and_nobody_else_does_it_again() {
    let bench = Bench::default();
    let phase = || {
        let ledgers = bench.ledgers.borrow();
        let document: serde_json::Value =
            serde_json::from_slice(ledgers.values().next().unwrap()).unwrap();
        document.to_string()
    };
    let (container, undo) = (container("c1"), std::time::Duration::from_secs(5));
    let plan = plan(&["a"]);
    let version = Version::V1_0_0;
    let mut states = Vec::new();
    let mut commit = |_: &crate::Attached, meanwhile: &mut dyn FnMut()| {
        states.push(phase());
        meanwhile();
        states.push(phase());
        meanwhile();
        Ok(())
    };
    bench
        .with(|engine| engine.add(&container, &plan, version, soon(), undo, &mut commit))
        .unwrap();
    states.push(phase());
    assert_ne!(states[0], states[1]);
    assert_eq!(states[1], states[2]);
    // Who refuses after that leaves nothing all the same.
    let mut refuse = |_: &crate::Attached, meanwhile: &mut dyn FnMut()| {
        meanwhile();
        Err(crate::Unwritten::new(&"no", 11))
    };
    bench.del("c1").unwrap();
    bench
        .with(|engine| engine.add(&container, &plan, version, soon(), undo, &mut refuse))
        .unwrap_err();
    assert!(bench.is_clean());
}
