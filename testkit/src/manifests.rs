//! As much of a Kubernetes API as a daemon of one test needs: pods and definitions are the manifests of a folder, a status
//! that is written is a file of another one.
//!
//! The real API server is shared by many tests, whose objects need names of their own; this one is a test's alone, so that
//! cases that name their pods themselves can run over it. Its lists are empty and its watches tell nothing: every object is
//! read when it is needed, as it is then. A pod without a manifest has no annotations; every pod has a status already, so
//! that each one is written while its ADD waits.

use std::fs;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::netns::Network;
use crate::proxy::http::{self, Request};

/// The UID of every pod whose manifest has none: the API knows no pod without.
pub const UID: &str = "no-uid-in-the-manifest";

const STATUS: &str = "k8s.v1.cni.cncf.io/network-status";

/// The server; ends when dropped.
#[derive(Debug)]
pub struct Manifests {
    listener: TcpListener,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

/// The folders behind it.
#[derive(Debug, Clone)]
struct Folders {
    manifests: PathBuf,
    statuses: PathBuf,
}

impl Manifests {
    /// Serves, inside a network namespace, these folders.
    pub fn serve(network: &Network, manifests: &Path, statuses: &Path) -> Result<Self> {
        let listener = network
            .inside(|| TcpListener::bind("127.0.0.1:0"))?
            .context("listen inside")?;
        let (accepts, address) = (listener.try_clone()?, listener.local_addr()?);
        let folders = Folders {
            manifests: manifests.to_owned(),
            statuses: statuses.to_owned(),
        };
        let accepting = thread::Builder::new().spawn(move || {
            while let Ok((client, _)) = accepts.accept() {
                let folders = folders.clone();
                // A connection that breaks is the client's business.
                let _ = thread::Builder::new().spawn(move || drop(answer_all(client, &folders)));
            }
        })?;
        Ok(Self {
            listener,
            address,
            accepting: Some(accepting),
        })
    }

    /// A kubeconfig for it.
    pub fn kubeconfig(&self) -> String {
        let cluster = json!({"server": format!("http://{}", self.address)});
        let context = json!({"cluster": "test", "user": "test"});
        let user = json!({"token": "none"});
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "contexts": [{"name": "test", "context": context}],
            "users": [{"name": "test", "user": user}],
        })
        .to_string()
    }
}

impl Drop for Manifests {
    fn drop(&mut self) {
        // Linux lets a blocked accept return with an error.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Answers the requests of one connection until it ends.
fn answer_all(client: TcpStream, folders: &Folders) -> Result<()> {
    client.set_nodelay(true)?;
    let mut stream = BufReader::new(client);
    while let Some(request) = http::read(&mut stream)? {
        let client = stream.get_mut();
        if request.line.contains("watch=true") {
            client.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n")?;
            // Until the client goes.
            let _gone = client.read(&mut [0]);
            return Ok(client.shutdown(Shutdown::Both)?);
        }
        let (code, body) = folders.answer(&request)?;
        let body = body.to_string();
        client.write_all(&http::answer(code, "", body.as_bytes()))?;
    }
    Ok(())
}

impl Folders {
    fn answer(&self, request: &Request) -> Result<(u16, Value)> {
        let (method, path) = request.line.split_once(' ').unwrap_or_default();
        let path = path.split('?').next().unwrap_or_default();
        let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
        let not_found = || {
            let status = json!({"kind": "Status", "status": "Failure", "reason": "NotFound",
                "message": "no manifest", "code": 404});
            (404, status)
        };
        Ok(match (method, words.as_slice()) {
            ("GET", [.., "namespaces", namespace, "pods", name]) => {
                (200, self.pod(namespace, name)?)
            }
            (
                "GET",
                [
                    ..,
                    "namespaces",
                    namespace,
                    "network-attachment-definitions",
                    name,
                ],
            ) => match self.find("NetworkAttachmentDefinition", namespace, name)? {
                Some(found) => (200, found),
                None => not_found(),
            },
            ("GET", [.., "pods" | "network-attachment-definitions"]) => {
                let metadata = json!({"resourceVersion": "1"});
                (200, json!({"metadata": metadata, "items": []}))
            }
            ("PATCH", [.., "namespaces", namespace, "pods", name, "status"]) => {
                let patch: Value = serde_json::from_slice(&request.body)?;
                let status = patch["metadata"]["annotations"][STATUS].as_str();
                let file = self.statuses.join(format!("{namespace}_{name}.json"));
                fs::write(file, status.unwrap_or_default())?;
                (200, json!({}))
            }
            ("POST", [.., "events"]) => (201, json!({})),
            _ => not_found(),
        })
    }

    fn pod(&self, namespace: &str, name: &str) -> Result<Value> {
        let found = self.find("Pod", namespace, name)?;
        let mut pod = found.unwrap_or_else(|| json!({"metadata": {}}));
        let metadata = &mut pod["metadata"];
        metadata["namespace"] = json!(namespace);
        metadata["name"] = json!(name);
        if metadata["uid"].is_null() {
            metadata["uid"] = json!(UID);
        }
        metadata["annotations"][STATUS] = json!("[]");
        Ok(pod)
    }

    /// The object of a manifest; one without a namespace is in `default`.
    fn find(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        for entry in fs::read_dir(&self.manifests)? {
            let text = fs::read(entry?.path()).unwrap_or_default();
            let Ok(object) = serde_json::from_slice::<Value>(&text) else {
                continue;
            };
            let metadata = &object["metadata"];
            let in_namespace = metadata["namespace"].as_str().unwrap_or("default");
            if object["kind"] == kind && metadata["name"] == name && in_namespace == namespace {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }
}
