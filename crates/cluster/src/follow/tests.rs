use std::sync::{Arc, Mutex};
use std::time::Duration;

use npwg::Definition;
use plan::Pod;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::*;
use crate::live::{Limits, Live};
use crate::store::Lookup;
use crate::testing::{Answer, Server, Then, block_on, status};
use crate::watches::follow;

mod broken;

const LIMITS: Limits = Limits {
    request: Duration::from_secs(60),
    answer: 100_000,
};

/// What an observer was told, and what of lists that did not come so far.
#[derive(Default)]
struct Told(Mutex<Vec<String>>, Mutex<Vec<String>>);

impl Observer for Told {
    fn listed(&self, what: &str, objects: usize) {
        self.0.lock().unwrap().push(format!("{objects} {what}"));
    }

    fn waits(&self, error: &ClusterError) {
        self.1.lock().unwrap().push(error.to_string());
    }

    fn failed(&self, error: &ClusterError, _pause: Duration) {
        self.0.lock().unwrap().push(error.to_string());
    }
}

/// A watch of a server with this script.
struct Scene<V> {
    server: Server,
    store: Arc<Store<V>>,
    told: Arc<Told>,
}

impl<V: Object + Send + Sync + 'static> Scene<V> {
    /// Must be called inside a runtime.
    fn new(collection: Collection, silence: Duration, script: Vec<Answer>) -> Self {
        let server = Server::plain(script);
        let directory = tempfile::tempdir().unwrap();
        let path = server.kubeconfig(directory.path(), "token: t0", "");
        let live = Live::from_kubeconfig(&path, LIMITS, &Handle::current()).unwrap();
        let (store, told) = (Arc::new(Store::new(usize::MAX)), Arc::<Told>::default());
        let observer: Arc<dyn Observer> = Arc::clone(&told) as _;
        follow(&Arc::new(live), collection, &store, silence, &observer);
        Self {
            server,
            store,
            told,
        }
    }

    /// Waits until something is so; the machine may be busy.
    async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while Instant::now() < end {
            if is_so(self) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("asked {:?}, told {:?}", self.server.lines(), self.told());
    }

    /// Waits until the server was asked so often.
    async fn asked(&self, times: usize) -> Vec<String> {
        self.until(|scene| scene.server.lines().len() >= times)
            .await;
        self.server.lines()
    }

    /// Waits until an object is known.
    async fn gets(&self, name: &str) {
        self.until(|scene| scene.has(name)).await;
    }

    fn told(&self) -> Vec<String> {
        self.told.0.lock().unwrap().clone()
    }

    fn has(&self, name: &str) -> bool {
        matches!(self.store.get("shop", name), Lookup::Known(_))
    }
}

fn pods(script: Vec<Answer>) -> Scene<Pod> {
    let collection = Collection::pods(Some("node-1")).unwrap();
    Scene::new(collection, Duration::from_secs(60), script)
}

fn pod(name: &str, version: u32) -> Value {
    json!({"metadata": {"namespace": "shop", "name": name, "uid": format!("u-{name}"),
        "resourceVersion": version.to_string(), "managedFields": [{"fieldsV1": {"f:spec": {}}}]},
        "spec": {"nodeName": "node-1", "containers": [{"name": "c"}]}})
}

fn list(version: u32, items: &[Value]) -> Answer {
    page(version, "", items)
}

fn page(version: u32, next: &str, items: &[Value]) -> Answer {
    Answer::ok(
        &json!({"kind": "PodList", "metadata": {"resourceVersion": version.to_string(), "continue": next},
        "items": items}),
    )
}

fn change(kind: &str, object: Value) -> Value {
    json!({"type": kind, "object": object})
}

fn bookmark(version: u32) -> Value {
    let metadata = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
    change("BOOKMARK", json!({"kind": "Pod", "metadata": metadata}))
}

const LIST: &str = "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=100";

