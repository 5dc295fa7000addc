//! The pod-resources service on a socket: real HTTP/2, answers as a test wants them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::Context;
use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

use super::{PodResources, encode};

/// What the service does with a call.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Lists these pods.
    Pods(Vec<PodResources>),
    /// Sends these bytes as its message.
    Message(Vec<u8>),
    /// Sends these bytes where a length and a message should be.
    Raw(Vec<u8>),
    /// Refuses with a gRPC status and a reason.
    Refuse(u32, &'static str),
    /// Answers with an HTTP status, as something that is no gRPC service.
    Http(u16),
    /// Sends the pods and says afterwards that it failed.
    FailAfter(Vec<PodResources>, u32),
    /// Accepts the call and never answers.
    Hang,
    /// Closes the connection.
    Close,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method and URL.
    pub line: String,
    /// Its headers, one a line.
    pub headers: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// A kubelet that listens until it is dropped.
#[derive(Debug)]
pub struct Kubelet {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    /// Listens at a path, which is free afterwards.
    pub fn start(socket: &Path, answer: Answer) -> anyhow::Result<Self> {
        let listener = std::os::unix::net::UnixListener::bind(socket)
            .with_context(|| format!("failed to listen at {}", socket.display()))?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = oneshot::channel();
        let (seen, path) = (Arc::clone(&requests), socket.to_owned());
        let thread = thread::Builder::new()
            .name("kubelet".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = UnixListener::from_std(listener) else {
                        return;
                    };
                    tokio::spawn(serve(listener, answer, seen));
                    // The other end is dropped, or says so.
                    let _ = stopped.await;
                });
                let _ = std::fs::remove_file(path);
            })?;
        Ok(Self {
            requests,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The calls so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: UnixListener, answer: Answer, seen: Arc<Mutex<Vec<Request>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, answer.clone(), Arc::clone(&seen)));
    }
}

/// What goes wrong here, the client sees.
async fn connection(stream: UnixStream, answer: Answer, seen: Arc<Mutex<Vec<Request>>>) {
    if matches!(answer, Answer::Close) {
        return;
    }
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, respond))) = connection.accept().await {
        let (answer, seen) = (answer.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let (head, body) = request.into_parts();
            let Ok(body) = read(body).await else { return };
            let headers = head
                .headers
                .iter()
                .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap_or("?")));
            let request = Request {
                line: format!("{} {}", head.method, head.uri),
                headers: headers.collect(),
                body,
            };
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(request);
            respond_with(answer, respond).await;
        });
    }
}

async fn read(mut body: RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        bytes.extend_from_slice(&chunk);
        body.flow_control().release_capacity(chunk.len())?;
    }
    Ok(bytes)
}

async fn respond_with(answer: Answer, mut respond: SendResponse<Bytes>) {
    let (bytes, status) = match answer {
        Answer::Pods(pods) => (frame(&encode(&pods)), 0),
        Answer::Message(message) => (frame(&message), 0),
        Answer::Raw(bytes) => (bytes, 0),
        Answer::FailAfter(pods, status) => (frame(&encode(&pods)), status),
        Answer::Refuse(status, message) => {
            let head = grpc(200)
                .header("grpc-status", status)
                .header("grpc-message", message)
                .body(());
            let _ = head.map(|head| respond.send_response(head, true));
            return;
        }
        Answer::Http(status) => {
            let _ = grpc(status)
                .body(())
                .map(|head| respond.send_response(head, true));
            return;
        }
        // The stream must not be reset: it is kept as long as the connection.
        Answer::Hang | Answer::Close => return std::future::pending().await,
    };
    let Ok(head) = grpc(200).body(()) else { return };
    let Ok(mut stream) = respond.send_response(head, false) else {
        return;
    };
    if stream.send_data(bytes.into(), false).is_ok() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(status));
        let _ = stream.send_trailers(trailers);
    }
}

fn grpc(status: u16) -> http::response::Builder {
    Response::builder()
        .status(status)
        .header("content-type", "application/grpc")
}

/// A message that is not compressed.
fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut frame = vec![0];
    frame.extend(length.to_be_bytes());
    frame.extend_from_slice(message);
    frame
}
