//! Whoever asks while the node's first certificate is waited for: nothing can be planned without the API, and he is told why.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
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
use ipc::WITHOUT_CERTIFICATE;
use ipc::upstream::{HEALTHZ, READYZ};
use plugin::LOG;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::arrivals::Arrivals;
use crate::credentials::{Credentials, CredentialsError, First};
use crate::pace::Pace;
use crate::server::{admit, listen};
use crate::socket::{self, Socket, SocketError};

/// How often the log has what is waited for.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a guest may take to ask, and how many may do so at a time; all others wait.
const PATIENCE: Duration = Duration::from_secs(2);
const MOST: usize = 64;
/// How often the socket is looked after.
const LOOK: Duration = Duration::from_secs(1);

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
            what: Mutex::new(WITHOUT_CERTIFICATE.to_owned()),
            pace: Mutex::new(Pace::new(1, INTERVAL, now)),
            arrivals: Arrivals::default(),
        }
    }

    fn tell(&self, reason: &str) {
        let told = format!("{WITHOUT_CERTIFICATE}: {reason}");
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
pub(crate) struct Early {
    directory: PathBuf,
    bound: Option<(Socket, StdListener)>,
}

impl Early {
    pub(crate) fn new(directory: &Path) -> Self {
        Self {
            directory: directory.to_owned(),
            bound: None,
        }
    }

    /// Waits for the first certificate; whoever connects meanwhile is told so.
    ///
    /// # Errors
    /// Nobody can be listened to.
    pub(crate) async fn serve_until(
        &mut self,
        first: First,
    ) -> io::Result<Result<Credentials, CredentialsError>> {
        let wait = Arc::new(Wait::new(Instant::now()));
        let tell = |reason: String| wait.tell(&reason);
        tokio::select! {
            obtained = first.obtain(&tell) => Ok(obtained),
            never = self.serve(&wait) => match never? {},
        }
    }

    async fn serve(&mut self, wait: &Arc<Wait>) -> io::Result<Infallible> {
        let (mut guests, mut looks) = (JoinSet::new(), interval(LOOK));
        let mut listener = None;
        loop {
            tokio::select! {
                biased;
                Some(_) = guests.join_next() => {}
                _ = looks.tick() => if let Some(new) = self.look().map_err(io::Error::other)? {
                    listener = Some(listen(new.try_clone()?)?);
                },
                stream = next(listener.as_ref()), if guests.len() < MOST => {
                    guests.spawn(host(stream, Arc::clone(wait)));
                }
            }
        }
    }

    /// Binds unless somebody serves there: a predecessor may be able to plan. Where ours is gone it comes again. What is new
    /// is to be listened to.
    fn look(&mut self) -> Result<Option<&StdListener>, SocketError> {
        match &mut self.bound {
            Some((socket, listener)) => match socket.look() {
                Some(again) => *listener = again,
                None => return Ok(None),
            },
            None if sys::socket::is_served(&socket::path(&self.directory)) => return Ok(None),
            none => *none = Some(Socket::bind(&self.directory)?),
        }
        Ok(self.bound.as_ref().map(|(_, listener)| listener))
    }

    /// Hands the socket over to the daemon.
    pub(crate) fn end(mut self) -> Option<(Socket, StdListener)> {
        self.bound.take()
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        if let Some((socket, _)) = &self.bound {
            socket.remove();
        }
    }
}

async fn next(listener: Option<&UnixListener>) -> UnixStream {
    match listener {
        Some(listener) => admit(listener, |reason| LOG.debug(reason)).await,
        None => pending().await,
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
        let what = WITHOUT_CERTIFICATE;
        let plan = wait.answer("/v1/plan");
        assert_eq!(plan, (StatusCode::SERVICE_UNAVAILABLE, what.to_owned()));
        wait.tell("csr-a is not approved yet");
        let (status, text) = wait.answer(READYZ);
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        let line = format!("[-]certificate: {what}: csr-a is not approved yet\n");
        assert_eq!(text, line);
        assert_eq!(wait.answer(HEALTHZ), (StatusCode::OK, String::new()));
    }

    #[test]
    fn a_predecessor_who_serves_keeps_the_socket_and_one_that_is_removed_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let (predecessor, listener) = Socket::bind(folder.path()).unwrap();
        let mut early = Early::new(folder.path());
        assert!(early.look().unwrap().is_none());
        drop(listener);
        assert!(early.look().unwrap().is_some());
        assert!(early.look().unwrap().is_none());
        predecessor.remove();
        assert!(sys::socket::is_served(predecessor.path()));
        std::fs::remove_file(predecessor.path()).unwrap();
        assert!(early.look().unwrap().is_some());
        assert!(sys::socket::is_served(predecessor.path()));
        drop(early);
        assert!(!predecessor.path().exists());
    }
}