/// Whether this is a watch from this version.
#[track_caller]
fn assert_watch(line: &str, version: u32) {
    let start = "GET /api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&watch=true&allowWatchBookmarks=true&timeoutSeconds=2";
    assert!(line.starts_with(start), "{line}");
    let end = format!("&resourceVersion={version}");
    assert!(line.ends_with(&end), "{line}");
}

#[test]
fn objects_are_listed_page_by_page_and_watched_from_there() {
    block_on(async {
        let changes = vec![
            change("ADDED", pod("c", 10)),
            change("DELETED", pod("a", 11)),
            change("MODIFIED", pod("b", 12)),
        ];
        let scene = pods(vec![
            page(9, "abc==", &[pod("a", 1)]),
            page(9, "", &[pod("b", 2)]),
            Answer::Watch(changes, Then::Silence),
        ]);
        let lines = scene.asked(3).await;
        assert_eq!(lines[0], LIST);
        assert_eq!(lines[1], format!("{LIST}&continue=abc%3D%3D"));
        assert_watch(&lines[2], 9);
        scene.gets("c").await;
        scene
            .until(|scene| scene.store.get("shop", "a") == Lookup::Absent)
            .await;
        assert!(scene.has("b"));
        assert_eq!(scene.told(), ["2 pods on node node-1"]);
        let progress = scene.store.progress();
        assert_eq!((progress.lists, progress.watches), (1, 1));
        assert_eq!((progress.failures, progress.failure), (0, None));
    });
}

#[test]
fn a_watch_that_ends_goes_on_from_the_last_version() {
    block_on(async {
        let scene = pods(vec![
            list(9, &[]),
            Answer::Watch(vec![change("ADDED", pod("a", 12))], Then::End),
            Answer::Watch(vec![bookmark(15)], Then::End),
            Answer::Watch(vec![change("ADDED", pod("b", 16))], Then::Silence),
        ]);
        let lines = scene.asked(4).await;
        assert_watch(&lines[1], 9);
        assert_watch(&lines[2], 12);
        assert_watch(&lines[3], 15);
        scene.gets("a").await;
        scene.gets("b").await;
        assert_eq!(scene.store.progress().failures, 0);
    });
}

#[test]
fn until_the_list_is_at_its_end_a_pod_is_not_absent() {
    block_on(async {
        let scene = pods(vec![page(9, "abc", &[pod("a", 1)]), Answer::Hang]);
        scene.gets("a").await;
        scene.asked(2).await;
        assert_eq!(scene.store.get("shop", "b"), Lookup::Unsynced);
        assert_eq!(scene.told(), Vec::<String>::new());
    });
}

#[test]
fn an_api_without_the_crd_has_no_definitions() {
    block_on(async {
        let bare = Answer::Http(404, "", "404 page not found\n".into());
        let found =
            json!({"metadata": {"namespace": "shop", "name": "net", "resourceVersion": "3"}});
        let scene: Scene<Definition> = Scene::new(
            Collection::definitions(),
            Duration::from_secs(60),
            vec![
                bare,
                list(9, &[found]),
                Answer::Watch(Vec::new(), Then::Silence),
            ],
        );
        scene
            .until(|scene| scene.store.get("shop", "net") == Lookup::Absent)
            .await;
        assert_eq!(scene.store.progress().failures, 0);
        // Until somebody installs it.
        scene.gets("net").await;
    });
}

#[test]
fn pages_that_are_too_long_are_asked_for_in_parts() {
    block_on(async {
        let long = Answer::Http(200, "", " ".repeat(LIMITS.answer + 1));
        let scene = pods(vec![
            long.clone(),
            page(9, "abc", &[pod("a", 1)]),
            long,
            list(9, &[pod("b", 2)]),
            Answer::Watch(Vec::new(), Then::Silence),
        ]);
        let lines = scene.asked(5).await;
        let half = LIST.replace("100", "50");
        assert_eq!(lines[1], half);
        assert_eq!(lines[2], format!("{half}&continue=abc"));
        assert_eq!(
            lines[3],
            format!("{}&continue=abc", LIST.replace("100", "25"))
        );
        scene.gets("a").await;
        scene.gets("b").await;
    });
}
