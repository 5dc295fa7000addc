//! An API that answers at once: pods and definitions by numbers, watches that tell nothing, writes that always succeed. For
//! measuring whoever asks, and for more objects than a real one would store within a test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context;
use serde_json::{Value, json};

use crate::kube::NODE;

const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";
const GROUP: &str = "k8s.cni.cncf.io/v1";

/// What it has. All of it is in one namespace.
#[derive(Debug, Clone)]
pub struct Objects {
    /// The namespace.
    pub namespace: String,
    /// Pods, `pod-0` and so on.
    pub pods: usize,
    /// The networks that each of them asks for.
    pub networks: String,
    /// Definitions, `net-0` and so on.
    pub definitions: usize,
    /// The plugin that makes their networks.
    pub plugin: String,
}

/// It runs until it is dropped.
#[derive(Debug)]
pub struct Stub {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    objects: Objects,
    writes: AtomicUsize,
    open: Mutex<Option<Vec<TcpStream>>>,
}

impl Stub {
    /// Starts one on a port of its own.
    pub fn start(objects: Objects) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("failed to find a port")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            objects,
            writes: AtomicUsize::new(0),
            open: Mutex::new(Some(Vec::new())),
        });
        let serving = Arc::clone(&shared);
        thread::Builder::new()
            .name("stub".to_owned())
            .spawn(move || serve(&listener, &serving))
            .context("failed to start a thread")?;
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many writes it has taken.
    pub fn writes(&self) -> usize {
        self.shared.writes.load(Ordering::Relaxed)
    }

    /// Writes a kubeconfig that leads to it.
    pub fn write_kubeconfig(&self, path: &Path) -> anyhow::Result<()> {
        let text = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stub", "cluster": {"server": format!("http://{}", self.address)}}],
            "users": [{"name": "stub", "user": {"token": "none"}}],
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
            "current-context": "stub",
        });
        std::fs::write(path, text.to_string()).with_context(|| format!("failed to write {path:?}"))
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        let open = self.shared.open.lock();
        let open = open.unwrap_or_else(PoisonError::into_inner).take();
        for stream in open.into_iter().flatten() {
            let _gone = stream.shutdown(Shutdown::Both);
        }
        // Its thread waits for the next connection.
        let _gone = TcpStream::connect(self.address);
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().flatten() {
        let copy = stream.try_clone();
        match &mut *shared.open.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => open.extend(copy),
            None => return,
        }
        let shared = Arc::clone(shared);
        let answering = move || {
            let _broken = answer(&stream, &shared);
            // There is a copy of it.
            let _gone = stream.shutdown(Shutdown::Both);
        };
        if thread::Builder::new().spawn(answering).is_err() {
            return;
        }
    }
}

/// All requests of a connection.
fn answer(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        reader.by_ref().take(length).read_to_end(&mut Vec::new())?;
        let mut words = first.split(' ');
        let (method, path) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        if path.contains("watch=true") {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
            (&*stream).write_all(head.as_bytes())?;
            // It tells nothing, and ends when whoever watches goes.
            reader.read_to_end(&mut Vec::new())?;
            return Ok(());
        }
        let (status, body) = match method {
            "GET" => match shared.objects.at(path) {
                Some(value) => ("200 OK", value),
                None => (
                    "404 Not Found",
                    json!({"kind": "Status", "code": 404, "reason": "NotFound"}),
                ),
            },
            _ => {
                shared.writes.fetch_add(1, Ordering::Relaxed);
                let kind = if method == "POST" {
                    "201 Created"
                } else {
                    "200 OK"
                };
                (
                    kind,
                    json!({"kind": "PartialObjectMetadata", "metadata": {}}),
                )
            }
        };
        let body = body.to_string();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        (&*stream).write_all(answer.as_bytes())?;
    }
}

