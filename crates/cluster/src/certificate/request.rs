//! A CertificateSigningRequest, and what becomes of it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PublicKeyData as _};
use serde::Deserialize;
use serde_json::json;

use super::{CertificateError, NodeCertificate};
use crate::text::one_line;

/// The group of all nodes' Multus (B6.81); a node's name follows it.
const GROUP: &str = "system:multus";
/// The API grants no shorter time.
const SHORTEST: Duration = Duration::from_secs(600);
/// Longest text of somebody who refuses.
const LONGEST_REASON: usize = 200;

/// Who the node's Multus is to the API.
pub(super) fn name(node: &str) -> String {
    format!("{GROUP}:{node}")
}

/// A key, and what is asked for it.
pub(super) struct Request {
    key: KeyPair,
    object: Vec<u8>,
}

impl Request {
    pub(super) fn new(about: &NodeCertificate) -> Result<Self, CertificateError> {
        let failed = |error: rcgen::Error| CertificateError::Key(one_line(&error.to_string(), 200));
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::default();
        let mut subject = DistinguishedName::new();
        subject.push(DnType::OrganizationName, GROUP);
        subject.push(DnType::CommonName, name(&about.node));
        params.distinguished_name = subject;
        let pem = params
            .serialize_request(&key)
            .and_then(|request| request.pem())
            .map_err(failed)?;
        let object = json!({
            "apiVersion": "certificates.k8s.io/v1",
            "kind": "CertificateSigningRequest",
            "metadata": {"generateName": "csr-"},
            "spec": {
                "request": STANDARD.encode(pem),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "usages": ["digital signature", "client auth"],
                "expirationSeconds": about.duration.max(SHORTEST).as_secs(),
            },
        });
        let object = object.to_string().into_bytes();
        Ok(Self { key, object })
    }

    pub(super) fn object(&self) -> Vec<u8> {
        self.object.clone()
    }

    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// As it stands in a certificate.
    pub(super) fn public_key(&self) -> &[u8] {
        self.key.der_bytes()
    }
}

/// How a request stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// This is the certificate, PEM.
    Issued(Vec<u8>),
    /// No.
    Refused(String),
    /// Nobody has said anything yet; what is missing.
    Pending(&'static str),
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    conditions: Vec<Condition>,
    certificate: Option<String>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

/// The name that the API gave.
pub(super) fn named(body: &[u8]) -> Result<String, serde_json::Error> {
    serde_json::from_slice(body).map(|object: Object| object.metadata.name)
}

/// How it stands.
pub(super) fn answer(body: &[u8]) -> Result<Answer, serde_json::Error> {
    let status = serde_json::from_slice::<Object>(body)?.status;
    let mut no = status.conditions.iter();
    if let Some(no) = no.find(|one| matches!(one.kind.as_str(), "Denied" | "Failed")) {
        let text = format!("{} {} {}", no.kind, no.reason, no.message);
        return Ok(Answer::Refused(one_line(text.trim(), LONGEST_REASON)));
    }
    if let Some(certificate) = status.certificate.filter(|text| !text.is_empty()) {
        use serde::de::Error as _;
        let pem = STANDARD.decode(certificate);
        return pem.map(Answer::Issued).map_err(serde_json::Error::custom);
    }
    let is_approved = status.conditions.iter().any(|one| one.kind == "Approved");
    Ok(Answer::Pending(if is_approved {
        "signed"
    } else {
        "approved"
    }))
}
