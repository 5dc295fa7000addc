//! What is tried again, and for how long.

use std::thread;

use super::*;
use crate::error::Kind;
use crate::testing::{Answer, Server, status};

#[test]
fn a_connection_that_the_server_closed_meanwhile_costs_no_attempt() {
    let server = Server::plain(vec![
        Answer::HttpThenClose(200, pod_object().to_string()),
        Answer::Http(201, "", "{}".into()),
    ]);
    let (cluster, _directory) = client(&server);
    cluster.pod("shop", "web", soon()).unwrap().unwrap();
    // The delegates run, and the server's goodbye comes.
    while server.closed() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    // An event has one attempt.
    assert_eq!(cluster.post_events(&web(), &[event()], soon()), 1);
    assert_eq!((server.lines().len(), server.connections()), (2, 2));
}

#[test]
fn what_may_pass_is_tried_again_q71() {
    // Q71
    let server = Server::plain(vec![
        Answer::status(500, "InternalError", "etcdserver: leader changed"),
        Answer::Http(502, "", "bad gateway".into()),
        Answer::status(503, "ServiceUnavailable", "apiserver is shutting down"),
        Answer::status(504, "Timeout", "request did not complete"),
        Answer::Close,
        Answer::ok(&pod_object()),
    ]);
    let (cluster, _directory) = client(&server);
    assert!(cluster.pod("shop", "web", soon()).unwrap().is_some());
    assert_eq!(server.lines().len(), 6);
}

#[test]
fn errors_that_last_end_at_the_deadline_and_tell_how_often_and_how_long() {
    let error = Answer::status(503, "ServiceUnavailable", "apiserver is\nshutting down");
    let server = Server::plain(vec![error; 50]);
    let (cluster, _directory) = client(&server);
    let deadline = Instant::now() + Duration::from_secs(2);
    let error = cluster.pod("shop", "web", deadline).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let text = error.to_string();
    let attempts = server.lines().len();
    // Pauses of 50, 100, 200, 400 and 800 ms, each up to a quarter more; fewer where the machine is busy.
    assert!((2..=6).contains(&attempts), "{attempts}");
    assert!(
        text.contains("503 ServiceUnavailable: apiserver is shutting down"),
        "{text}"
    );
    assert!(
        text.contains(&format!("({attempts} attempts in ")),
        "{text}"
    );
}

#[test]
fn too_many_requests_waits_as_long_as_the_server_asks() {
    let busy = status(429, "TooManyRequests", "slow down").to_string();
    let server = Server::plain(vec![
        Answer::Http(429, "retry-after: 1\r\n", busy.clone()),
        Answer::ok(&pod_object()),
        Answer::Http(429, "retry-after: 30\r\n", busy),
    ]);
    let (cluster, _directory) = client(&server);
    let start = Instant::now();
    assert!(cluster.pod("shop", "web", soon()).unwrap().is_some());
    assert!(
        start.elapsed() >= Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
    // More than there is time for: said at once.
    let deadline = Instant::now() + Duration::from_secs(25);
    let error = cluster.pod("shop", "web", deadline).unwrap_err();
    assert!(Instant::now() < deadline);
    assert_eq!(error.kind(), Kind::Unavailable);
    assert_eq!(server.lines().len(), 3);
}

#[test]
fn a_server_that_hangs_is_asked_again_on_another_connection() {
    let server = Server::plain(vec![Answer::Hang, Answer::ok(&pod_object())]);
    let (cluster, _directory) = client_within(Duration::from_secs(2), &server);
    assert!(cluster.pod("shop", "web", soon()).unwrap().is_some());
    assert_eq!(server.connections(), 2);
}

#[test]
fn a_server_that_keeps_hanging_gives_a_clear_error() {
    let server = Server::plain(vec![Answer::Hang; 10]);
    let (cluster, _directory) = client_within(Duration::from_secs(1), &server);
    let deadline = Instant::now() + Duration::from_millis(2500);
    let error = cluster.pod("shop", "web", deadline).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let text = error.to_string();
    // Not the rest of the time that the last attempt had.
    assert!(text.contains(": no answer within 1.0 s ("), "{text}");
    assert!(text.contains(" attempts in "), "{text}");
    // Each has a second.
    assert!(server.lines().len() <= 3, "{text}");
}

#[test]
fn a_server_that_is_not_there_gives_a_clear_error() {
    let server = Server::plain(Vec::new());
    let address = server.address;
    let (cluster, _directory) = client(&server);
    drop(server);
    let deadline = Instant::now() + Duration::from_secs(1);
    let error = cluster.pod("shop", "web", deadline).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("get pod shop/web at {address}: ")),
        "{text}"
    );
    assert!(text.contains("Connection refused (os error 111)"), "{text}");
}

#[test]
fn a_deadline_in_the_past_sends_nothing() {
    let server = Server::plain(Vec::new());
    let (cluster, _directory) = client(&server);
    let error = cluster.pod("shop", "web", Instant::now()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(
        error.to_string().contains("no time left (0 attempts in "),
        "{error}"
    );
    assert_eq!(server.connections(), 0);
}
