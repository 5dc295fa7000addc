//! What went wrong with one attempt.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use http::StatusCode;
use kube::client::AuthError;
use serde::Deserialize;

use crate::change::object;
use crate::error::ClusterError;
use crate::text::one_line;

/// Longest foreign text in an error.
const MOST: usize = 512;

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server answered with something else than success.
    Status(ApiStatus),
    /// Nothing, or not everything, came within this time.
    Timeout(Duration),
    /// An answer that goes on and on fell silent for this time.
    Silence(Duration),
    /// No connection, or it broke.
    Connection(String),
    /// An answer of more than this many bytes.
    TooLong(usize),
    /// One side does not accept the other's certificate, or our credentials could not be had.
    Credentials(String),
    /// The deadline had passed before the request could be sent.
    NoTime,
}

/// What the server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiStatus {
    /// HTTP status.
    pub code: StatusCode,
    /// Machine-readable reason; empty where the answer did not come from a Kubernetes API.
    pub reason: String,
    /// What it says, in one line.
    pub message: String,
    /// Fields of the object that it complains about.
    pub fields: Vec<String>,
}

#[derive(Deserialize)]
struct StatusDocument {
    kind: String,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    details: Option<StatusDetails>,
}

#[derive(Deserialize)]
struct StatusDetails {
    #[serde(default)]
    causes: Option<Vec<StatusCause>>,
}

#[derive(Deserialize)]
struct StatusCause {
    #[serde(default)]
    field: Option<String>,
}

impl ApiStatus {
    /// Reads the body of an answer that is no success.
    pub(crate) fn parse(code: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice::<StatusDocument>(body) {
            Ok(document) if document.kind == "Status" => Self::of(code, document),
            _ => {
                let start = body.get(..MOST).unwrap_or(body);
                let message = one_line(&String::from_utf8_lossy(start), 120);
                Self {
                    code,
                    reason: String::new(),
                    message,
                    fields: Vec::new(),
                }
            }
        }
    }

    fn of(code: StatusCode, document: StatusDocument) -> Self {
        Self {
            code,
            reason: one_line(&document.reason.unwrap_or_default(), 64),
            message: one_line(&document.message.unwrap_or_default(), MOST),
            fields: document
                .details
                .and_then(|details| details.causes)
                .unwrap_or_default()
                .into_iter()
                .filter_map(|cause| cause.field)
                .collect(),
        }
    }

    /// Reads what the server says in the middle of a watch.
    pub(crate) fn of_watch(line: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Code {
            code: u16,
        }
        let code = object::<Code>(line).ok();
        let code = code.and_then(|document| StatusCode::from_u16(document.code).ok());
        let code = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        match object::<StatusDocument>(line) {
            Ok(document) => Self::of(code, document),
            Err(_) => Self::parse(code, line),
        }
    }

    /// The version that a list or a watch was to go on from is too old, or from a future that a restored API has lost.
    pub(crate) fn is_about_version(&self) -> bool {
        self.code == StatusCode::GONE || self.message.contains("Too large resource version")
    }

    /// The API itself says that the object does not exist. A 404 of something else (a load balancer, an API without
    /// the resource) says nothing about the object.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.code == StatusCode::NOT_FOUND && self.reason == "NotFound"
    }
}

impl fmt::Display for ApiStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code.as_u16())?;
        if self.reason.is_empty() {
            f.write_str(" without a reason of the API")?;
        } else {
            write!(f, " {}", self.reason)?;
        }
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

impl Failure {
    /// What an error of the client means.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let chain = chain(error);
        for link in &chain {
            if let Some(error) = link.downcast_ref::<AuthError>() {
                return Self::Credentials(auth_text(error));
            }
            if let Some(error) = link.downcast_ref::<rustls::Error>()
                && is_about_certificates(error)
            {
                return Self::Credentials(one_line(&error.to_string(), MOST));
            }
        }
        // The innermost error says what happened, the one around it where.
        let mut texts: Vec<String> = Vec::new();
        for link in chain.iter().rev() {
            let text = one_line(&link.to_string(), MOST);
            if !texts.iter().any(|inner| text.contains(inner.as_str())) {
                texts.push(text);
            }
            if texts.len() == 2 {
                break;
            }
        }
        texts.reverse();
        Self::Connection(texts.join(": "))
    }
}

