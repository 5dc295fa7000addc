//! A proxy before the API server that does what the real one can't be made to do: refuse, wait, hang up, lose an answer.
//!
//! It ends TLS with the API server's own certificate and passes requests on with the client's bearer token, so that what it is not
//! told to spoil is answered by the real server. A client certificate cannot be passed on.

pub(crate) mod http;

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use ureq::Agent;

use crate::apiserver::{ApiServer, free_port};
use crate::kube::agent;

/// What happens to a request.
#[derive(Clone)]
pub enum Fault {
    /// It is answered here, with this status, further header lines and body; the API server does not see it.
    Answer(u16, String, String),
    /// It waits here, and is passed on.
    Delay(Duration),
    /// Something is done first, and it is passed on.
    After(Arc<dyn Fn() + Send + Sync>),
    /// The connection is closed without an answer.
    Close,
    /// It is passed on, and the connection is closed in place of the answer.
    LoseAnswer,
    /// Nothing is said until the client goes.
    Hang,
    /// A watch is passed on, and begins, and nothing comes of it until the client goes.
    Stall,
}

impl Fault {
    /// A refusal in the API's own form.
    pub fn status(code: u16, reason: &str) -> Self {
        let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("scripted {code}"), "reason": reason, "code": code});
        Self::Answer(code, String::new(), body.to_string())
    }

    /// 429 with a time to wait, in seconds.
    pub fn too_many(retry_after: u32) -> Self {
        match Self::status(429, "TooManyRequests") {
            Self::Answer(code, _, body) => {
                Self::Answer(code, format!("retry-after: {retry_after}\r\n"), body)
            }
            other => other,
        }
    }

    /// An answer of something that is no Kubernetes API.
    pub fn text(code: u16, body: &str) -> Self {
        Self::Answer(code, String::new(), body.to_owned())
    }

    /// Something is done before the request is passed on.
    pub fn after(work: impl Fn() + Send + Sync + 'static) -> Self {
        Self::After(Arc::new(work))
    }
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method and path, as `GET /api/v1/namespaces/a/pods/b`.
    pub line: String,
    /// The value of the header `authorization`.
    pub authorization: String,
    /// When.
    pub at: Instant,
}

/// A proxy; ends when dropped.
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    server: String,
    agent: Agent,
    tls: Arc<ServerConfig>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
    /// The connections that there are, by their numbers.
    clients: Mutex<Vec<(usize, TcpStream)>>,
    connections: AtomicUsize,
}

/// Requests with this method and this part of the path are spoiled in turn; with `stays`, all of them by the first fault.
struct Rule {
    method: &'static str,
    part: String,
    faults: VecDeque<Fault>,
    stays: bool,
}

