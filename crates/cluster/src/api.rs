//! Sending requests: deadlines, retries, credentials read again.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use tokio::runtime::Handle;
use tokio::sync;
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::call::Call;
use crate::connect::{Connected, connect};
use crate::credentials::Source;
use crate::effort::{Backoff, Effort};
use crate::error::{ClusterError, RequestError};
use crate::failure::{ApiStatus, Failure};
use crate::lines::Lines;
use crate::live::Limits;
use crate::text::one_line;

/// The API server, as far as requests go.
pub(crate) struct Api {
    source: Source,
    limits: Limits,
    connected: Mutex<Arc<Connected>>,
    /// Held by whoever reads the credentials again.
    renewal: sync::Mutex<()>,
    /// Of the credentials, when they were last looked at.
    print: Mutex<Option<u64>>,
}

/// Is told of what has failed so far, while it is tried again.
pub(crate) type Told<'a> = &'a (dyn Fn(&ClusterError) + Send + Sync);

/// After so long one who waits for an answer is told that there is none yet.
const SLOW: Duration = Duration::from_secs(2);

/// What became of one attempt.
enum Attempt {
    Done(Vec<u8>),
    Failed(Failure, Option<Duration>),
}

impl Api {
    pub(crate) fn new(
        source: Source,
        limits: Limits,
        runtime: &Handle,
    ) -> Result<Self, ClusterError> {
        let connected = connect(source.load()?, runtime, limits.request)?;
        Ok(Self {
            source,
            limits,
            connected: Mutex::new(Arc::new(connected)),
            renewal: sync::Mutex::default(),
            print: Mutex::default(),
        })
    }

    /// Host and port.
    pub(crate) fn server(&self) -> String {
        self.connected().server.clone()
    }

    /// Sends the request until it succeeds, fails for good, or the deadline is near.
    ///
    /// # Errors
    /// The last attempt's failure.
    pub(crate) async fn send(
        &self,
        call: &Call,
        deadline: Instant,
    ) -> Result<Vec<u8>, ClusterError> {
        self.persist(call, deadline, true, &|_| {}).await
    }

    /// Sends the request once, and a second time only with newer credentials: for whoever has to look whether it is still
    /// wanted before each attempt.
    ///
    /// # Errors
    /// The last attempt's failure.
    pub(crate) async fn try_send(
        &self,
        call: &Call,
        deadline: Instant,
    ) -> Result<Vec<u8>, ClusterError> {
        self.persist(call, deadline, false, &|_| {}).await
    }

    /// As [`Api::send`], for those whom nobody waits for, so that their deadlines are long: tells of each attempt that failed,
    /// and where there is no answer for a while.
    ///
    /// # Errors
    /// The last attempt's failure.
    pub(crate) async fn send_telling(
        &self,
        call: &Call,
        deadline: Instant,
        tell: Told<'_>,
    ) -> Result<Vec<u8>, ClusterError> {
        let is_told = AtomicBool::new(false);
        let tell_on = |error: &ClusterError| {
            is_told.store(true, Ordering::Relaxed);
            tell(error);
        };
        let mut sending = std::pin::pin!(self.persist(call, deadline, true, &tell_on));
        if let Ok(sent) = timeout(SLOW, &mut sending).await {
            return sent;
        }
        if !is_told.load(Ordering::Relaxed) {
            let effort = Effort {
                attempts: 1,
                time: SLOW,
            };
            tell(&self.error(call, Failure::Timeout(SLOW), effort));
        }
        sending.await
    }