impl Failure {
    /// The same, where newer credentials might have helped and could not be had.
    pub(crate) fn not_renewed(&self, error: &ClusterError) -> Self {
        Self::Credentials(format!(
            "{self}; credentials not renewed: failed to {error}"
        ))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Timeout(time) => write!(f, "no answer within {:.1} s", time.as_secs_f64()),
            Self::Silence(time) => write!(f, "nothing heard for {:.1} s", time.as_secs_f64()),
            Self::TooLong(most) => write!(f, "answer of more than {most} bytes"),
            Self::Connection(reason) | Self::Credentials(reason) => f.write_str(reason),
            Self::NoTime => f.write_str("no time left"),
        }
    }
}

/// The error and everything below it. An I/O error hides what it wraps from `source`.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut links = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        links.push(error);
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
        if links.len() == 16 {
            break;
        }
    }
    links
}

/// Whether reading the credentials again may help.
fn is_about_certificates(error: &rustls::Error) -> bool {
    use rustls::AlertDescription as Alert;
    match error {
        rustls::Error::InvalidCertificate(_) => true,
        rustls::Error::AlertReceived(alert) => matches!(
            alert,
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::UnknownCA
                | Alert::AccessDenied
                | Alert::CertificateRequired
        ),
        _ => false,
    }
}

/// What went wrong with the credentials, without them: a credential plugin's output may hold a token.
pub(crate) fn auth_text(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            format!("credential plugin ended with {}", out.status)
        }
        AuthError::AuthExecParse(_) => {
            "credential plugin's answer is not an ExecCredential".to_owned()
        }
        AuthError::ParseTokenKey(_) => "credential plugin's answer is not JSON".to_owned(),
        AuthError::MalformedTokenExpirationDate(_) => {
            "credential plugin's answer has a malformed expiration date".to_owned()
        }
        error => one_line(&error.to_string(), MOST),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn an_answer_without_a_status_is_not_the_apis_not_found() {
        let status = ApiStatus::parse(StatusCode::NOT_FOUND, b"404 page not found\n");
        assert!(!status.is_not_found());
        assert_eq!(
            status.to_string(),
            "404 without a reason of the API: 404 page not found"
        );
        let body = br#"{"kind":"Status","status":"Failure","message":"pods \"a\" not found","reason":"NotFound"}"#;
        let status = ApiStatus::parse(StatusCode::NOT_FOUND, body);
        assert!(status.is_not_found());
        assert_eq!(status.to_string(), "404 NotFound: pods \"a\" not found");
    }

    #[test]
    fn what_a_server_says_is_bounded() {
        let body = format!(
            r#"{{"kind":"Status","message":"{}","reason":"Invalid"}}"#,
            "x".repeat(9000)
        );
        let status = ApiStatus::parse(StatusCode::UNPROCESSABLE_ENTITY, body.as_bytes());
        assert_eq!(status.message.len(), MOST);
        let status = ApiStatus::parse(StatusCode::BAD_GATEWAY, "ä".repeat(9000).as_bytes());
        assert!(status.message.len() <= 120);
    }

    #[test]
    fn a_failed_credential_plugin_shows_no_output() {
        let error = AuthError::AuthExecRun {
            cmd: "get-token --password=secret".to_owned(),
            out: Box::new(std::process::Output {
                status: std::process::ExitStatus::from_raw(256),
                stdout: b"secret".to_vec(),
                stderr: b"secret".to_vec(),
            }),
        };
        let failure = Failure::of(&kube::Error::Auth(error));
        assert_eq!(
            failure,
            Failure::Credentials("credential plugin ended with exit status: 1".to_owned())
        );
    }

    #[test]
    fn a_certificate_error_is_found_below_io_errors() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let error = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls));
        let failure = Failure::of(&error);
        assert_eq!(
            failure,
            Failure::Credentials("invalid peer certificate: UnknownIssuer".to_owned())
        );
    }
}
