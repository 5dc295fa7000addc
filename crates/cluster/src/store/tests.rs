use std::time::Duration;

use npwg::Definition;
use plan::Pod;
use serde_json::{Value, json};
use tokio::task::{spawn, yield_now};

use super::*;
use crate::definition;
use crate::testing::block_on;

fn put<V: Object>(store: &Store<V>, object: &Value) {
    let text = object.to_string();
    let content = serde_json::from_str::<V::Document>(&text).ok();
    let identity = Identity::parse(text.as_bytes()).unwrap();
    store.put(&identity, content.map(V::from));
}

fn remove<V: Object>(store: &Store<V>, object: &Value) {
    store.remove(&Identity::parse(object.to_string().as_bytes()).unwrap());
}

fn pod(name: &str, uid: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "uid": uid, "resourceVersion": "1"}})
}

/// A definition with a configuration of so many bytes.
fn net(name: &str, version: u64, length: usize) -> Value {
    json!({
        "metadata": {"namespace": "shop", "name": name, "resourceVersion": version.to_string()},
        "spec": {"config": "x".repeat(length)},
    })
}

fn parsed(object: &Value) -> Arc<Definition> {
    let document = serde_json::from_str::<definition::Document>(&object.to_string());
    Arc::new(document.unwrap().into())
}

