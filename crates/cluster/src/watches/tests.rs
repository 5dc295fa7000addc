use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::*;
use crate::live::Limits;
use crate::object::Identity;
use crate::testing::{Answer, Server, block_on};

/// What watches have told, without the watches; the server answers reads.
fn watches(server: &Server, definitions: usize) -> Watches {
    let directory = tempfile::tempdir().unwrap();
    let path = server.kubeconfig(directory.path(), "token: t0", "");
    let live = Live::from_kubeconfig(&path, Limits::default(), &Handle::current()).unwrap();
    Watches {
        live: Arc::new(live),
        pods: Arc::new(Store::new(usize::MAX)),
        definitions: Arc::new(Store::new(definitions)),
        tasks: Vec::new(),
    }
}

fn listed<V: Object>(store: &Store<V>, objects: &[Value]) {
    store.begin_list();
    for object in objects {
        let text = object.to_string();
        let content = serde_json::from_str::<V::Document>(&text).unwrap();
        let identity = Identity::parse(text.as_bytes()).unwrap();
        store.put(&identity, Some(content.into()));
    }
    store.finish_list();
}

fn pod(uid: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": "web", "uid": uid}})
}

fn definition(config: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": "net", "resourceVersion": "7"}, "spec": {"config": config}})
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

const POD: &str = "GET /api/v1/namespaces/shop/pods/web";
const DEFINITION: &str =
    "GET /apis/k8s.cni.cncf.io/v1/namespaces/shop/network-attachment-definitions/net";

#[test]
fn what_is_known_is_not_asked_for() {
    block_on(async {
        let server = Server::plain(Vec::new());
        let watches = watches(&server, usize::MAX);
        listed(&watches.pods, &[pod("u-1")]);
        listed(&watches.definitions, &[definition("{}")]);
        for uid in ["u-1", ""] {
            let pod = watches.pod("shop", "web", uid, soon()).await.unwrap();
            assert_eq!(pod.unwrap().reference.uid, "u-1");
        }
        let net = watches.definition("shop", "net", soon()).await.unwrap();
        assert_eq!(net.unwrap().config, "{}");
        assert_eq!(server.lines(), Vec::<String>::new());
        assert_eq!(watches.pods().progress().reads, 0);
    });
}

#[test]
fn a_pod_with_another_uid_is_read_q24() {
    block_on(async {
        let server = Server::plain(vec![Answer::ok(&pod("u-2"))]);
        let watches = watches(&server, usize::MAX);
        listed(&watches.pods, &[pod("u-1")]);
        let pod = watches.pod("shop", "web", "u-2", soon()).await.unwrap();
        assert_eq!(pod.unwrap().reference.uid, "u-2");
        assert_eq!(server.lines(), [POD]);
    });
}

#[test]
fn what_is_not_known_is_one_read_whether_there_was_a_list_or_not() {
    // Q31
    block_on(async {
        for synced in [false, true] {
            let missing = || Answer::status(404, "NotFound", "not found");
            let server = Server::plain(vec![
                Answer::ok(&pod("u-1")),
                Answer::ok(&definition("{}")),
                missing(),
                missing(),
            ]);
            let watches = watches(&server, usize::MAX);
            if synced {
                listed(&watches.pods, &[]);
                listed(&watches.definitions, &[]);
            }
            for there in [true, false] {
                let pod = watches.pod("shop", "web", "u-1", soon()).await.unwrap();
                assert_eq!(pod.is_some(), there);
                let net = watches.definition("shop", "net", soon()).await.unwrap();
                assert_eq!(net.is_some(), there);
            }
            assert_eq!(server.lines(), [POD, DEFINITION, POD, DEFINITION]);
            assert_eq!(watches.pods().progress().reads, 2);
        }
    });
}

#[test]
fn a_definition_whose_content_was_not_kept_is_read_once() {
    block_on(async {
        let config = "x".repeat(1000);
        let server = Server::plain(vec![Answer::ok(&definition(&config))]);
        let watches = watches(&server, 1500);
        let other =
            json!({"metadata": {"namespace": "shop", "name": "other"}, "spec": {"config": config}});
        listed(&watches.definitions, &[other, definition(&config)]);
        for _ in 0..2 {
            let net = watches.definition("shop", "net", soon()).await.unwrap();
            assert_eq!(net.unwrap().config, config);
        }
        assert_eq!(server.lines(), [DEFINITION]);
    });
}

#[test]
fn an_api_that_does_not_answer_is_an_error_and_never_none() {
    block_on(async {
        let server = Server::plain(vec![Answer::status(403, "Forbidden", "no")]);
        let watches = watches(&server, usize::MAX);
        listed(&watches.pods, &[]);
        let error = watches.pod("shop", "web", "u-1", soon()).await.unwrap_err();
        assert!(error.to_string().contains("403 Forbidden: no"), "{error}");
    });
}

const PATCH: &str = "PATCH /api/v1/namespaces/shop/pods/web/status";

fn web(uid: &str) -> PodRef {
    PodRef {
        namespace: "shop".into(),
        name: "web".into(),
        uid: uid.into(),
    }
}

fn versioned(annotations: &Value) -> Value {
    json!({"metadata": {"namespace": "shop", "name": "web", "uid": "u-1", "resourceVersion": "41",
        "annotations": annotations}})
}

#[test]
fn a_first_status_is_one_patch_of_the_version_that_is_known_to_have_none() {
    block_on(async {
        let conflict = Answer::status(409, "Conflict", "the object has been modified");
        let server = Server::plain(vec![Answer::ok(&pod("u-1")), conflict]);
        let watches = watches(&server, usize::MAX);
        listed(&watches.pods, &[versioned(&json!({}))]);
        let written = watches
            .write_first_status(&web("u-1"), "[1]", None, false, soon())
            .await;
        assert_eq!(written.unwrap(), FirstStatus::Written);
        let status = json!({"k8s.v1.cni.cncf.io/network-status": "[1]"});
        let patch =
            json!({"metadata": {"uid": "u-1", "resourceVersion": "41", "annotations": status}});
        assert_eq!(server.seen()[0].json(), patch);

        let again = watches
            .write_first_status(&web("u-1"), "[1]", None, false, soon())
            .await;
        assert!(again.unwrap_err().may_pass());
        assert_eq!(server.lines(), [PATCH, PATCH]);
    });
}

#[test]
fn a_first_status_is_not_sent_where_there_is_one_or_the_pod_is_not_there() {
    block_on(async {
        let server = Server::plain(Vec::new());
        let watches = watches(&server, usize::MAX);
        let write = |uid: &'static str| {
            let watches = &watches;
            async move {
                watches
                    .write_first_status(&web(uid), "[1]", None, false, soon())
                    .await
                    .unwrap()
            }
        };
        assert_eq!(write("u-1").await, FirstStatus::PodUnknown);
        let status = json!({"k8s.v1.cni.cncf.io/network-status": "[]"});
        listed(&watches.pods, &[versioned(&status)]);
        assert_eq!(write("u-1").await, FirstStatus::Known);
        assert_eq!(write("u-2").await, FirstStatus::PodUnknown);
        assert_eq!(server.lines(), Vec::<String>::new());
    });
}