    async fn persist(
        &self,
        call: &Call,
        deadline: Instant,
        is_stubborn: bool,
        tell: Told<'_>,
    ) -> Result<Vec<u8>, ClusterError> {
        let start = Instant::now();
        let mut backoff = Backoff::until(deadline);
        let mut attempts = 0;
        let mut renewed = false;
        let mut earlier = None;
        loop {
            let connected = self.connected();
            attempts += 1;
            let (failure, asked) = match self.attempt(&connected, call, deadline).await {
                Attempt::Done(body) => return Ok(body),
                // Nothing was sent: the pause before took longer than it should.
                Attempt::Failed(Failure::NoTime, asked) => {
                    attempts -= 1;
                    (earlier.take().unwrap_or(Failure::NoTime), asked)
                }
                // Cut short by the deadline, this one tells less than the one before.
                Attempt::Failed(Failure::Timeout(time), asked) if time < self.limits.request => {
                    (earlier.take().unwrap_or(Failure::Timeout(time)), asked)
                }
                Attempt::Failed(failure, asked) => (failure, asked),
            };
            let failure = match may_be_renewed(&failure) && !renewed {
                true => match self.renew(&connected, deadline).await {
                    Ok(()) => {
                        renewed = true;
                        continue;
                    }
                    Err(error) => failure.not_renewed(&error),
                },
                false => failure,
            };
            let effort = Effort {
                attempts,
                time: start.elapsed(),
            };
            if is_stubborn
                && may_pass(&failure)
                && let Some(pause) = backoff.pause(asked)
            {
                tell(&self.error(call, failure.clone(), effort));
                sleep(pause).await;
                earlier = Some(failure);
                continue;
            }
            return Err(self.error(call, failure, effort));
        }
    }

    /// Sends the request once.
    ///
    /// # Errors
    /// The attempt's failure.
    pub(crate) async fn send_once(
        &self,
        call: &Call,
        deadline: Instant,
    ) -> Result<Vec<u8>, ClusterError> {
        let start = Instant::now();
        match self.attempt(&self.connected(), call, deadline).await {
            Attempt::Done(body) => Ok(body),
            Attempt::Failed(failure, _) => Err(self.error(
                call,
                failure,
                Effort {
                    attempts: 1,
                    time: start.elapsed(),
                },
            )),
        }
    }

    /// Sends a request whose answer goes on and on, and returns when that begins.
    ///
    /// # Errors
    /// The last attempt's failure: a second one is made only with newer credentials.
    pub(crate) async fn open(&self, call: &Call) -> Result<Lines, ClusterError> {
        let start = Instant::now();
        let mut attempts = 1;
        let connected = self.connected();
        let mut opened = self.begin(&connected, call).await;
        if let Err(failure) = &opened
            && may_be_renewed(failure)
        {
            let deadline = Instant::now() + self.limits.request;
            opened = match self.renew(&connected, deadline).await {
                Ok(()) => {
                    attempts = 2;
                    self.begin(&self.connected(), call).await
                }
                Err(error) => Err(failure.not_renewed(&error)),
            };
        }
        let time = start.elapsed();
        opened.map_err(|failure| self.error(call, failure, Effort { attempts, time }))
    }

