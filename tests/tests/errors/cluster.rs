//! Errors of the crates `cluster` and `devices`: the API and the kubelet.

use std::path::PathBuf;
use std::time::Duration;

use cluster::{ApiStatus, ClusterError, Effort, Failure, RequestError};
use devices::{CallError, DevicesError, WireError};
use http::StatusCode;

use crate::{Sample, system, texts};

pub(crate) fn samples() -> impl Iterator<Item = Sample> {
    texts(errors())
        .chain(texts(failures()))
        .chain(devices())
        .chain(texts(calls()))
}

const SERVER: &str = "192.0.2.1:6443";

fn failures() -> Vec<Failure> {
    let status = |code, reason: &str, message: &str| {
        Failure::Status(ApiStatus {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            fields: Vec::new(),
        })
    };
    every!(Failure {
        Failure::Status(_) => [
            status(StatusCode::FORBIDDEN, "Forbidden", "pods is forbidden"),
            status(StatusCode::BAD_GATEWAY, "", ""),
            status(StatusCode::BAD_GATEWAY, "", "upstream is down"),
        ],
        Failure::Timeout(_) => [Failure::Timeout(Duration::from_secs(2))],
        Failure::Silence(_) => [Failure::Silence(Duration::from_secs(150))],
        // In the words of libraries: see the requests below.
        Failure::Connection(_) => [],
        Failure::Credentials(_) => [],
        Failure::TooLong(_) => [Failure::TooLong(9)],
        Failure::NoTime => [Failure::NoTime],
    })
}

fn errors() -> Vec<ClusterError> {
    let text = |text: &str| text.to_owned();
    let request = |action: &str| {
        ClusterError::from(Box::new(RequestError {
            action: action.to_owned(),
            server: SERVER.to_owned(),
            failure: Failure::Connection("connection refused".to_owned()),
            effort: Effort {
                attempts: 2,
                time: Duration::from_secs(1),
            },
        }))
    };
    every!(ClusterError {
        ClusterError::Kubeconfig { .. } => [ClusterError::Kubeconfig {
            path: PathBuf::from("/etc/kubeconfig"),
            reason: text("not a kubeconfig"),
        }],
        ClusterError::ServiceAccount { .. } => [ClusterError::ServiceAccount {
            directory: PathBuf::from("/var/run/secrets"),
            reason: text("no certificates"),
        }],
        ClusterError::Credentials { .. } => [ClusterError::Credentials {
            server: text(SERVER),
            reason: text("credential plugin ended with exit status: 1"),
        }],
        ClusterError::Client { .. } => [ClusterError::Client {
            server: text(SERVER),
            reason: text("bad key"),
        }],
        ClusterError::Runtime(_) => [ClusterError::Runtime(system())],
        ClusterError::Name { .. } => [ClusterError::Name {
            what: "pod",
            value: text("a/b"),
        }],
        ClusterError::Request(_) => [
            request("get pod shop/web"),
            request("get network-attachment-definition shop/lan"),
            request("get resource claim shop/nics"),
            request("list resource slices of driver d on node n"),
            request("list network-attachment-definitions"),
            request("watch pods on node n"),
            request("write status of pod shop/web"),
        ],
        ClusterError::Answer { .. } => [ClusterError::Answer {
            action: text("get pod shop/web"),
            server: text(SERVER),
            reason: text("missing field `metadata`"),
        }],
        ClusterError::PodReplaced { .. } => [ClusterError::PodReplaced { pod: text("shop/web") }],
        ClusterError::PodGone { .. } => [ClusterError::PodGone { pod: text("shop/web") }],
    })
}

/// As the program begins them.
fn devices() -> impl Iterator<Item = Sample> {
    let pod = || "shop/web".to_owned();
    let path = || PathBuf::from("/var/lib/kubelet/x");
    let errors = every!(DevicesError {
        DevicesError::NoName => [DevicesError::NoName],
        DevicesError::NoUid { .. } => [DevicesError::NoUid { pod: pod(), path: path() }],
        DevicesError::NoKubelet { .. } => [DevicesError::NoKubelet {
            pod: pod(),
            socket: path(),
            checkpoint: path(),
        }],
        DevicesError::Call { .. } => [DevicesError::Call {
            pod: pod(),
            socket: path(),
            source: CallError::Frame,
        }],
        DevicesError::Checkpoint { .. } => [DevicesError::Checkpoint {
            pod: pod(),
            path: path(),
            source: system(),
        }],
    });
    errors.into_iter().map(|error| Sample {
        code: Some(if error.may_pass() { 11 } else { 5 }),
        text: format!("failed to {error}"),
    })
}

fn calls() -> Vec<CallError> {
    let mut all = every!(CallError {
        CallError::Runtime(_) => [CallError::Runtime(system())],
        CallError::Connect(_) => [CallError::Connect(system())],
        // In the words of the library.
        CallError::Connection(_) => [],
        CallError::Http(_) => [CallError::Http(StatusCode::NOT_FOUND)],
        CallError::Refused { .. } => [CallError::Refused {
            status: "8".to_owned(),
            message: "rate limit".to_owned(),
        }],
        CallError::TooLarge { .. } => [CallError::TooLarge { most: 9 }],
        CallError::Frame => [CallError::Frame],
        // Below.
        CallError::Message(_) => [],
        CallError::Timeout(_) => [CallError::Timeout(Duration::from_secs(10))],
    });
    let wire = every!(WireError {
        WireError::Cut => [WireError::Cut],
        WireError::Number => [WireError::Number],
        WireError::Key => [WireError::Key],
        WireError::Type(_) => [WireError::Type(1)],
        WireError::Text => [WireError::Text],
    });
    all.extend(wire.into_iter().map(CallError::from));
    all
}