#[test]
fn a_first_status_of_a_pod_that_the_watch_does_not_know_as_it_is_takes_a_read() {
    block_on(async {
        let mut newer = versioned(&json!({}));
        newer["metadata"]["uid"] = json!("u-2");
        let gone = Answer::status(404, "NotFound", "not found");
        let server = Server::plain(vec![Answer::ok(&newer), Answer::ok(&pod("u-2")), gone]);
        let watches = watches(&server, usize::MAX);
        listed(&watches.pods, &[versioned(&json!({}))]);
        for expected in [FirstStatus::Written, FirstStatus::PodUnknown] {
            let pod = web("u-2");
            let written = watches
                .write_first_status(&pod, "[1]", None, true, soon())
                .await;
            assert_eq!(written.unwrap(), expected);
        }
        assert_eq!(server.lines(), [POD, PATCH, POD]);
    });
}

#[test]
fn the_status_of_an_earlier_sandbox_is_replaced_as_long_as_it_says_the_same() {
    block_on(async {
        let told = |text: &str| {
            Answer::ok(&versioned(
                &json!({"k8s.v1.cni.cncf.io/network-status": text}),
            ))
        };
        let forbidden = || Answer::status(403, "Forbidden", "cannot patch");
        let server = Server::plain(vec![
            told("[0]"),
            Answer::ok(&pod("u-1")),
            told("[2]"),
            told("[0]"),
            forbidden(),
            told("[0]"),
            told("[1]"),
            told("[0]"),
            forbidden(),
            told("[2]"),
        ]);
        let watches = watches(&server, usize::MAX);
        // The watch knows of a status, but not which.
        let status = json!({"k8s.v1.cni.cncf.io/network-status": "[0]"});
        listed(&watches.pods, &[versioned(&status)]);
        let (written, known) = (FirstStatus::Written, FirstStatus::Known);
        for expected in [written, known, written, known] {
            let done = watches
                .write_first_status(&web("u-1"), "[1]", Some("[0]"), false, soon())
                .await;
            assert_eq!(done.unwrap(), expected);
        }
        let put = "PUT /api/v1/namespaces/shop/pods/web/status";
        let replaced = [POD, PATCH, POD];
        let updated = [POD, PATCH, POD, put, POD, PATCH, POD];
        assert_eq!(server.lines(), [replaced.as_slice(), &updated].concat());
        let patch = server.seen()[1].json();
        assert_eq!(patch["metadata"]["resourceVersion"], "41");
    });
}