/// Which of the definitions a, b, … have their content here.
fn kept(store: &Store<Definition>, names: &[&'static str]) -> Vec<&'static str> {
    let is_kept = |name: &&&str| matches!(store.get("shop", name), Lookup::Known(_));
    names.iter().filter(is_kept).copied().collect()
}

#[test]
fn nothing_is_absent_before_the_first_list_is_at_its_end() {
    let store = Store::<Pod>::new(usize::MAX);
    assert_eq!(store.get("shop", "web"), Lookup::Unsynced);
    store.begin_list();
    put(&store, &pod("web", "u-1"));
    assert!(matches!(store.get("shop", "web"), Lookup::Known(_)));
    assert_eq!(store.get("shop", "db"), Lookup::Unsynced);
    assert!(!store.progress().synced);
    assert_eq!(store.finish_list(), 1);
    assert_eq!(store.get("shop", "db"), Lookup::Absent);
    assert!(store.progress().synced);
}

#[test]
fn a_list_ends_what_it_does_not_hold_and_only_at_its_own_end() {
    let store = Store::<Pod>::new(usize::MAX);
    store.begin_list();
    put(&store, &pod("a", "u-1"));
    put(&store, &pod("b", "u-2"));
    store.finish_list();
    put(&store, &pod("c", "u-3"));
    // One that breaks off has told nothing of what it did not come to.
    store.begin_list();
    put(&store, &pod("b", "u-2"));
    assert!(matches!(store.get("shop", "a"), Lookup::Known(_)));
    store.begin_list();
    put(&store, &pod("b", "u-4"));
    store.finish_list();
    assert_eq!(store.get("shop", "a"), Lookup::Absent);
    assert_eq!(store.get("shop", "c"), Lookup::Absent);
    assert!(matches!(store.get("shop", "b"), Lookup::Known(pod) if pod.reference.uid == "u-4"));
    assert_eq!(store.progress().objects, 1);
}

#[test]
fn objects_come_change_and_go() {
    let store = Store::<Pod>::new(usize::MAX);
    store.begin_list();
    store.finish_list();
    let empty = store.progress();
    assert_eq!((empty.objects, empty.bytes), (0, 0));
    put(&store, &pod("web", "u-1"));
    let one = store.progress().bytes;
    put(&store, &pod("web", "u-2"));
    assert!(matches!(store.get("shop", "web"), Lookup::Known(pod) if pod.reference.uid == "u-2"));
    assert_eq!(store.progress().bytes, one);
    remove(&store, &pod("web", "u-2"));
    assert_eq!(store.get("shop", "web"), Lookup::Absent);
    assert_eq!(store.progress().bytes, 0);
    remove(&store, &pod("web", "u-2"));
    assert_eq!(store.progress().unreadable, 0);
}

#[test]
fn an_object_that_cannot_be_read_is_known_to_exist() {
    let store = Store::<Definition>::new(usize::MAX);
    store.begin_list();
    put(
        &store,
        &json!({"metadata": {"namespace": "shop", "name": "odd"}, "spec": {"config": {}}}),
    );
    put(&store, &net("net", 1, 10));
    store.finish_list();
    assert_eq!(store.get("shop", "odd"), Lookup::Unread);
    assert!(matches!(store.get("shop", "net"), Lookup::Known(_)));
    let progress = store.progress();
    assert_eq!((progress.objects, progress.unreadable), (2, 1));
}

#[test]
fn contents_beyond_the_bound_are_not_kept() {
    let weight = parsed(&net("a", 1, 1000)).weight();
    let store = Store::<Definition>::new(2 * weight);
    store.begin_list();
    for name in ["a", "b", "c"] {
        put(&store, &net(name, 1, 1000));
    }
    store.finish_list();
    assert_eq!(kept(&store, &["a", "b", "c"]), ["a", "b"]);
    assert_eq!(store.get("shop", "c"), Lookup::Unread);
    let progress = store.progress();
    assert_eq!((progress.objects, progress.bytes), (3, 2 * weight));
    // What is gone, or became smaller, leaves its place to others.
    remove(&store, &net("a", 1, 0));
    put(&store, &net("c", 2, 1000));
    assert_eq!(kept(&store, &["b", "c"]), ["b", "c"]);
    // A new content that does not fit takes the old one with it: nobody is answered with what was.
    put(&store, &net("b", 2, 5000));
    assert_eq!(store.get("shop", "b"), Lookup::Unread);
}

#[test]
fn what_was_read_takes_the_place_of_what_nobody_asked_for() {
    let read = net("c", 7, 1000);
    let weight = parsed(&read).weight();
    let store = Store::<Definition>::new(2 * weight);
    store.begin_list();
    for name in ["a", "b"] {
        put(&store, &net(name, 1, 1000));
    }
    put(&store, &net("c", 7, 1000));
    store.finish_list();
    assert!(matches!(store.get("shop", "a"), Lookup::Known(_)));
    store.keep("shop", "c", 7, &parsed(&read));
    assert_eq!(kept(&store, &["a", "b", "c"]), ["a", "c"]);
    assert_eq!(store.progress().bytes, 2 * weight);
}

#[test]
fn what_was_read_is_kept_only_where_the_watch_knows_that_version() {
    let store = Store::<Definition>::new(3000);
    store.begin_list();
    put(&store, &net("a", 7, 5000));
    store.finish_list();
    let read = parsed(&net("a", 7, 100));
    for version in [6, 8, 0] {
        store.keep("shop", "a", version, &read);
        assert_eq!(store.get("shop", "a"), Lookup::Unread, "{version}");
    }
    store.keep("shop", "gone", 7, &read);
    assert_eq!(store.get("shop", "gone"), Lookup::Absent);
    store.keep("shop", "a", 7, &parsed(&net("a", 7, 5000)));
    assert_eq!(store.get("shop", "a"), Lookup::Unread, "more than all");
    store.keep("shop", "a", 7, &read);
    assert!(matches!(store.get("shop", "a"), Lookup::Known(_)));
}

#[test]
fn who_waits_for_a_pod_is_told_when_it_appears() {
    block_on(async {
        let store = Arc::new(Store::<Pod>::new(usize::MAX));
        let deadline = Instant::now() + Duration::from_secs(60);
        let waiting = {
            let store = Arc::clone(&store);
            spawn(async move {
                let accept = |pod: &Pod| pod.reference.uid == "u-2";
                store.wait("shop", "web", accept, deadline).await
            })
        };
        yield_now().await;
        put(&store, &pod("web", "u-1"));
        yield_now().await;
        assert!(!waiting.is_finished());
        put(&store, &pod("web", "u-2"));
        assert_eq!(waiting.await.unwrap().unwrap().reference.uid, "u-2");
    });
}

#[test]
fn waiting_ends_at_the_deadline() {
    block_on(async {
        let store = Store::<Pod>::new(usize::MAX);
        let soon = || Instant::now() + Duration::from_millis(20);
        assert_eq!(store.wait("shop", "web", |_| true, soon()).await, None);
        assert!(!store.synced(soon()).await);
        store.begin_list();
        store.finish_list();
        assert!(store.synced(Instant::now()).await);
    });
}

#[test]
fn what_is_taken_makes_room_for_what_comes() {
    let size = parsed(&net("a", 1, 100)).weight();
    let store = Store::<Definition>::new(2 * size);
    for name in ["a", "b", "c"] {
        put(&store, &net(name, 1, 100));
    }
    let (taken, are_there_more) = store.take();
    assert_eq!((taken.len(), are_there_more), (2, true));
    assert_eq!((store.progress().bytes, store.progress().objects), (0, 1));
    // It changes, or a list tells of it again.
    put(&store, &net("c", 2, 100));
    let (taken, are_there_more) = store.take();
    assert_eq!((taken.len(), are_there_more), (1, false));
    assert_eq!(taken[0].name, "c");
    assert!(store.take().0.is_empty());
}
