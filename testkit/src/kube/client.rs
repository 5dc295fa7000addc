//! A blocking client that speaks to the API as a test wants it: any path, any body, JSON in and out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use ureq::Agent;
use ureq::http::{Method, Request};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::kubeconfig::User;
use crate::apiserver::Identity;

/// No request of a test takes longer, unless the API is broken.
const TIMEOUT: Duration = Duration::from_secs(30);
const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";

/// Talks to one API server as one user.
#[derive(Debug, Clone)]
pub struct Client {
    agent: Agent,
    server: String,
    token: Option<String>,
}

/// The API answered, and the answer was no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The request's method.
    pub method: String,
    /// The request's path and query.
    pub path: String,
    /// The HTTP status.
    pub status: u16,
    /// The API's own word for it (`NotFound`, `Conflict`, `Forbidden`, …).
    pub reason: String,
    /// The API's explanation.
    pub message: String,
}

impl Client {
    /// A client for the server at `https://…`, with the authority's certificate in PEM.
    pub fn new(server: &str, ca: &str, user: &User) -> anyhow::Result<Self> {
        let (token, identity) = match user {
            User::Token(text) => (Some(text.clone()), None),
            User::Certificate(identity) => (None, Some(identity)),
        };
        Ok(Self {
            agent: agent(ca, identity)?,
            server: server.to_owned(),
            token,
        })
    }

    /// Reads an object or a list.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.request(Method::GET, path, None)
    }

    /// As [`Client::get`]; `None` when there is no such object.
    pub fn find(&self, path: &str) -> anyhow::Result<Option<Value>> {
        match self.get(path) {
            Err(error) if status(&error) == Some(404) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Creates an object at the path of its list, or posts to a subresource.
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.request(Method::POST, path, Some((JSON, body)))
    }

    /// Replaces an object; with `metadata.resourceVersion` only when it is still that version.
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.request(Method::PUT, path, Some((JSON, body)))
    }

    /// Changes an object by a JSON merge patch.
    pub fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.request(Method::PATCH, path, Some((MERGE_PATCH, body)))
    }

    /// Deletes an object now: no controller of this API would end a grace period.
    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        let mark = if path.contains('?') { '&' } else { '?' };
        self.request(
            Method::DELETE,
            &format!("{path}{mark}gracePeriodSeconds=0"),
            None,
        )
    }

    /// Deletes an object, or all of a list, as a person does: pods get the time that they ask for.
    pub fn delete_gracefully(&self, path: &str) -> anyhow::Result<Value> {
        self.request(Method::DELETE, path, None)
    }

    /// Reads what is not JSON, as `/readyz` or `/metrics`.
    pub fn text(&self, path: &str) -> anyhow::Result<String> {
        self.send(&Method::GET, path, None)
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> anyhow::Result<Value> {
        let text = self.send(&method, path, body)?;
        serde_json::from_str(&text)
            .with_context(|| format!("failed to parse the answer to {method} {path}"))
    }

    fn send(
        &self,
        method: &Method,
        path: &str,
        body: Option<(&str, &Value)>,
    ) -> anyhow::Result<String> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.server));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = match body {
            None => self.agent.run(request.body(())?),
            Some((kind, body)) => self.agent.run(
                request
                    .header("content-type", kind)
                    .body(serde_json::to_vec(body)?)?,
            ),
        };
        let mut answer = answer
            .with_context(|| format!("{method} {path} got no answer from {}", self.server))?;
        let text = answer
            .body_mut()
            .read_to_string()
            .with_context(|| format!("{method} {path} broke off"))?;
        if answer.status().is_success() {
            return Ok(text);
        }
        Err(Refused::new(method, path, answer.status().as_u16(), &text).into())
    }
}

/// What sends requests to a server of this authority, whatever it answers.
pub(crate) fn agent(ca: &str, identity: Option<&Identity>) -> anyhow::Result<Agent> {
    let mut authorities = Vec::new();
    for item in parse_pem(ca.as_bytes()) {
        if let PemItem::Certificate(authority) =
            item.context("failed to read the authority's certificate")?
        {
            authorities.push(authority);
        }
    }
    let mut tls = TlsConfig::builder()
        .root_certs(RootCerts::from(authorities))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    if let Some(identity) = identity {
        let certificate = Certificate::from_pem(identity.certificate.as_bytes())?;
        let key = PrivateKey::from_pem(identity.key.as_bytes())?;
        tls = tls.client_cert(Some(ClientCert::new_with_certs(&[certificate], key)));
    }
    Ok(Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        // Not what the machine has configured: the server is on loopback.
        .proxy(None)
        .user_agent("testkit")
        .build()
        .new_agent())
}

impl Refused {
    fn new(method: &Method, path: &str, status: u16, body: &str) -> Self {
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let field = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let message = if answer.is_object() {
            field("message")
        } else {
            body.trim().to_owned()
        };
        Self {
            method: method.to_string(),
            path: path.to_owned(),
            status,
            reason: field("reason"),
            message,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            path,
            status,
            reason,
            message,
        } = self;
        write!(
            f,
            "{method} {path} was refused with {status} {reason}: {message}"
        )
    }
}

impl std::error::Error for Refused {}

/// The HTTP status with which the API refused, if that is what an error is about.
pub fn status(error: &anyhow::Error) -> Option<u16> {
    error
        .downcast_ref::<Refused>()
        .map(|refused| refused.status)
}