#[test]
fn where_patching_is_forbidden_a_first_status_is_an_update_of_a_pod_that_has_none() {
    block_on(async {
        let forbidden = || Answer::status(403, "Forbidden", "cannot patch");
        let status = json!({"k8s.v1.cni.cncf.io/network-status": "[]"});
        let server = Server::plain(vec![
            forbidden(),
            Answer::ok(&versioned(&json!({}))),
            Answer::ok(&versioned(&status)),
            forbidden(),
            Answer::ok(&versioned(&status)),
        ]);
        let watches = watches(&server, usize::MAX);
        listed(&watches.pods, &[versioned(&json!({}))]);
        for expected in [FirstStatus::Written, FirstStatus::Known] {
            let written = watches
                .write_first_status(&web("u-1"), "[1]", None, false, soon())
                .await;
            assert_eq!(written.unwrap(), expected);
        }
        let put = "PUT /api/v1/namespaces/shop/pods/web/status";
        assert_eq!(server.lines(), [PATCH, POD, put, PATCH, POD]);
        assert_eq!(server.seen()[2].json()["metadata"]["resourceVersion"], "41");
    });
}

#[test]
fn a_node_that_is_no_name_is_refused() {
    block_on(async {
        struct Deaf;
        impl Observer for Deaf {
            fn listed(&self, _what: &str, _objects: usize) {}
            fn failed(&self, _error: &ClusterError, _pause: Duration) {}
        }
        let server = Server::plain(Vec::new());
        let directory = tempfile::tempdir().unwrap();
        let path = server.kubeconfig(directory.path(), "token: t0", "");
        let live = Live::from_kubeconfig(&path, Limits::default(), &Handle::current()).unwrap();
        let options = WatchOptions {
            node: Some("a,b".to_owned()),
            ..WatchOptions::default()
        };
        let observer: Arc<dyn Observer> = Arc::new(Deaf);
        let error = Watches::start(&Arc::new(live), &options, &observer).unwrap_err();
        assert_eq!(error.to_string(), "ask for node \"a,b\": not a name");
    });
}
