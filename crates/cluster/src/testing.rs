//! An API server of this process that answers from a script, for tests.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// What the server does with one request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Answers with this status, header lines and body.
    Http(u16, &'static str, String),
    /// Answers, and closes the connection without saying so before.
    HttpThenClose(u16, String),
    /// Says nothing until the client goes.
    Hang,
    /// Closes the connection without an answer.
    Close,
    /// Answers a watch with these lines.
    Watch(Vec<Value>, Then),
}

/// What comes after the lines of a watch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Its proper end.
    End,
    /// Nothing, until the client goes.
    Silence,
    /// The connection breaks.
    Break,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self::Http(200, "", body.to_string())
    }

    /// The API's own way to say no.
    pub(crate) fn status(code: u16, reason: &str, message: &str) -> Self {
        Self::Http(code, "", status(code, reason, message).to_string())
    }
}

pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    closed: AtomicUsize,
    stopped: AtomicBool,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    tls: bool,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn plain(script: Vec<Answer>) -> Self {
        Self::start(script, None)
    }

    pub(crate) fn tls(pki: &Pki, script: Vec<Answer>) -> Self {
        Self::start(script, Some(Arc::clone(&pki.server)))
    }

    fn start(script: Vec<Answer>, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into()),
            ..Shared::default()
        });
        let mut server = Self {
            address,
            shared: Arc::clone(&shared),
            tls: tls.is_some(),
            accepting: None,
        };
        server.accepting = Some(spawn("accept", move || {
            for stream in listener.incoming() {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, tls) = (Arc::clone(&shared), tls.clone());
                spawn("serve", move || {
                    let end = stream.try_clone().unwrap();
                    match tls {
                        Some(config) => {
                            let tls = ServerConnection::new(config).unwrap();
                            serve(StreamOwned::new(tls, stream), &shared);
                        }
                        None => serve(stream, &shared),
                    }
                    // A child that another test is just starting may have the connection as well.
                    let _gone = end.shutdown(Shutdown::Both);
                    shared.closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        }));
        server
    }

    /// A kubeconfig for this server in `directory`, with these lines for user and certificates of the cluster.
    pub(crate) fn kubeconfig(&self, directory: &Path, user: &str, cluster: &str) -> PathBuf {
        let scheme = if self.tls { "https" } else { "http" };
        let path = directory.join("kubeconfig");
        write(
            &path,
            &kubeconfig(&format!("{scheme}://{}", self.address), user, cluster),
        );
        path
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Method and path of each request.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many of the connections the server has closed.
    pub(crate) fn closed(&self) -> usize {
        self.shared.closed.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        // Nobody listens any more when this is done.
        let _ended = self.accepting.take().map(JoinHandle::join);
    }
}

pub(crate) fn kubeconfig(server: &str, user: &str, cluster: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: main\n\
         contexts: [{{name: main, context: {{cluster: c, user: u}}}}]\n\
         clusters: [{{name: c, cluster: {{server: '{server}'{cluster}}}}}]\n\
         users: [{{name: u, user: {{{user}}}}}]\n"
    )
}

fn serve(stream: impl Read + Write, shared: &Shared) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = request(&mut stream) {
        shared.seen.lock().unwrap().push(seen);
        let answer = shared.script.lock().unwrap().pop_front();
        let (code, headers, body, close) = match answer {
            Some(Answer::Http(code, headers, body)) => (code, headers, body, false),
            Some(Answer::HttpThenClose(code, body)) => (code, "", body, true),
            Some(Answer::Close) => return,
            Some(Answer::Watch(lines, then)) => {
                if watch(stream.get_mut(), &lines, then).is_err() || then == Then::Break {
                    return;
                }
                if then == Then::Silence {
                    let _ = stream.read(&mut [0]);
                    return;
                }
                continue;
            }
            Some(Answer::Hang) => {
                let _ = stream.read(&mut [0]);
                return;
            }
            None => (418, "", "the script has ended".to_owned(), false),
        };
        let head = format!(
            "HTTP/1.1 {code} X\r\ncontent-length: {}\r\n{headers}\r\n",
            body.len()
        );
        let stream = stream.get_mut();
        if stream
            .write_all((head + &body).as_bytes())
            .and_then(|()| stream.flush())
            .is_err()
            || close
        {
            return;
        }
    }
}

fn watch(stream: &mut impl Write, lines: &[Value], then: Then) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n"
    )?;
    for line in lines {
        let line = format!("{line}\n");
        write!(stream, "{:x}\r\n{line}\r\n", line.len())?;
        stream.flush()?;
    }
    if then == Then::End {
        write!(stream, "0\r\n\r\n")?;
    }
    stream.flush()
}

fn request(stream: &mut impl BufRead) -> Option<Seen> {
    let mut line = String::new();
    if stream.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut headers = String::new();
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        if header == "\r\n" {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        headers.push_str(&header);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Seen {
        line,
        headers,
        body: String::from_utf8(body).ok()?,
    })
}

/// A certificate authority, a server of it on loopback, a client of it.
pub(crate) struct Pki {
    pub(crate) ca_pem: String,
    client: String,
    client_key: String,
    server: Arc<ServerConfig>,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let sign = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            (params.signed_by(&key, &issuer).unwrap(), key)
        };
        let (client, client_key) = sign("client");
        let (server, server_key) = sign("127.0.0.1");
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
            .build()
            .unwrap();
        let server_key = PrivateKeyDer::Pkcs8(server_key.serialize_der().into());
        let server = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![server.der().clone()], server_key)
            .unwrap();
        Self {
            ca_pem: ca.pem(),
            client: client.pem(),
            client_key: client_key.serialize_pem(),
            server: Arc::new(server),
        }
    }

    /// The kubeconfig's lines for the user.
    pub(crate) fn user(&self) -> String {
        format!(
            "client-certificate-data: {}, client-key-data: {}",
            STANDARD.encode(&self.client),
            STANDARD.encode(&self.client_key)
        )
    }

    /// The kubeconfig's lines for the cluster, after its server.
    pub(crate) fn cluster(&self) -> String {
        format!(
            ", certificate-authority-data: {}",
            STANDARD.encode(&self.ca_pem)
        )
    }
}

/// Runs asynchronous work.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_io().enable_time().build().unwrap();
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    done
}

pub(crate) fn write(path: &Path, text: &str) {
    File::create(path)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .unwrap()
}
