//! Sending requests: deadlines, retries, credentials read again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::RETRY_AFTER;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use kube::client::Body;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use crate::call::Call;
use crate::cluster::Limits;
use crate::connect::{Connected, connect};
use crate::credentials::Source;
use crate::effort::{Backoff, Effort};
use crate::error::{ClusterError, RequestError};
use crate::failure::{ApiStatus, Failure};

/// The API server, as far as requests go.
pub(crate) struct Api {
    source: Source,
    limits: Limits,
    connected: Mutex<Connected>,
}

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
            connected: Mutex::new(connected),
        })
    }

    /// Host and port.
    pub(crate) fn server(&self) -> String {
        self.lock().server.clone()
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
        let start = Instant::now();
        let mut backoff = Backoff::until(deadline);
        let mut attempts = 0;
        let mut renewed = false;
        let mut earlier = None;
        loop {
            let (failure, asked) = match self.attempt(call, deadline).await {
                Attempt::Done(body) => return Ok(body),
                // Cut short by the deadline, this one tells less than the one before.
                Attempt::Failed(Failure::Timeout(time), asked) if time < self.limits.request => {
                    (earlier.take().unwrap_or(Failure::Timeout(time)), asked)
                }
                Attempt::Failed(failure, asked) => (failure, asked),
            };
            attempts += u32::from(failure != Failure::NoTime);
            let failure = match may_be_renewed(&failure) && !renewed {
                true => match self.renew(deadline) {
                    Ok(()) => {
                        renewed = true;
                        continue;
                    }
                    Err(error) => failure.not_renewed(&error),
                },
                false => failure,
            };
            if may_pass(&failure)
                && let Some(pause) = backoff.pause(asked)
            {
                sleep(pause).await;
                earlier = Some(failure);
                continue;
            }
            let effort = Effort {
                attempts,
                time: start.elapsed(),
            };
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
        match self.attempt(call, deadline).await {
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

    async fn attempt(&self, call: &Call, deadline: Instant) -> Attempt {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .min(self.limits.request);
        if left.is_zero() {
            return Attempt::Failed(Failure::NoTime, None);
        }
        match timeout(left, self.exchange(call)).await {
            Ok(Ok(attempt)) => attempt,
            Ok(Err(failure)) => Attempt::Failed(failure, None),
            Err(_) => Attempt::Failed(Failure::Timeout(left), None),
        }
    }

    async fn exchange(&self, call: &Call) -> Result<Attempt, Failure> {
        let client = self.lock().client.clone();
        let request = call.request().map_err(|error| Failure::of(&error))?;
        let response = client
            .send(request)
            .await
            .map_err(|error| Failure::of(&error))?;
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

    async fn read(&self, body: Body) -> Result<Vec<u8>, Failure> {
        match Limited::new(body, self.limits.answer).collect().await {
            Ok(body) => Ok(body.to_bytes().into()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(Failure::TooLong(self.limits.answer))
            }
            Err(error) => Err(Failure::of(&*error)),
        }
    }

    /// Reads the credentials again and forgets the connection that was made with the old ones.
    fn renew(&self, deadline: Instant) -> Result<(), ClusterError> {
        let left = deadline
            .saturating_duration_since(Instant::now())
            .min(self.limits.request);
        let connected = connect(self.source.load()?, &Handle::current(), left)?;
        *self.lock() = connected;
        Ok(())
    }

    fn error(&self, call: &Call, failure: Failure, effort: Effort) -> ClusterError {
        let action = call.action.clone();
        Box::new(RequestError {
            action,
            server: self.server(),
            failure,
            effort,
        })
        .into()
    }

    fn lock(&self) -> MutexGuard<'_, Connected> {
        // Replaced as a whole: whoever panicked left it as it was.
        self.connected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Time may heal it (Q71).
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Connection(_) | Failure::Timeout(_) => true,
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
