use std::os::unix::net::UnixListener;
use std::thread::{Builder, JoinHandle};

use tempfile::TempDir;

use super::*;

/// A daemon that gives these answers to whatever is asked, one after the other, on one connection; tells what it read.
fn daemon(answers: &[&'static str]) -> (TempDir, PathBuf, JoinHandle<Vec<String>>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("multus.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let answers = answers.to_vec();
    let serving = Builder::new().name("daemon".into()).spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        for answer in answers {
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                let mut piece = [0; 512];
                let length = stream.read(&mut piece).unwrap();
                assert!(length > 0, "the request ends before its end");
                request.extend_from_slice(&piece[..length]);
            }
            asked.push(String::from_utf8(request).unwrap());
            stream.write_all(answer.as_bytes()).unwrap();
        }
        asked
    });
    (folder, path, serving.unwrap())
}

fn open(path: &Path) -> Result<Connection, IpcError> {
    Connection::over(UnixStream::connect(path), path)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn several_requests_go_over_one_connection_as_long_as_both_want_it() {
    let kept = "HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\n{}";
    let last = "HTTP/1.0 400 Bad Request\r\ncontent-length: 4\r\n\r\nnope";
    let (_folder, path, serving) = daemon(&[kept, last]);
    let mut connection = open(&path).unwrap();
    let reply = connection.post("/v1/plan", b"{}", soon()).unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
    assert!(connection.is_open());
    let reply = connection.post("/v1/commit", b"{}", soon()).unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (400, &b"nope"[..]));
    assert!(!connection.is_open());
    let asked = serving.join().unwrap();
    assert!(
        asked[0].starts_with("POST /v1/plan HTTP/1.0\r\n"),
        "{asked:?}"
    );
    assert!(asked[1].contains("Content-Length: 2\r\n"), "{asked:?}");
}

#[test]
fn a_body_without_length_ends_with_the_connection() {
    // B6.10: upstream's daemon closes after each answer
    let (_folder, path, serving) =
        daemon(&["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"Result\":{}}"]);
    let mut connection = open(&path).unwrap();
    let reply = connection.post("/cni", b"{}", soon());
    serving.join().unwrap();
    assert_eq!(reply.unwrap().body, b"{\"Result\":{}}");
    assert!(!connection.is_open());
}

#[test]
fn a_daemon_that_goes_away_before_the_end_of_its_answer_is_no_answer() {
    for answer in [
        "",
        "HTTP/1.0 200",
        "HTTP/1.0 200 OK\r\ncontent-length: 9\r\n\r\nshort",
    ] {
        let (_folder, path, serving) = daemon(&[answer]);
        let error = open(&path)
            .unwrap()
            .post("/v1/plan", b"{}", soon())
            .unwrap_err();
        serving.join().unwrap();
        assert!(
            matches!(error, IpcError::Broken { .. }),
            "{answer:?}: {error}"
        );
        assert!(error.may_pass());
    }
}

#[test]
fn what_is_no_http_or_too_long_is_refused() {
    for answer in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.0 ok\r\n\r\n",
        "HTTP/1.0 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ] {
        let (_folder, path, serving) = daemon(&[answer]);
        let error = open(&path)
            .unwrap()
            .post("/v1/plan", b"{}", soon())
            .unwrap_err();
        serving.join().unwrap();
        assert!(
            matches!(error, IpcError::Answer { .. }),
            "{answer:?}: {error}"
        );
        assert!(!error.may_pass());
    }
}

#[test]
fn a_silent_daemon_is_waited_for_until_the_deadline() {
    // Q52, B6.33
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("multus.sock");
    let _listener = UnixListener::bind(&path).unwrap();
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = open(&path)
        .unwrap()
        .post("/v1/plan", b"{}", deadline)
        .unwrap_err();
    assert!(Instant::now() >= deadline);
    assert!(matches!(error, IpcError::Silent { .. }), "{error}");
}

#[test]
fn a_daemon_that_takes_half_of_a_request_is_not_waited_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("multus.sock");
    let _nobody_reads = UnixListener::bind(&path).unwrap();
    let mut connection = open(&path).unwrap();
    let deadline = Instant::now() + Duration::from_secs(4);
    let error = connection.post("/v1/plan", &vec![b' '; 4 << 20], deadline);
    match error.unwrap_err() {
        IpcError::Silent { waited, .. } => assert!(waited < Duration::from_secs(7), "{waited:?}"),
        other => panic!("{other}"),
    }
    assert!(!connection.is_open() && !connection.is_asked());
}

#[test]
fn nobody_on_the_socket_is_told_with_its_path() {
    let error = open(Path::new("/none/multus.sock")).unwrap_err();
    assert!(error.may_pass());
    assert!(
        error
            .to_string()
            .starts_with("no daemon on /none/multus.sock: ")
    );
}

#[test]
fn an_answer_that_comes_late_can_be_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("multus.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut connection = open(&path).unwrap();
    let (mut daemon, _) = listener.accept().unwrap();
    let shortly = || Instant::now() + Duration::from_millis(20);
    let silent = connection.post("/v1/plan", b"{}", shortly());
    assert!(matches!(silent, Err(IpcError::Silent { .. })), "{silent:?}");
    assert!(!connection.is_open(), "nothing else can be asked over it");
    daemon.write_all(b"HTTP/1.0 200 OK\r\ncontent-le").unwrap();
    let half = connection.wait("/v1/plan", shortly());
    assert!(matches!(half, Err(IpcError::Silent { .. })), "{half:?}");
    daemon
        .write_all(b"ngth: 2\r\nconnection: keep-alive\r\n\r\n{}")
        .unwrap();
    let reply = connection.wait("/v1/plan", soon()).unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
    assert!(connection.is_open());
}
