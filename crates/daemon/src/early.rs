//! Whoever asks while the node's first certificate is waited for: nothing can be planned without the API, and he is told why.

use std::convert::Infallible;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipc::upstream::{HEALTHZ, READYZ};
use plugin::LOG;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::arrivals::Arrivals;
use crate::credentials::{Credentials, CredentialsError, First};
use crate::pace::Pace;
use crate::server::{is_root, listen};
use crate::socket::{Socket, SocketError};

/// How often the log has what is waited for.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a guest may take to ask, and how many may do so at a time; all others wait.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST: usize = 64;
/// Where the kernel has no connection to give, it is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// What is waited for.
#[derive(Debug)]
struct Wait {
    what: Mutex<String>,
    pace: Mutex<Pace>,
    arrivals: Arrivals,
}

impl Wait {
    fn new(now: Instant) -> Self {
        Self {
            what: Mutex::new("the node's first certificate is waited for".to_owned()),
            pace: Mutex::new(Pace::new(1, INTERVAL, now)),
            arrivals: Arrivals::default(),
        }
    }

    fn tell(&self, reason: &str) {
        let told = format!("the node's first certificate is waited for: {reason}");
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        if pace.is_open(Instant::now()) {
            LOG.warning(&told);
        }
        *self.what.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// The process is well; nothing else is.
    fn answer(&self, path: &str) -> (StatusCode, String) {
        let what = self.what.lock().unwrap_or_else(PoisonError::into_inner);
        match path {
            HEALTHZ => (StatusCode::OK, String::new()),
            READYZ => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("[-]certificate: {what}\n"),
            ),
            _ => (StatusCode::SERVICE_UNAVAILABLE, what.clone()),
        }
    }
}

/// The socket until there is a daemon behind it. Where none comes, it is taken away again.
#[derive(Debug)]
pub(crate) struct Early(Option<(Socket, StdListener)>);

impl Early {
    pub(crate) fn bind(directory: &Path) -> Result<Self, SocketError> {
        Socket::bind(directory).map(|bound| Self(Some(bound)))
    }

    /// Waits for the first certificate; whoever connects meanwhile is told so.
    ///
    /// # Errors
    /// Nobody can be listened to.
    pub(crate) async fn serve_until(
        &self,
        first: First,
    ) -> io::Result<Result<Credentials, CredentialsError>> {
        let wait = Arc::new(Wait::new(Instant::now()));
        let tell = |reason: String| wait.tell(&reason);
        let Some((_, listener)) = &self.0 else {
            return Ok(first.obtain(&tell).await);
        };
        let listener = listen(listener.try_clone()?)?;
        tokio::select! {
            obtained = first.obtain(&tell) => Ok(obtained),
            never = serve(listener, &wait) => match never {},
        }
    }

    /// Hands the socket over to the daemon.
    pub(crate) fn end(mut self) -> Option<(Socket, StdListener)> {
        self.0.take()
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        if let Some((socket, _)) = &self.0 {
            socket.remove();
        }
    }
}

async fn serve(listener: UnixListener, wait: &Arc<Wait>) -> Infallible {
    let mut guests = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = guests.join_next() => {}
            accepted = listener.accept(), if guests.len() < MOST => match accepted {
                Ok((stream, _)) if is_root(&stream) => {
                    guests.spawn(host(stream, Arc::clone(wait)));
                }
                Ok(_) => {}
                Err(error) => {
                    LOG.debug(format_args!("cannot accept a connection: {error}"));
                    sleep(PAUSE).await;
                }
            },
        }
    }
}

async fn host(stream: UnixStream, wait: Arc<Wait>) {
    let answering = service_fn(move |request: Request<Incoming>| {
        let wait = Arc::clone(&wait);
        async move {
            let (head, body) = request.into_parts();
            // Whoever is hung up on before all is read of him may not read what he is told.
            let _arrived = wait.arrivals.read(body).await;
            let (status, text) = wait.answer(head.uri.path());
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = status;
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), answering);
    // Nobody is owed more than an answer.
    let _gone = timeout(PATIENCE, connection).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_asks_before_there_is_a_certificate_is_told_what_it_waits_for() {
        let wait = Wait::new(Instant::now());
        let what = "the node's first certificate is waited for";
        let plan = wait.answer("/v1/plan");
        assert_eq!(plan, (StatusCode::SERVICE_UNAVAILABLE, what.to_owned()));
        wait.tell("csr-a is not approved yet");
        let (status, text) = wait.answer(READYZ);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let line = format!("[-]certificate: {what}: csr-a is not approved yet\n");
        assert_eq!(text, line);
        assert_eq!(wait.answer(HEALTHZ), (StatusCode::OK, String::new()));
    }
}