impl Objects {
    fn at(&self, path: &str) -> Option<Value> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pods = "/api/v1/pods";
        let definitions = format!("/apis/{GROUP}/network-attachment-definitions");
        if path == pods {
            return Some(self.page(query, self.pods, |number| self.pod(number)));
        }
        if path == definitions {
            return Some(self.page(query, self.definitions, |number| self.definition(number)));
        }
        let (_, name) = path.rsplit_once('/')?;
        let (kind, number) = name.rsplit_once('-')?;
        let number = number.parse().ok()?;
        match kind {
            "pod" if number < self.pods => Some(self.pod(number)),
            "net" if number < self.definitions => Some(self.definition(number)),
            _ => None,
        }
    }

    fn page(&self, query: &str, count: usize, object: impl Fn(usize) -> Value) -> Value {
        let number = |key: &str| {
            let values = query.split('&').filter_map(|part| part.split_once('='));
            let mut values = values.filter(|(name, _)| *name == key);
            values.next().and_then(|(_, value)| value.parse().ok())
        };
        let begin: usize = number("continue").unwrap_or(0);
        let end = begin
            .saturating_add(number("limit").unwrap_or(count))
            .min(count);
        let items: Vec<Value> = (begin..end).map(object).collect();
        let next = if end < count {
            end.to_string()
        } else {
            String::new()
        };
        json!({
            "kind": "List",
            "apiVersion": "v1",
            "metadata": {"resourceVersion": "1", "continue": next},
            "items": items,
        })
    }

    /// With as much in it as a kubelet's pods have.
    fn pod(&self, number: usize) -> Value {
        let name = format!("pod-{number}");
        let container = |name: &str| {
            json!({
                "name": name,
                "image": "registry.example/some/image:v1.2.3",
                "env": [{"name": "A", "value": "x".repeat(100)}, {"name": "B", "value": "y".repeat(100)}],
                "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            })
        };
        let status = |name: &str| {
            json!({
                "name": name,
                "ready": true,
                "image": "registry.example/some/image:v1.2.3",
                "containerID": format!("containerd://{}", "0".repeat(64)),
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            })
        };
        json!({
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "uid": uid(number),
                "resourceVersion": "1",
                "labels": {"app": "some-app", "pod-template-hash": "0123456789"},
                "annotations": {NETWORKS: self.networks},
                "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": "z".repeat(1000)}}],
            },
            "spec": {"nodeName": NODE, "containers": [container("main"), container("side")]},
            "status": {"phase": "Running", "containerStatuses": [status("main"), status("side")]},
        })
    }

    fn definition(&self, number: usize) -> Value {
        let name = format!("net-{number}");
        let config = json!({"cniVersion": "1.0.0", "name": name, "type": self.plugin, "mtu": 1400});
        json!({
            "kind": "NetworkAttachmentDefinition",
            "apiVersion": GROUP,
            "metadata": {"name": name, "namespace": self.namespace, "uid": uid(number), "resourceVersion": "1"},
            "spec": {"config": config.to_string()},
        })
    }
}

/// Of a pod or a definition.
fn uid(number: usize) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects() -> Objects {
        Objects {
            namespace: "many".to_owned(),
            pods: 3,
            networks: "net-1".to_owned(),
            definitions: 5,
            plugin: "noop-cni".to_owned(),
        }
    }

    fn asked(stub: &Stub, request: &str) -> String {
        let mut stream = TcpStream::connect(stub.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn lists_come_in_pages_and_objects_one_by_one() {
        let objects = objects();
        let first = objects.at("/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?limit=3");
        let first = first.unwrap();
        assert_eq!(first["items"].as_array().unwrap().len(), 3);
        assert_eq!(first["metadata"]["continue"], "3");
        let rest = objects
            .at("/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?limit=3&continue=3");
        let rest = rest.unwrap();
        assert_eq!(rest["items"].as_array().unwrap().len(), 2);
        assert_eq!(rest["metadata"]["continue"], "");
        let pod = objects.at("/api/v1/namespaces/many/pods/pod-2").unwrap();
        assert_eq!(pod["metadata"]["uid"], uid(2));
        assert_eq!(objects.at("/api/v1/namespaces/many/pods/pod-3"), None);
    }

    #[test]
    fn writes_succeed_and_are_counted() {
        let stub = Stub::start(objects()).unwrap();
        let patch = "PATCH /api/v1/namespaces/many/pods/pod-0/status HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        assert!(
            asked(&stub, &patch.repeat(2))
                .matches("HTTP/1.1 200 OK")
                .count()
                == 2
        );
        let post = "POST /api/v1/namespaces/many/events HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        assert!(asked(&stub, post).starts_with("HTTP/1.1 201"));
        assert_eq!(stub.writes(), 3);
    }
}
