//! What the daemon answers, by path.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cni::{CniError, ContainerId, code};
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Body;
use ipc::upstream::{HEALTHZ, READYZ};
use ipc::{Detached, Failed, PlanRequest, StatusReply, StatusRequest, path};
use plan::PodRef;
use plugin::LOG;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sys::files::DirLedger;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::arrivals::{Arrivals, Lost};
use crate::credentials::Credentials;
use crate::gate::Place;
use crate::lacking::Lacking;
use crate::metrics::{FORMAT, METRICS, Standing};
use crate::node::{self, Node};
use crate::upstream::{self, Upstream};

/// Where upstream's profiles are (B6.171), and what to do instead.
const PPROF: &str = "/debug/pprof";
const NO_PROFILE: &str =
    "multus-daemon makes no profiles of itself; on the node, perf record -g -p PID does\n";

/// Answers requests.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) arrivals: Arrivals,
    pub(crate) node: Arc<Node>,
    /// `None` where it is not known which pods are the node's.
    pub(crate) lacking: Option<Lacking>,
    pub(crate) upstream: Upstream,
    pub(crate) credentials: Arc<Credentials>,
}

/// One connection, as long as it is open.
#[derive(Debug, Default)]
pub(crate) struct Guest {
    /// Of the attachment that was planned over it.
    place: Mutex<Option<Place>>,
    /// Requests that are not answered yet, and all that there were.
    asking: AtomicUsize,
    asked: AtomicUsize,
    /// There are more guests than can be served.
    is_one_too_many: bool,
}

impl Guest {
    pub(crate) fn new(is_one_too_many: bool) -> Self {
        Self {
            is_one_too_many,
            ..Self::default()
        }
    }

    /// Whether nothing is under way over this connection.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_planned() && self.asking.load(Ordering::Relaxed) == 0
    }

    /// How often something was asked over this connection.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether an attachment is under way over this connection.
    pub(crate) fn is_planned(&self) -> bool {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        place.is_some()
    }

    /// The place that it has from now on, if any; the one before is given back.
    fn hold(&self, place: Option<Place>) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }
}

/// What is answered.
#[derive(Debug)]
enum Answer {
    /// It is done.
    Done,
    /// A document.
    Document(Vec<u8>),
    /// Text for people.
    Text(String),
    /// All metrics.
    Metrics(String),
    /// Not yet, or not any more; the plugin asks again.
    NotReady(String),
    /// No; the plugin hands it on.
    Refused(CniError),
    /// The request cannot be understood.
    Bad(String),
    /// There is no such path.
    Unknown,
    /// There could be one with upstream's daemon.
    NoProfile,
    /// As upstream's clients read it.
    Upstream(Response<Full<Bytes>>),
}

impl Service {
    /// Answers one request of a guest.
    pub(crate) async fn answer<B>(
        &self,
        guest: &Guest,
        request: Request<B>,
    ) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        guest.asking.fetch_add(1, Ordering::Relaxed);
        guest.asked.fetch_add(1, Ordering::Relaxed);
        let (head, body) = request.into_parts();
        let answer = match (&head.method, head.uri.path()) {
            (&Method::GET | &Method::POST, HEALTHZ) => Answer::Done,
            (&Method::GET | &Method::POST, READYZ) => self.ready(),
            (_, HEALTHZ | READYZ) => Answer::Upstream(upstream::Reply::WrongMethod.into()),
            (method, endpoint) if upstream::serves(endpoint) => {
                let is_full = guest.is_one_too_many;
                let arrived = self.arrivals.read(body).await;
                let answer = self.upstream.answer(is_full, method, endpoint, arrived);
                Answer::Upstream(answer.await)
            }
            (&Method::GET | &Method::POST, METRICS) => self.metrics().await,
            (&Method::POST, endpoint) => match self.arrivals.read(body).await {
                Ok(arrived) => self.act(guest, endpoint, &arrived.body).await,
                Err(lost @ Lost::NoRoom) => Answer::NotReady(lost.to_string()),
                Err(lost) => Answer::Bad(lost.to_string()),
            },
            _ => Answer::Unknown,
        };
        guest.asking.fetch_sub(1, Ordering::Relaxed);
        let mut response = Response::from(answer);
        // B6.10; our own plugin asks several times.
        if guest.is_one_too_many || !head.uri.path().starts_with("/v1/") {
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let code = response.status().as_u16();
        self.node
            .metrics
            .answered(head.uri.path(), code, &head.method);
        response
    }

