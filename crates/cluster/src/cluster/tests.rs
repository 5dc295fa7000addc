use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::event::EventType;
use crate::testing::{Answer, Server};

mod claims;
mod identity;
mod requests;
mod retries;
mod writing;

/// For servers that answer, on any machine.
const LIMITS: Limits = within(Duration::from_secs(60));

const fn within(request: Duration) -> Limits {
    Limits {
        request,
        answer: 100_000,
    }
}

/// A client of the server, and the directory with its kubeconfig.
fn client(server: &Server) -> (Cluster, TempDir) {
    client_within(LIMITS.request, server)
}

/// A client that gives a request so much time.
fn client_within(request: Duration, server: &Server) -> (Cluster, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = server.kubeconfig(directory.path(), "token: t0", "");
    let cluster = Cluster::from_kubeconfig(&path, within(request));
    (cluster.unwrap(), directory)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn pod_object() -> Value {
    json!({"kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "7",
            "annotations": {"k8s.v1.cni.cncf.io/networks": "net-a", "kept": "yes"}},
        "spec": {"nodeName": "node-1"}, "status": {"phase": "Pending"}})
}

fn web() -> PodRef {
    PodRef {
        namespace: "shop".into(),
        name: "web".into(),
        uid: "u-1".into(),
    }
}

fn forbidden() -> Answer {
    Answer::status(
        403,
        "Forbidden",
        "pods \"web\" is forbidden: User \"multus\" cannot patch",
    )
}

const GET: &str = "GET /api/v1/namespaces/shop/pods/web";
const PATCH: &str = "PATCH /api/v1/namespaces/shop/pods/web/status";
const PUT: &str = "PUT /api/v1/namespaces/shop/pods/web/status";

fn event() -> Event {
    Event {
        kind: EventType::Warning,
        reason: "R".into(),
        message: "m".into(),
    }
}
