//! Watches that cannot go on.

use super::*;

#[test]
fn a_version_that_the_server_does_not_have_means_a_new_list() {
    let gone = || status(410, "Expired", "too old resource version: 9 (12)");
    let future = "Too large resource version: 9, current: 5";
    let cases = [
        (
            "in the middle",
            Answer::Watch(vec![bookmark(9), change("ERROR", gone())], Then::End),
        ),
        ("at once", Answer::Http(410, "", gone().to_string())),
        (
            "from a future that is lost",
            Answer::status(504, "Timeout", future),
        ),
    ];
    block_on(async {
        for (name, answer) in cases {
            let scene = pods(vec![
                list(9, &[pod("a", 1)]),
                answer,
                list(20, &[pod("b", 2)]),
                Answer::Watch(Vec::new(), Then::Silence),
            ]);
            let lines = scene.asked(4).await;
            assert_eq!(lines[2], LIST, "{name}");
            assert_watch(&lines[3], 20);
            scene.gets("b").await;
            assert_eq!(scene.store.get("shop", "a"), Lookup::Absent, "{name}");
            // That is how it is meant to be.
            assert_eq!(scene.store.progress().failures, 0, "{name}");
        }
    });
}

#[test]
fn a_list_whose_pages_expire_begins_again() {
    block_on(async {
        let scene = pods(vec![
            page(9, "abc", &[pod("a", 1)]),
            Answer::status(410, "Expired", "the provided continue parameter is too old"),
            list(20, &[pod("b", 2)]),
            Answer::Watch(Vec::new(), Then::Silence),
        ]);
        let lines = scene.asked(4).await;
        assert_eq!(lines[2], LIST);
        scene.gets("b").await;
        assert_eq!(scene.store.get("shop", "a"), Lookup::Absent);
    });
}

#[test]
fn a_watch_that_fell_silent_means_a_new_list() {
    block_on(async {
        let scene = Scene::<Pod>::new(
            Collection::pods(Some("node-1")).unwrap(),
            Duration::from_millis(200),
            vec![
                list(9, &[pod("a", 1)]),
                Answer::Watch(vec![bookmark(10)], Then::Silence),
                list(20, &[pod("b", 2)]),
            ],
        );
        let lines = scene.asked(3).await;
        assert_eq!(lines[2], LIST);
        scene.gets("b").await;
        let told = scene.told();
        assert!(
            told[1].starts_with("watch pods on node node-1 at 127.0.0.1:"),
            "{told:?}"
        );
        assert!(told[1].contains(": nothing heard for 0.2 s ("), "{told:?}");
    });
}

#[test]
fn an_api_whose_watches_do_not_work_is_listed_again_and_again() {
    block_on(async {
        let refused = || Answer::status(403, "Forbidden", "pods is forbidden: cannot watch");
        let scene = Scene::<Pod>::new(
            Collection::pods(Some("node-1")).unwrap(),
            // However short the watch did not work.
            Duration::ZERO,
            vec![
                list(9, &[pod("a", 1)]),
                refused(),
                list(20, &[pod("b", 2)]),
                refused(),
            ],
        );
        let lines = scene.asked(4).await;
        assert_watch(&lines[1], 9);
        assert_eq!(lines[2], LIST);
        assert_watch(&lines[3], 20);
        scene.gets("b").await;
        assert_eq!(scene.store.get("shop", "a"), Lookup::Absent);
    });
}

#[test]
fn a_watch_that_broke_goes_on_from_the_last_version() {
    block_on(async {
        let scene = pods(vec![
            list(9, &[]),
            Answer::Watch(vec![change("ADDED", pod("a", 12))], Then::Break),
            Answer::status(503, "ServiceUnavailable", "apiserver is shutting down"),
            Answer::Watch(vec![change("ADDED", pod("b", 13))], Then::Silence),
        ]);
        let lines = scene.asked(4).await;
        assert_watch(&lines[2], 12);
        assert_watch(&lines[3], 12);
        scene.gets("a").await;
        scene.gets("b").await;
        let progress = scene.store.progress();
        assert_eq!((progress.failures, progress.failure), (2, None));
    });
}