    /// Answers whoever comes to the metrics' port.
    pub(crate) async fn answer_anybody<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let answer = match (request.method(), request.uri().path()) {
            (&Method::GET, METRICS) => match self.node.metrics.recent(Instant::now()) {
                Some(text) => Answer::Metrics(text),
                None => self.metrics().await,
            },
            (_, path) if self.node.settings.enable_pprof && path.starts_with(PPROF) => {
                Answer::NoProfile
            }
            _ => Answer::Unknown,
        };
        answer.into()
    }

    async fn metrics(&self) -> Answer {
        let node = &self.node;
        let directory = node.settings.netconf.cni_dir.clone();
        let ledgers = spawn_blocking(move || DirLedger::new(&directory).list().ok()).await;
        let standing = Standing {
            ready: self.is_ready(),
            inside: node.gate.inside(),
            waiting: node.gate.waiting(),
            retries: node.retries.pending(),
            owed: node.behind.owed(),
            events: node.events.pending(),
            lacking: self.lacking.as_ref().map_or(0, Lacking::count),
            before_ours: (node.sources.status)().before_ours,
            ledgers: ledgers.ok().flatten().map(|ledgers| ledgers.len()),
            watches: node.readiness.watches().into(),
            refused: node.readiness.refused().into(),
            certificate: self.credentials.certificate(),
        };
        match node.metrics.text(&standing) {
            Ok(text) => Answer::Metrics(text),
            Err(error) => Answer::Refused(CniError::new(code::INTERNAL, error.to_string())),
        }
    }

    async fn act(&self, guest: &Guest, endpoint: &str, body: &[u8]) -> Answer {
        let done = match endpoint {
            path::PLAN => self.plan(guest, body).await,
            path::COMMIT => Box::pin(self.commit(body)).await,
            path::STATUS => self.status(body).await,
            path::FAILED => decode(body).map(|words: Failed| {
                let label = PodRef::from(words.pod.clone()).label();
                let line = format!("[{label}]: {}", words.reason);
                self.node.complaints.error(&line);
                self.node.failed(words);
                Answer::Done
            }),
            path::DETACHED => match decode(body) {
                Ok(words) => Ok(self.detached(&words).await),
                Err(reason) => Err(reason),
            },
            _ => Ok(Answer::Unknown),
        };
        done.unwrap_or_else(Answer::Bad)
    }

    async fn plan(&self, guest: &Guest, body: &[u8]) -> Result<Answer, String> {
        let words: PlanRequest = decode(body)?;
        // Whoever asks again gives back the place that he had.
        guest.hold(None);
        let patience = words.patience.map(Duration::from_millis);
        let until = patience.map(|patience| Instant::now() + patience);
        match self.node.enter(guest.is_one_too_many, patience).await {
            Ok(place) => guest.hold(Some(place)),
            Err(reason) => return Ok(Answer::NotReady(reason)),
        }
        // On the heap: those who wait for their turn do not have it yet, and are many.
        Ok(match Box::pin(self.node.plan(&words, until)).await {
            Ok(reply) => document(&reply),
            Err(error) => {
                guest.hold(None);
                self.node.complaints.error(&error.msg);
                Answer::Refused(error)
            }
        })
    }

    async fn commit(&self, body: &[u8]) -> Result<Answer, String> {
        let words = decode(body)?;
        let patience = node::patience(&words, &self.node.settings);
        Ok(match self.node.committed(words, patience).await {
            Ok(()) => Answer::Done,
            Err(error) => Answer::Refused(error),
        })
    }

    /// A container is detached, as far as its plugin came. What it had to leave stands in the ledger, and is tried again; a
    /// plugin whose ledger is elsewhere is told that nobody does.
    async fn detached(&self, words: &Detached) -> Answer {
        let Ok(id) = ContainerId::parse(&words.container_id) else {
            return Answer::Done;
        };
        let has_rest = !words.rest.is_empty();
        self.node.detached(id.clone(), has_rest, &words.runs);
        if !has_rest {
            LOG.verbose(format_args!("container {id} is detached"));
            return Answer::Done;
        }
        let line = format!("container {id} is not detached: {}", words.rest.join(" / "));
        self.node.complaints.warning(&line);
        let directory = self.node.settings.netconf.cni_dir.clone();
        let read = spawn_blocking(move || DirLedger::new(&directory).read(id.as_str()));
        match read.await {
            Ok(Ok(None)) => Answer::Unknown,
            _ => Answer::Done,
        }
    }

    /// Whether pods could be attached now, and the default network where no definition has to be read for it.
    async fn status(&self, body: &[u8]) -> Result<Answer, String> {
        let words: StatusRequest = decode(body)?;
        if let Some(reason) = self.node.readiness.cannot_attach() {
            return Ok(Answer::NotReady(reason));
        }
        Ok(match self.node.default_network(&words.config).await {
            Ok(default_network) => document(&StatusReply { default_network }),
            Err(error) => Answer::Refused(error),
        })
    }

    /// Tells when the daemon ends.
    pub(crate) fn is_stopping(&self) -> watch::Receiver<bool> {
        self.node.gate.is_stopping()
    }

    /// Whether the node is, in a word.
    fn is_ready(&self) -> bool {
        !*self.is_stopping().borrow() && self.node.readiness.report(Vec::new()).0
    }

    fn ready(&self) -> Answer {
        if *self.is_stopping().borrow() {
            return Answer::NotReady("[-]daemon: it is stopping\n".to_owned());
        }
        let node = &self.node;
        let (inside, waiting) = (node.gate.inside(), node.gate.waiting());
        let (left, owed) = (node.retries.pending(), node.behind.owed());
        let mut more = vec![
            ("attachments", format!("{inside} under way, {waiting} wait")),
            ("retries", format!("{left} containers not detached yet")),
            ("statuses", format!("{owed} to be written")),
        ];
        more.extend(self.credentials.told().map(|told| ("certificate", told)));
        match node.readiness.report(more) {
            (true, text) => Answer::Text(text),
            (false, text) => Answer::NotReady(text),
        }
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    ipc::decode(body).map_err(|error| format!("cannot read the request: {error}"))
}

