//! The least that the requests of an ADD take: one new TLS connection, the requests one after the other, nothing else.
//! No framework, no retries, no decoding of what comes back.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

use super::http::read_answer;

/// No request takes longer, unless the API is broken.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where the requests go, and in whose name.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// The authority's certificate, PEM.
    pub(super) authority: String,
    pub(super) token: String,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: &'static str,
    pub(super) path: String,
    pub(super) accept: &'static str,
    pub(super) content_type: Option<&'static str>,
    pub(super) body: String,
}

impl Request {
    /// As bytes, headers and all.
    fn encode(&self, server: &Server) -> String {
        let Self {
            method,
            path,
            accept,
            content_type,
            body,
        } = self;
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nAccept: {accept}\r\nUser-Agent: bench\r\n",
            server.address, server.token
        );
        if let Some(kind) = content_type {
            text.push_str(&format!(
                "Content-Type: {kind}\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        text + "\r\n" + body
    }
}

/// A server and what to ask it, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Session {
    address: SocketAddr,
    authority: String,
    requests: Vec<String>,
}

impl Session {
    pub(super) fn new(server: &Server, requests: &[Request]) -> Self {
        Self {
            address: server.address,
            authority: server.authority.clone(),
            requests: requests
                .iter()
                .map(|request| request.encode(server))
                .collect(),
        }
    }

    /// Connects, asks everything in turn, and makes sure that each answer is good. How long it took until the last
    /// request was sent, which writes the status, and until the end.
    pub(super) fn perform(&self) -> Result<(Duration, Duration)> {
        let begun = Instant::now();
        let mut read = Duration::ZERO;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots.add(certificate.context("read the authority's certificate")?)?;
        }
        let config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_root_certificates(roots)
                .with_no_client_auth();
        let name = ServerName::IpAddress(self.address.ip().into());
        let tls = ClientConnection::new(Arc::new(config), name)?;
        let tcp = TcpStream::connect(self.address).context("connect to the API")?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut stream = BufReader::new(StreamOwned::new(tls, tcp));
        for request in &self.requests {
            read = begun.elapsed();
            stream
                .get_mut()
                .write_all(request.as_bytes())
                .context("send a request")?;
            let (status, body) = read_answer(&mut stream)?;
            if status != 200 {
                let line = request.lines().next().unwrap_or_default();
                bail!("{line}: {status}: {}", String::from_utf8_lossy(&body));
            }
        }
        Ok((read, begun.elapsed()))
    }

    /// Writes it for [`main`].
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = json!({
            "address": self.address.to_string(),
            "authority": self.authority,
            "requests": self.requests,
        });
        std::fs::write(path, text.to_string()).with_context(|| format!("write {}", path.display()))
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let value: Value = serde_json::from_slice(&text)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            address: text(&value["address"]).parse().context("read an address")?,
            authority: text(&value["authority"]),
            requests: value["requests"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect(),
        })
    }
}

/// The client as a process of its own.
pub(super) fn main(session: &str) -> Result<()> {
    Session::read(Path::new(session))?.perform().map(drop)
}