#[test]
fn a_line_that_cannot_be_read_means_a_new_list() {
    block_on(async {
        let scene = pods(vec![
            list(9, &[]),
            Answer::Watch(vec![json!("nonsense")], Then::Silence),
            list(20, &[]),
        ]);
        let lines = scene.asked(3).await;
        assert_eq!(lines[2], LIST);
        assert!(
            scene.told()[1].contains("read answer: "),
            "{:?}",
            scene.told()
        );
    });
}

#[test]
fn an_object_that_cannot_be_read_stops_no_other() {
    block_on(async {
        let odd = json!({"metadata": {"namespace": "shop", "name": "odd"}});
        let scene = pods(vec![
            list(9, &[odd.clone(), pod("a", 1)]),
            Answer::Watch(
                vec![change("ADDED", odd), change("ADDED", pod("b", 10))],
                Then::Silence,
            ),
        ]);
        scene.gets("b").await;
        // Nobody knows which of a page it is that cannot be read.
        for name in ["odd", "a"] {
            assert_eq!(scene.store.get("shop", name), Lookup::Unread, "{name}");
        }
        assert_eq!(scene.store.progress().unreadable, 3);
    });
}

#[test]
fn a_list_that_is_refused_is_told_and_nothing_is_absent() {
    block_on(async {
        let refused = Answer::status(403, "Forbidden", "pods is forbidden: cannot list");
        let scene = pods(vec![
            refused,
            list(9, &[]),
            Answer::Watch(Vec::new(), Then::Silence),
        ]);
        scene.until(|scene| !scene.told().is_empty()).await;
        assert_eq!(scene.store.get("shop", "a"), Lookup::Unsynced);
        let failure = scene.store.progress().failure.unwrap();
        assert!(
            failure.contains("403 Forbidden: pods is forbidden: cannot list"),
            "{failure}"
        );
        assert_eq!(scene.told(), [failure]);
        scene
            .until(|scene| scene.store.get("shop", "a") == Lookup::Absent)
            .await;
        assert_eq!(scene.store.progress().failure, None);
    });
}

#[test]
fn a_list_without_a_version_is_none() {
    block_on(async {
        let scene = pods(vec![Answer::ok(&json!({}))]);
        scene.until(|scene| !scene.told().is_empty()).await;
        assert_eq!(scene.store.get("shop", "a"), Lookup::Unsynced);
        let told = scene.told();
        assert!(
            told[0].ends_with("read answer: a list without resourceVersion"),
            "{told:?}"
        );
    });
}

#[test]
fn an_api_that_gives_no_list_is_told_at_once_and_not_when_all_time_for_it_is_over() {
    block_on(async {
        let busy = || Answer::status(503, "ServiceUnavailable", "not yet");
        let scene = pods(vec![
            busy(),
            busy(),
            list(9, &[pod("a", 1)]),
            Answer::Watch(Vec::new(), Then::Silence),
        ]);
        scene.gets("a").await;
        let waits = scene.told.1.lock().unwrap().clone();
        assert_eq!(waits.len(), 1, "{waits:?}");
        assert!(
            waits[0].starts_with("list pods on node node-1 at 127.0.0.1:"),
            "{waits:?}"
        );
        scene.until(|scene| scene.store.progress().synced).await;
        let progress = scene.store.progress();
        assert_eq!((progress.failure, progress.failures), (None, 0));
    });
}

#[test]
fn an_api_that_does_not_answer_is_told_while_it_is_waited_for() {
    block_on(async {
        let scene = pods(vec![Answer::Hang]);
        scene
            .until(|scene| scene.store.progress().failure.is_some())
            .await;
        let progress = scene.store.progress();
        let text = progress.failure.unwrap();
        assert!(
            text.contains(": no answer within 2.0 s (1 attempt in 2.0 s)"),
            "{text}"
        );
        assert_eq!(progress.failures, 0, "it may come yet");
    });
}