fn document(reply: &impl Serialize) -> Answer {
    match gojson::to_vec(reply) {
        Ok(bytes) => Answer::Document(bytes),
        Err(error) => Answer::Refused(CniError::new(code::INTERNAL, error.to_string())),
    }
}

impl From<Answer> for Response<Full<Bytes>> {
    fn from(answer: Answer) -> Self {
        const JSON: &str = "application/json";
        const TEXT: &str = "text/plain; charset=utf-8";
        let text = |status, text: String| (status, TEXT, Bytes::from(text));
        let (status, kind, body) = match answer {
            Answer::Upstream(response) => return response,
            Answer::Done => text(StatusCode::OK, String::new()),
            Answer::Document(bytes) => (StatusCode::OK, JSON, bytes.into()),
            Answer::Text(told) => text(StatusCode::OK, told),
            Answer::Metrics(text) => (StatusCode::OK, FORMAT, text.into()),
            Answer::NotReady(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason),
            Answer::Bad(reason) => text(StatusCode::BAD_REQUEST, reason),
            Answer::Unknown => text(StatusCode::NOT_FOUND, String::new()),
            Answer::NoProfile => text(StatusCode::NOT_IMPLEMENTED, NO_PROFILE.to_owned()),
            Answer::Refused(error) => {
                let words = ipc::upstream::Error {
                    code: error.code,
                    msg: error.msg,
                    details: error.details.unwrap_or_default(),
                };
                let bytes = gojson::to_vec(&words).unwrap_or_default();
                (StatusCode::INTERNAL_SERVER_ERROR, JSON, bytes.into())
            }
        };
        let is_empty = body.is_empty();
        let mut response = Self::new(Full::new(body));
        *response.status_mut() = status;
        if !is_empty {
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio::runtime::Builder;

    use super::*;
    use crate::gate::Gate;

    fn wait<T>(work: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn each_answer_has_the_status_that_tells_a_plugin_what_to_do() {
        let error = CniError::new(7, "no");
        for (answer, status, text) in [
            (Answer::Done, 200, ""),
            (Answer::Document(b"{}".to_vec()), 200, "{}"),
            (Answer::Text("fine".to_owned()), 200, "fine"),
            (Answer::NotReady("why".to_owned()), 503, "why"),
            (Answer::Bad("what".to_owned()), 400, "what"),
            (Answer::Unknown, 404, ""),
            (Answer::NoProfile, 501, NO_PROFILE),
            (Answer::Refused(error), 500, r#"{"code":7,"msg":"no"}"#),
        ] {
            let response = Response::from(answer);
            assert_eq!(response.status().as_u16(), status, "{text}");
            let body = wait(response.into_body().collect()).unwrap().to_bytes();
            assert_eq!(body, text.as_bytes());
        }
    }

    #[test]
    fn a_connection_with_a_plan_or_a_question_is_not_idle() {
        let guest = Guest::new(false);
        assert!(guest.is_idle());
        guest.asking.store(1, Ordering::Relaxed);
        assert!(!guest.is_idle());
        guest.asking.store(0, Ordering::Relaxed);
        let (_stop, is_stopping) = watch::channel(false);
        let gate = Gate::new(None, is_stopping);
        guest.hold(wait(gate.enter(Duration::ZERO)).ok());
        assert!(!guest.is_idle());
    }

    #[test]
    fn a_request_that_is_none_is_told_so() {
        let error = decode::<Detached>(b"{\"containerID\": 1}").unwrap_err();
        assert!(error.contains("containerID"), "{error}");
        assert_eq!(
            decode::<Detached>(b"{\"containerID\":\"c\"}")
                .unwrap()
                .rest
                .len(),
            0
        );
    }
}
