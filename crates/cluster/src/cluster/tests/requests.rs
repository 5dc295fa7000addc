//! What is asked, and what is made of the answer.

use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::testing::{Answer, Pki, Server};

#[test]
fn a_pod_is_read_with_one_request() {
    let server = Server::plain(vec![Answer::ok(&pod_object())]);
    let (cluster, _directory) = client(&server);
    let pod = cluster.pod("shop", "web", soon()).unwrap().unwrap();
    assert_eq!(pod.reference, web());
    assert_eq!(pod.networks.as_deref(), Some("net-a"));
    assert_eq!(server.lines(), [GET]);
    let headers = server.seen()[0].headers.to_lowercase();
    assert!(
        headers.contains("authorization: bearer t0\r\n"),
        "{headers}"
    );
    assert!(
        headers.contains("accept: application/json\r\n"),
        "{headers}"
    );
    assert!(headers.contains("user-agent: multus/"), "{headers}");
}

#[test]
fn one_tls_connection_carries_everything_of_an_add() {
    // B5.3
    let pki = Pki::new();
    let definition =
        json!({"metadata": {"name": "net-a", "namespace": "shop"}, "spec": {"config": "{}"}});
    let server = Server::tls(
        &pki,
        vec![
            Answer::ok(&pod_object()),
            Answer::ok(&definition),
            Answer::ok(&definition),
            Answer::ok(&definition),
            Answer::ok(&pod_object()),
            Answer::Http(201, "", "{}".into()),
            Answer::Http(201, "", "{}".into()),
        ],
    );
    let directory = tempfile::tempdir().unwrap();
    let path = server.kubeconfig(directory.path(), &pki.user(), &pki.cluster());
    let cluster = Cluster::from_kubeconfig(&path, LIMITS).unwrap();
    cluster.pod("shop", "web", soon()).unwrap().unwrap();
    for name in ["net-a", "net-b", "net-c"] {
        cluster.definition("shop", name, soon()).unwrap().unwrap();
    }
    cluster.write_status(&web(), "[]", &[], soon()).unwrap();
    assert_eq!(cluster.post_events(&web(), &[event(), event()], soon()), 2);
    assert_eq!(server.lines().len(), 7);
    assert_eq!(server.connections(), 1);
}

#[test]
fn none_is_what_the_api_itself_does_not_find_b4_12() {
    // B4.12
    let server = Server::plain(vec![
        Answer::status(404, "NotFound", "pods \"web\" not found"),
        Answer::status(
            404,
            "NotFound",
            "network-attachment-definitions \"a\" not found",
        ),
    ]);
    let (cluster, _directory) = client(&server);
    assert_eq!(cluster.pod("shop", "web", soon()).unwrap(), None);
    assert_eq!(cluster.definition("shop", "a", soon()).unwrap(), None);
    assert_eq!(server.lines().len(), 2);
}

#[test]
fn a_404_of_something_else_is_not_a_pod_that_does_not_exist() {
    let server = Server::plain(vec![Answer::Http(404, "", "404 page not found\n".into())]);
    let (cluster, _directory) = client(&server);
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let expected = format!(
        "get pod shop/web at {}: 404 without a reason of the API: 404 page not found (1 attempt in ",
        server.address
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn a_success_that_is_no_pod_is_an_error() {
    let server = Server::plain(vec![Answer::Http(200, "", "<html>welcome</html>".into())]);
    let (cluster, _directory) = client(&server);
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error
            .to_string()
            .contains("read answer: expected value at line 1"),
        "{error}"
    );
}

#[test]
fn forbidden_is_not_tried_again() {
    let server = Server::plain(vec![Answer::status(403, "Forbidden", "no")]);
    let (cluster, _directory) = client(&server);
    let error = cluster.definition("shop", "net", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    let expected = format!(
        "get network-attachment-definition shop/net at {}: 403 Forbidden: no (1 attempt in ",
        server.address
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    assert_eq!(server.lines().len(), 1);
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let server = Server::plain(vec![Answer::Http(200, "", " ".repeat(LIMITS.answer + 1))]);
    let (cluster, _directory) = client(&server);
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error
            .to_string()
            .contains("answer of more than 100000 bytes"),
        "{error}"
    );
}

#[test]
fn a_cluster_without_the_crd_has_no_definitions() {
    let bare = || Answer::Http(404, "", "404 page not found\n".into());
    let server = Server::plain(vec![bare(), bare()]);
    let (cluster, _directory) = client(&server);
    assert_eq!(cluster.definition("shop", "net-a", soon()).unwrap(), None);
    let error = cluster.pod("shop", "web", soon()).unwrap_err();
    assert_eq!(
        error.kind(),
        Kind::Invalid,
        "an API that knows no pods is none: {error}"
    );
}