impl Proxy {
    /// A proxy before this API server, at its address with a port of its own.
    pub fn start(api: &ApiServer) -> Result<Self> {
        let address = free_port(api.ip())?;
        let listener = TcpListener::bind(address)
            .with_context(|| format!("failed to listen on {address} as a proxy"))?;
        let shared = Arc::new(Shared {
            server: api.url().to_owned(),
            agent: agent(api.ca(), None)?,
            tls: Arc::new(tls(api)?),
            rules: Mutex::default(),
            seen: Mutex::default(),
            clients: Mutex::default(),
            connections: AtomicUsize::default(),
        });
        let (accepts, serves) = (listener.try_clone()?, Arc::clone(&shared));
        let accepting = Some(spawn(move || accept(&accepts, &serves))?);
        Ok(Self {
            listener,
            address: address.into(),
            shared,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same for a kubeconfig.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Spoils the next requests with this method and this part of the path, one after the other; those that follow are passed on.
    pub fn next(
        &self,
        method: &'static str,
        part: &str,
        faults: impl IntoIterator<Item = Fault>,
    ) -> &Self {
        let (part, faults) = (part.to_owned(), faults.into_iter().collect());
        lock(&self.shared.rules).push(Rule {
            method,
            part,
            faults,
            stays: false,
        });
        self
    }

    /// Spoils every request with this method and this part of the path.
    pub fn every(&self, method: &'static str, part: &str, fault: Fault) -> &Self {
        let (part, faults) = (part.to_owned(), VecDeque::from([fault]));
        lock(&self.shared.rules).push(Rule {
            method,
            part,
            faults,
            stays: true,
        });
        self
    }

    /// From now on nothing is spoiled any more. What is spoiled already stays so.
    pub fn heal(&self) {
        lock(&self.shared.rules).clear();
    }

    /// Breaks all connections that there are.
    pub fn hang_up(&self) {
        for (_, client) in lock(&self.shared.clients).drain(..) {
            // One that is closed already is no connection any more.
            let _ = client.shutdown(Shutdown::Both);
        }
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The requests so far with this method and this part of the path.
    pub fn seen(&self, method: &str, part: &str) -> Vec<Seen> {
        let mut seen = lock(&self.shared.seen).clone();
        seen.retain(|seen| fits(&seen.line, method, part));
        seen
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Linux lets a blocked accept return with an error. Connections end with their clients.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Proxy({})", self.address)
    }
}

impl Shared {
    /// What is to happen to a request.
    fn fault(&self, line: &str) -> Option<Fault> {
        let mut rules = lock(&self.rules);
        let mut rules = rules.iter_mut();
        let rule =
            rules.find(|rule| !rule.faults.is_empty() && fits(line, rule.method, &rule.part))?;
        if rule.stays {
            return rule.faults.front().cloned();
        }
        rule.faults.pop_front()
    }
}

fn fits(line: &str, method: &str, part: &str) -> bool {
    let words = line.split_once(' ');
    words.is_some_and(|(of, path)| of == method && path.contains(part))
}

fn tls(api: &ApiServer) -> Result<ServerConfig> {
    let identity = api.serving_identity();
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes())
        .context("failed to read the API server's certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes())
        .context("failed to read the API server's key")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept() {
        let shared = Arc::clone(shared);
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let handle = client.try_clone().map(|client| (number, client));
        lock(&shared.clients).extend(handle);
        // A connection that cannot be served is closed, and the client tells.
        let _ = spawn(move || {
            drop(serve(client, &shared));
            lock(&shared.clients).retain(|(of, _)| *of != number);
        });
    }
}

/// Answers the requests of one connection until it ends.
fn serve(client: TcpStream, shared: &Shared) -> Result<()> {
    client.set_nodelay(true)?;
    let tls = ServerConnection::new(Arc::clone(&shared.tls))?;
    let mut stream = BufReader::new(StreamOwned::new(tls, client));
    while let Some(request) = http::read(&mut stream)? {
        lock(&shared.seen).push(Seen {
            line: request.line.clone(),
            authorization: request.header("authorization").to_owned(),
            at: Instant::now(),
        });
        let is_watch = request.line.contains("watch=true");
        let pass = || http::pass(&shared.agent, &shared.server, &request);
        let fault = shared.fault(&request.line);
        let is_stalled = matches!(fault, Some(Fault::Stall));
        let mut spoiled = None;
        match fault {
            None | Some(Fault::Stall) => {}
            Some(Fault::Answer(code, headers, body)) => {
                spoiled = Some(http::answer(code, &headers, body.as_bytes()));
            }
            Some(Fault::Delay(time)) => thread::sleep(time),
            Some(Fault::After(work)) => work(),
            Some(Fault::Close) => return Ok(()),
            Some(Fault::LoseAnswer) => return pass().map(drop),
            Some(Fault::Hang) => return Ok(stream.read(&mut [0]).map(drop)?),
        }
        match spoiled {
            None if is_watch => {
                let (agent, server, client) = (&shared.agent, &shared.server, stream.get_mut());
                http::pass_on(agent, server, &request, is_stalled, client)?;
                if is_stalled {
                    return Ok(stream.read(&mut [0]).map(drop)?);
                }
            }
            None => stream.get_mut().write_all(&pass()?)?,
            Some(answer) => stream.get_mut().write_all(&answer)?,
        }
        stream.get_mut().flush()?;
    }
    Ok(())
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = thread::Builder::new().name("proxy".to_owned());
    thread.spawn(work).context("failed to start a thread")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
