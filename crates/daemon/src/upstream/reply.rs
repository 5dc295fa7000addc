//! Answers as upstream's clients read them (B6.12, B6.14, B6.22–B6.25).

use bytes::Bytes;
use cni::{CniError, CniResult, Version, code};
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use ipc::upstream;
use plugin::messages::plain;

/// What is answered.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It is done.
    Done,
    /// The result of an ADD.
    Result(Vec<u8>),
    /// It is not done.
    Refused(CniError),
    /// The request cannot be understood.
    Bad(String),
    /// It is not asked like this.
    WrongMethod,
}

/// The text of a result.
pub(super) fn result(made: &CniResult) -> Result<Vec<u8>, CniError> {
    let result = made
        .to_value(Version::LATEST)
        .map_err(|error| plain(code::INCOMPATIBLE_VERSION, error))?;
    gojson::to_vec(&upstream::Response { result }).map_err(|error| plain(code::INTERNAL, error))
}

impl From<Reply> for Response<Full<Bytes>> {
    fn from(reply: Reply) -> Self {
        const JSON: &str = "application/json";
        const TEXT: &str = "text/plain; charset=utf-8";
        let text = |status, text: String| (status, Some(TEXT), Bytes::from(text + "\n"));
        let (status, kind, body) = match reply {
            Reply::Done => (StatusCode::OK, None, Bytes::new()),
            Reply::Result(bytes) => (StatusCode::OK, Some(JSON), bytes.into()),
            Reply::Refused(error) => {
                let words = upstream::Error {
                    code: error.code,
                    msg: error.msg,
                    details: error.details.unwrap_or_default(),
                };
                let bytes = gojson::to_vec(&words).unwrap_or_default();
                (StatusCode::BAD_REQUEST, Some(JSON), bytes.into())
            }
            Reply::Bad(reason) => text(StatusCode::BAD_REQUEST, reason),
            Reply::WrongMethod => {
                let reason = "Method not allowed".to_owned();
                text(StatusCode::METHOD_NOT_ALLOWED, reason)
            }
        };
        let mut response = Self::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if kind == Some(TEXT) {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        response
    }
}
