//! One gRPC call over HTTP/2: an empty request, one message as the answer.

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, client};
use http::{HeaderMap, Request, StatusCode};
use tokio::net::UnixStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::CallError;

/// The authority is what every gRPC client says for a socket; paths in it break servers.
const LIST: &str = "http://localhost/v1.PodResourcesLister/List";
/// Before each message: not compressed, and its length.
const PREFIX: usize = 5;
/// How much the kubelet may send before we have read it.
const WINDOW: u32 = 1 << 20;
/// No message of the service itself is longer.
const LONGEST_REASON: usize = 200;

/// Asks the service that listens at `socket`, for `limit` at most and an answer of `most` bytes at most.
///
/// # Errors
/// There is no answer.
pub(crate) fn list(socket: &Path, limit: Duration, most: usize) -> Result<Vec<u8>, CallError> {
    let start = Instant::now();
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(CallError::Runtime)?;
    runtime.block_on(async {
        timeout(limit, exchange(socket, most))
            .await
            .unwrap_or_else(|_| Err(CallError::Timeout(start.elapsed())))
    })
}

async fn exchange(socket: &Path, most: usize) -> Result<Vec<u8>, CallError> {
    let stream = UnixStream::connect(socket)
        .await
        .map_err(CallError::Connect)?;
    let (service, connection) = client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(stream)
        .await
        .map_err(CallError::Connection)?;
    // Ends with the runtime. What goes wrong with the connection, the request is told too.
    tokio::spawn(connection);
    ask(service, most).await
}

async fn ask(service: SendRequest<Bytes>, most: usize) -> Result<Vec<u8>, CallError> {
    let mut service = service.ready().await.map_err(CallError::Connection)?;
    let request = Request::post(LIST)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("user-agent", concat!("multus/", env!("CARGO_PKG_VERSION")))
        .body(())
        .map_err(|_| CallError::Frame)?;
    let (answer, mut body) = service
        .send_request(request, false)
        .map_err(CallError::Connection)?;
    body.send_data(Bytes::from_static(&[0; PREFIX]), true)
        .map_err(CallError::Connection)?;
    let answer = answer.await.map_err(CallError::Connection)?;
    if answer.status() != StatusCode::OK {
        return Err(CallError::Http(answer.status()));
    }
    // A status among the headers comes in place of a message.
    if let Some(status) = status(answer.headers()) {
        return status.and(Err(CallError::Frame));
    }
    let mut stream = answer.into_body();
    let bytes = read(&mut stream, most).await?;
    let trailers = stream.trailers().await.map_err(CallError::Connection)?;
    // Without a status nobody knows whether this is all.
    status(&trailers.unwrap_or_default()).unwrap_or(Err(CallError::Frame))?;
    message(bytes)
}

async fn read(stream: &mut RecvStream, most: usize) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.data().await {
        let chunk = chunk.map_err(CallError::Connection)?;
        if bytes.len() + chunk.len() > most.saturating_add(PREFIX) {
            return Err(CallError::TooLarge { most });
        }
        bytes.extend_from_slice(&chunk);
        stream
            .flow_control()
            .release_capacity(chunk.len())
            .map_err(CallError::Connection)?;
    }
    Ok(bytes)
}

/// What the service says of the call; `None` where these headers do not say it.
fn status(headers: &HeaderMap) -> Option<Result<(), CallError>> {
    let text = |name| {
        headers
            .get(name)
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
    };
    let status = text("grpc-status")?;
    if status == "0" {
        return Some(Ok(()));
    }
    let message = text("grpc-message").unwrap_or_default();
    Some(Err(CallError::Refused {
        status: status.chars().take(LONGEST_REASON).collect(),
        message: message.chars().take(LONGEST_REASON).collect(),
    }))
}

/// The one message in the body.
fn message(mut bytes: Vec<u8>) -> Result<Vec<u8>, CallError> {
    let (prefix, rest) = bytes.split_at_checked(PREFIX).ok_or(CallError::Frame)?;
    let length = match prefix {
        [0, a, b, c, d] => u32::from_be_bytes([*a, *b, *c, *d]),
        _ => return Err(CallError::Frame),
    };
    if usize::try_from(length) != Ok(rest.len()) {
        return Err(CallError::Frame);
    }
    bytes.drain(..PREFIX);
    Ok(bytes)
}
