//! A kubelet on a real socket, as it should be and as it should not.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixListener;

use tempfile::TempDir;
use testkit::kubelet::{Answer, Kubelet as Service, PodResources, checkpoint};

use super::*;

const NIC: &str = "example.com/nic";

fn pod() -> PodRef {
    PodRef {
        namespace: "shop".into(),
        name: "web".into(),
        uid: "u-1".into(),
    }
}

fn nics() -> Vec<PodResources> {
    vec![
        PodResources::with("shop", "web", NIC, &["0000:03:02.1", "0000:03:02.0"]),
        PodResources::with("shop", "db", NIC, &["0000:03:02.2"]),
    ]
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// A kubelet whose two paths lie in a directory of their own.
struct Node {
    directory: TempDir,
}

impl Node {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("kubelet.sock")
    }

    fn kubelet(&self) -> Kubelet {
        Kubelet::at(self.socket(), self.directory.path().join("checkpoint"))
    }

    fn serve(&self, answer: Answer) -> Service {
        Service::start(&self.socket(), answer).unwrap()
    }

    fn write_checkpoint(&self, text: &str) {
        let mut file = File::create(self.directory.path().join("checkpoint")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// What a pod's devices come to when the service answers like this, and what is said after the socket's path.
    fn refused(&self, answer: Answer, deadline: Instant) -> (String, DevicesError) {
        let _service = self.serve(answer);
        let error = self.kubelet().devices(&pod(), deadline).unwrap_err();
        let text = error.to_string();
        let (_, reason) = text
            .split_once("for the devices of pod shop/web: ")
            .unwrap();
        (reason.to_owned(), error)
    }
}

fn ids(devices: &BTreeMap<String, Vec<String>>) -> Vec<&str> {
    devices[NIC].iter().map(String::as_str).collect()
}

#[test]
fn the_kubelet_is_asked_once_as_every_grpc_client_asks() {
    // B5.81, T6.4
    let node = Node::new();
    let service = node.serve(Answer::Pods(nics()));
    let devices = node.kubelet().devices(&pod(), soon()).unwrap();
    assert_eq!(ids(&devices), ["0000:03:02.0", "0000:03:02.1"]);
    let requests = service.requests();
    let [request] = requests.as_slice() else {
        panic!("{requests:?}")
    };
    assert_eq!(
        request.line,
        "POST http://localhost/v1.PodResourcesLister/List"
    );
    assert_eq!(request.body, [0; 5], "an empty message");
    for header in [
        "content-type: application/grpc\n",
        "te: trailers\n",
        "user-agent: multus/",
    ] {
        assert!(request.headers.contains(header), "{}", request.headers);
    }
}

#[test]
fn a_pod_that_the_kubelet_does_not_list_has_no_devices() {
    // T6.4
    let node = Node::new();
    let _service = node.serve(Answer::Pods(Vec::new()));
    assert!(node.kubelet().devices(&pod(), soon()).unwrap().is_empty());
}

#[test]
fn an_answer_of_many_frames_is_read_whole() {
    let node = Node::new();
    let mut pods: Vec<PodResources> = (0..20_000)
        .map(|number| PodResources::with("other", &format!("pod-{number}"), NIC, &["0000:03:07.7"]))
        .collect();
    pods.extend(nics());
    let _service = node.serve(Answer::Pods(pods));
    let devices = node.kubelet().devices(&pod(), soon()).unwrap();
    assert_eq!(ids(&devices).len(), 2);
}

#[test]
fn an_answer_beyond_16_mib_is_not_read_to_its_end() {
    // B5.81
    let node = Node::new();
    let _service = node.serve(Answer::Message(vec![0; LARGEST + 1]));
    // A busy machine may need more than a kubelet has for so much.
    let limit = Duration::from_secs(600);
    let source = call::list(&node.socket(), limit, LARGEST).unwrap_err();
    let text = "the answer has more than 16777216 bytes";
    assert_eq!(source.to_string(), text);
    let (pod, socket) = (label(&pod()), node.socket());
    let error = DevicesError::Call {
        pod,
        socket,
        source,
    };
    assert!(!error.may_pass());
}

#[test]
fn a_refusal_is_told_with_the_kubelets_own_words() {
    // T6.4
    let node = Node::new();
    let (reason, error) = node.refused(Answer::Refuse(8, "rejected by rate limit"), soon());
    assert_eq!(reason, "gRPC status 8: rejected by rate limit");
    assert!(error.may_pass());
    let (reason, error) = node.refused(Answer::Refuse(7, "no"), soon());
    assert_eq!(reason, "gRPC status 7: no");
    assert!(!error.may_pass());
}

#[test]
fn devices_count_only_where_the_call_ended_well() {
    let node = Node::new();
    let (reason, _) = node.refused(Answer::FailAfter(nics(), 13), soon());
    assert_eq!(reason, "gRPC status 13: ");
}

#[test]
fn what_is_no_grpc_service_is_named() {
    // T6.4
    let cases = [
        (Answer::Http(404), "HTTP status 404 Not Found"),
        (
            Answer::Raw(Vec::new()),
            "the answer is not one whole message",
        ),
        (
            Answer::Raw(vec![0, 0, 0, 0]),
            "the answer is not one whole message",
        ),
        (
            Answer::Raw(vec![0, 0, 0, 0, 9, 1]),
            "the answer is not one whole message",
        ),
        (
            Answer::Raw(vec![1, 0, 0, 0, 0]),
            "the answer is not one whole message",
        ),
        (
            Answer::Raw(vec![0, 0, 0, 0, 0, 0]),
            "the answer is not one whole message",
        ),
        (Answer::Refuse(0, ""), "the answer is not one whole message"),
        (
            Answer::Message(vec![0x0a, 9]),
            "read answer: a field is cut off",
        ),
    ];
    for (answer, expected) in cases {
        let name = format!("{answer:?}");
        let (reason, error) = Node::new().refused(answer, soon());
        assert_eq!(reason, expected, "{name}");
        assert!(!error.may_pass(), "{name}");
    }
}

#[test]
fn a_kubelet_that_hangs_is_waited_for_until_the_deadline_only() {
    let node = Node::new();
    let start = Instant::now();
    let (reason, error) = node.refused(Answer::Hang, start + Duration::from_millis(300));
    assert!(reason.starts_with("no answer within "), "{reason}");
    assert!(error.may_pass());
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(300) && took < PATIENCE);
    let again = Instant::now();
    let (reason, _) = node.refused(Answer::Hang, start);
    assert!(reason.starts_with("no answer within "), "{reason}");
    assert!(again.elapsed() < PATIENCE);
}

#[test]
fn a_kubelet_that_hangs_up_may_be_back_soon() {
    let node = Node::new();
    let (_, error) = node.refused(Answer::Close, soon());
    assert!(error.may_pass(), "{error}");
}

#[test]
fn a_socket_that_nobody_serves_is_an_error_and_not_a_reason_to_look_elsewhere() {
    // T6.4: the checkpoint is for nodes without a socket.
    let node = Node::new();
    drop(UnixListener::bind(node.socket()).unwrap());
    node.write_checkpoint(&checkpoint(&[("u-1", NIC, &["0000:03:02.0"])]));
    let error = node.kubelet().devices(&pod(), soon()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("ask the kubelet at /") && text.contains("connect: Connection refused"),
        "{text}"
    );
    assert!(error.may_pass());
}

#[test]
fn without_a_socket_the_checkpoint_tells_by_uid() {
    // B5.81, T6.3, T6.4, Q78
    let node = Node::new();
    node.write_checkpoint(&checkpoint(&[
        ("u-2", NIC, &["0000:03:02.2"]),
        ("u-1", NIC, &["0000:03:02.1", "0000:03:02.0"]),
    ]));
    let devices = node.kubelet().devices(&pod(), soon()).unwrap();
    assert_eq!(ids(&devices), ["0000:03:02.0", "0000:03:02.1"]);
    assert!(node.kubelet().is_there());
}

#[test]
fn neither_socket_nor_checkpoint_is_an_error_that_names_both() {
    // T2.18, Q78
    let node = Node::new();
    let error = node.kubelet().devices(&pod(), soon()).unwrap_err();
    let text = error.to_string();
    for part in ["shop/web", "/kubelet.sock", "/checkpoint"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(error.may_pass());
    assert!(!node.kubelet().is_there());
}

#[test]
fn a_broken_checkpoint_and_a_pod_without_identity_are_errors() {
    // T6.3, T6.4
    let node = Node::new();
    node.write_checkpoint("{");
    let error = node.kubelet().devices(&pod(), soon()).unwrap_err();
    assert!(error.to_string().contains("error reading file"), "{error}");
    let no_uid = PodRef {
        uid: String::new(),
        ..pod()
    };
    let error = node.kubelet().devices(&no_uid, soon()).unwrap_err();
    assert!(matches!(error, DevicesError::NoUid { .. }), "{error}");
    for nobody in [
        PodRef {
            name: String::new(),
            ..pod()
        },
        PodRef {
            namespace: String::new(),
            ..pod()
        },
    ] {
        let error = node.kubelet().devices(&nobody, soon()).unwrap_err();
        assert!(matches!(error, DevicesError::NoName), "{error}");
    }
}