    async fn begin(&self, connected: &Connected, call: &Call) -> Result<Lines, Failure> {
        let begin = async {
            let response = self.ask(connected, call).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(Lines::new(response.into_body(), self.limits.answer));
            }
            let body = self.read(response.into_body()).await?;
            Err(Failure::Status(ApiStatus::parse(status, &body)))
        };
        timeout(self.limits.request, begin)
            .await
            .unwrap_or(Err(Failure::Timeout(self.limits.request)))
    }

    async fn attempt(&self, connected: &Connected, call: &Call, deadline: Instant) -> Attempt {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .min(self.limits.request);
        if left.is_zero() {
            return Attempt::Failed(Failure::NoTime, None);
        }
        match timeout(left, self.exchange(connected, call)).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(failure)) => Attempt::Failed(failure, None),
            Err(_) => Attempt::Failed(Failure::Timeout(left), None),
        }
    }

    async fn exchange(&self, connected: &Connected, call: &Call) -> Result<Attempt, Failure> {
        let response = self.ask(connected, call).await?;
        let status = response.status();
        let asked = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        let body = self.read(response.into_body()).await?;
        if status.is_success() {
            return Ok(Attempt::Done(body));
        }
        Ok(Attempt::Failed(
            Failure::Status(ApiStatus::parse(status, &body)),
            asked,
        ))
    }

    async fn ask(&self, connected: &Connected, call: &Call) -> Result<Response<Body>, Failure> {
        let request = call.request().map_err(|error| Failure::of(&error))?;
        let sent = connected.client.send(request).await;
        sent.map_err(|error| Failure::of(&error))
    }

    async fn read(&self, body: Body) -> Result<Vec<u8>, Failure> {
        match Limited::new(body, self.limits.answer).collect().await {
            Ok(body) => Ok(body.to_bytes().into()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Failure::TooLong(self.limits.answer))
            }
            Err(error) => Err(Failure::of(&*error)),
        }
    }

    /// Reads the credentials again and forgets the connection that was made with `used`. Of many requests that were
    /// refused with the same credentials, the first one does it.
    async fn renew(&self, used: &Arc<Connected>, deadline: Instant) -> Result<(), ClusterError> {
        let left = || {
            deadline
                .saturating_duration_since(Instant::now())
                .min(self.limits.request)
        };
        let _turn = timeout(left(), self.renewal.lock())
            .await
            .map_err(|_| stopped("another request is still reading the credentials"))?;
        if !Arc::ptr_eq(&self.connected(), used) {
            return Ok(());
        }
        // A thread of its own: files are read, and a credential plugin may take its time.
        let (source, runtime, left) = (self.source.clone(), Handle::current(), left());
        let connected = spawn_blocking(move || connect(source.load()?, &runtime, left))
            .await
            .map_err(|_| stopped(BROKEN_OFF))??;
        *self
            .connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(connected);
        Ok(())
    }

    /// Looks at the credentials, and takes those that are other ones than the last time, or than nobody has looked at
    /// before. Tells whether they are.
    ///
    /// # Errors
    /// Credentials that cannot be had or used; those that were taken stay.
    pub(crate) async fn refresh(&self) -> Result<bool, ClusterError> {
        let (used, source) = (self.connected(), self.source.clone());
        let print = spawn_blocking(move || source.print())
            .await
            .map_err(|_| stopped(BROKEN_OFF))??;
        let last = || self.print.lock().unwrap_or_else(PoisonError::into_inner);
        if *last() == Some(print) {
            return Ok(false);
        }
        self.renew(&used, Instant::now() + self.limits.request)
            .await?;
        *last() = Some(print);
        Ok(true)
    }

    /// The error of a request that failed.
    pub(crate) fn error(&self, call: &Call, failure: Failure, effort: Effort) -> ClusterError {
        let action = call.action.clone();
        Box::new(RequestError {
            action,
            server: self.server(),
            failure,
            effort,
        })
        .into()
    }

    /// The error of a success that cannot be read.
    pub(crate) fn unreadable(&self, call: &Call, error: &serde_json::Error) -> ClusterError {
        self.malformed(call, &error.to_string())
    }

    /// The error of a success that does not hold what was asked for.
    pub(crate) fn malformed(&self, call: &Call, reason: &str) -> ClusterError {
        ClusterError::Answer {
            action: call.action.clone(),
            server: self.server(),
            reason: one_line(reason, 200),
        }
    }

    fn connected(&self) -> Arc<Connected> {
        // Replaced as a whole: whoever panicked left it as it was.
        Arc::clone(
            &self
                .connected
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

const BROKEN_OFF: &str = "reading the credentials was broken off";

fn stopped(reason: &str) -> ClusterError {
    ClusterError::Runtime(io::Error::other(reason.to_owned()))
}

/// Time may heal it (Q71).
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Connection(_) | Failure::Timeout(_) | Failure::Silence(_) => true,
        Failure::Credentials(_) | Failure::TooLong(_) | Failure::NoTime => false,
        Failure::Status(status) => matches!(
            status.code,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        ),
    }
}

/// Newer credentials may heal it.
fn may_be_renewed(failure: &Failure) -> bool {
    match failure {
        Failure::Credentials(_) => true,
        Failure::Status(status) => status.code == StatusCode::UNAUTHORIZED,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
