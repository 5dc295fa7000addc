//! Status and events.

use serde_json::json;

use super::*;
use crate::error::Kind;
use crate::testing::{Answer, Server, status};

#[test]
fn status_is_one_patch_with_the_uid_q60() {
    // Q60, T2.20
    let server = Server::plain(vec![Answer::ok(&pod_object())]);
    let (cluster, _directory) = client(&server);
    let more = [
        ("multus-cni.io/network-failures", None),
        ("example.com/note", Some("n")),
    ];
    cluster
        .write_status(&web(), "[{\"name\":\"a\"}]", &more, soon())
        .unwrap();
    assert_eq!(server.lines(), [PATCH]);
    let seen = &server.seen()[0];
    assert!(
        seen.headers
            .contains("content-type: application/merge-patch+json\r\n")
    );
    assert_eq!(
        seen.json(),
        json!({"metadata": {"uid": "u-1", "annotations": {
            "k8s.v1.cni.cncf.io/network-status": "[{\"name\":\"a\"}]",
            "multus-cni.io/network-failures": null,
            "example.com/note": "n"}}})
    );
}

#[test]
fn status_of_a_pod_that_is_gone_is_its_own_error_q14() {
    // Q14
    let server = Server::plain(vec![Answer::status(
        404,
        "NotFound",
        "pods \"web\" not found",
    )]);
    let (cluster, _directory) = client(&server);
    let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
    assert!(
        matches!(&error, ClusterError::PodGone { pod } if pod == "shop/web"),
        "{error:?}"
    );
    assert_eq!(error.kind(), Kind::NotFound);
}

#[test]
fn status_of_a_pod_that_was_replaced_is_its_own_error() {
    let mut immutable = status(422, "Invalid", "Pod \"web\" is invalid");
    immutable["details"] = json!({"causes": [{"reason": "FieldValueInvalid",
        "message": "field is immutable", "field": "metadata.uid"}]});
    let precondition = "Precondition failed: UID in precondition: u-1, UID in object meta: u-2";
    for answer in [
        Answer::Http(422, "", immutable.to_string()),
        Answer::status(409, "Conflict", precondition),
    ] {
        let server = Server::plain(vec![answer]);
        let (cluster, _directory) = client(&server);
        let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
        assert!(
            matches!(&error, ClusterError::PodReplaced { .. }),
            "{error:?}"
        );
        assert_eq!(error.kind(), Kind::Replaced);
        assert_eq!(server.lines(), [PATCH]);
    }
}

#[test]
fn another_invalid_patch_is_not_a_replaced_pod() {
    let mut long = status(
        422,
        "Invalid",
        "metadata.annotations: Too long: may not be more than 262144 bytes",
    );
    long["details"] = json!({"causes": [{"field": "metadata.annotations"}]});
    let server = Server::plain(vec![Answer::Http(422, "", long.to_string())]);
    let (cluster, _directory) = client(&server);
    let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(
        error
            .to_string()
            .contains("422 Invalid: metadata.annotations: Too long"),
        "{error}"
    );
}

#[test]
fn a_patch_that_others_get_in_the_way_of_is_tried_again() {
    let conflict = Answer::status(409, "Conflict", "the object has been modified");
    let server = Server::plain(vec![conflict, Answer::ok(&pod_object())]);
    let (cluster, _directory) = client(&server);
    cluster.write_status(&web(), "[]", &[], soon()).unwrap();
    assert_eq!(server.lines(), [PATCH, PATCH]);
}

#[test]
fn where_patching_is_forbidden_the_pod_is_read_and_updated() {
    let server = Server::plain(vec![
        forbidden(),
        Answer::ok(&pod_object()),
        Answer::status(409, "Conflict", "the object has been modified"),
        Answer::ok(&pod_object()),
        Answer::ok(&pod_object()),
    ]);
    let (cluster, _directory) = client(&server);
    let more = [("kept", None), ("new", Some("n"))];
    cluster.write_status(&web(), "[1]", &more, soon()).unwrap();
    assert_eq!(server.lines(), [PATCH, GET, PUT, GET, PUT]);
    let mut expected = pod_object();
    expected["metadata"]["annotations"] = json!({"k8s.v1.cni.cncf.io/networks": "net-a",
        "k8s.v1.cni.cncf.io/network-status": "[1]", "new": "n"});
    assert_eq!(server.seen()[4].json(), expected);
    assert_eq!(server.connections(), 1);
}

#[test]
fn an_update_gives_up_after_five_conflicts_b7_11() {
    // B7.11
    let mut script = vec![forbidden()];
    for _ in 0..6 {
        script.push(Answer::ok(&pod_object()));
        script.push(Answer::status(
            409,
            "Conflict",
            "the object has been modified",
        ));
    }
    let server = Server::plain(script);
    let (cluster, _directory) = client(&server);
    let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(server.lines().iter().filter(|line| *line == PUT).count(), 5);
}

#[test]
fn an_update_notices_that_the_pod_is_gone_or_another_one() {
    let mut other = pod_object();
    other["metadata"]["uid"] = "u-2".into();
    let server = Server::plain(vec![
        forbidden(),
        Answer::ok(&other),
        forbidden(),
        Answer::status(404, "NotFound", "pods \"web\" not found"),
    ]);
    let (cluster, _directory) = client(&server);
    let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
    assert!(
        matches!(error, ClusterError::PodReplaced { .. }),
        "{error:?}"
    );
    let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
    assert!(matches!(error, ClusterError::PodGone { .. }), "{error:?}");
    assert_eq!(server.lines(), [PATCH, GET, PATCH, GET]);
}

#[test]
fn where_updating_is_forbidden_too_the_error_says_so() {
    let denied = Answer::status(403, "Forbidden", "cannot update resource \"pods/status\"");
    let server = Server::plain(vec![forbidden(), Answer::ok(&pod_object()), denied]);
    let (cluster, _directory) = client(&server);
    let error = cluster.write_status(&web(), "[]", &[], soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(
        error.to_string().contains("cannot update resource"),
        "{error}"
    );
}

#[test]
fn a_status_without_uid_is_never_sent() {
    let server = Server::plain(Vec::new());
    let (cluster, _directory) = client(&server);
    let pod = PodRef {
        uid: String::new(),
        ..web()
    };
    let error = cluster.write_status(&pod, "[]", &[], soon()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert_eq!(server.connections(), 0);
}

#[test]
fn events_that_are_refused_stop_nobody_q47() {
    // Q47
    let server = Server::plain(vec![
        Answer::Http(201, "", "{}".into()),
        Answer::status(403, "Forbidden", "no"),
        Answer::status(500, "InternalError", "no"),
        Answer::Http(201, "", "{}".into()),
    ]);
    let (cluster, _directory) = client(&server);
    let events = vec![event(); 4];
    assert_eq!(cluster.post_events(&web(), &events, soon()), 2);
    assert_eq!(server.lines(), ["POST /api/v1/namespaces/shop/events"; 4]);
    let mut names: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.json()["metadata"]["name"].to_string())
        .collect();
    names.dedup();
    assert_eq!(names.len(), 4);
    assert_eq!(cluster.post_events(&web(), &events, Instant::now()), 0);
    assert_eq!(server.lines().len(), 4);
}
