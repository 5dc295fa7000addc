//! Keeps a store as the API is: a list, then a watch from where the list ended, and again where that cannot go on.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use http::StatusCode;
use tokio::time::{sleep, timeout};

use crate::api::Api;
use crate::call::Call;
use crate::change::{Change, object};
use crate::collection::Collection;
use crate::effort::{Effort, Pauses, jittered};
use crate::error::ClusterError;
use crate::failure::{ApiStatus, Failure};
use crate::list;
use crate::object::{Identity, Object};
use crate::store::Store;
use crate::watches::Observer;

/// Objects in one answer: of a hundred pods some 1.5 MB.
const PAGE: u32 = 100;
/// How long one page may take, with all that is tried again for it.
const PAGE_TIME: Duration = Duration::from_secs(30);
/// After so long the server is asked to end a watch, and up to a quarter more.
const WATCH_TIME: Duration = Duration::from_secs(240);
/// Between attempts, and up to as much more: an API server that comes back meets all nodes of its cluster.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// One store's watch.
pub(crate) struct Follower<'a, V> {
    pub(crate) api: &'a Api,
    pub(crate) collection: &'a Collection,
    pub(crate) store: &'a Store<V>,
    pub(crate) observer: &'a dyn Observer,
    /// How long a watch may be silent.
    pub(crate) silence: Duration,
    /// From where the next watch goes on; without it, a list comes first.
    pub(crate) version: Option<String>,
    /// When the store was last known to be as the API is.
    pub(crate) fresh: Instant,
}

/// What an attempt came to.
enum Outcome {
    /// The next thing can be done at once.
    Good,
    /// Nothing came of it, which is no failure if it does not go on.
    Idle,
}

impl<V: Object + Send + Sync> Follower<'_, V> {
    /// Follows until dropped.
    pub(crate) async fn run(mut self) -> Infallible {
        let mut pauses = Pauses::new(SHORTEST_PAUSE, LONGEST_PAUSE, 100);
        loop {
            let outcome = match self.version.clone() {
                None => self.list().await,
                Some(version) => {
                    let mut heard = false;
                    let outcome = self.watch(&version, &mut heard).await;
                    if heard {
                        pauses.reset();
                    }
                    outcome
                }
            };
            match outcome {
                Ok(Outcome::Good) => {}
                Ok(Outcome::Idle) => sleep(pauses.next()).await,
                Err(error) => {
                    if is_answered(&error) && self.fresh.elapsed() > self.silence {
                        // The server is there, and its watches do not work: lists may.
                        self.version = None;
                    }
                    let pause = pauses.next();
                    self.store.fail(&error);
                    self.observer.failed(&error, pause);
                    sleep(pause).await;
                }
            }
        }
    }

    /// Reads everything.
    async fn list(&mut self) -> Result<Outcome, ClusterError> {
        self.store.begin_list();
        let (mut next, mut limit) = (None::<String>, PAGE);
        let version = loop {
            let call = Call::list(self.collection, limit, next.as_deref());
            let body = match self.page(&call).await {
                Ok(body) => body,
                Err(error) if limit > 1 && is_too_long(&error) => {
                    limit /= 2;
                    continue;
                }
                Err(error) if self.collection.may_be_unknown && is_unknown(&error) => {
                    self.finish();
                    return Ok(Outcome::Idle);
                }
                Err(error) => return Err(error),
            };
            let page = list::parse::<Identity<'_>>(&body);
            let page = page.map_err(|error| self.api.unreadable(&call, &error))?;
            // Where one cannot be read, all of its page are known to exist, and are read one by one when they are needed.
            let contents = list::parse::<V::Document>(&body).map(|page| page.items);
            let mut contents = contents.unwrap_or_default().into_iter();
            for identity in &page.items {
                self.store.put(identity, contents.next().map(V::from));
            }
            match page.next {
                Some(more) => next = Some(more),
                None if page.version.is_empty() => {
                    return Err(self.api.malformed(&call, "a list without resourceVersion"));
                }
                None => break page.version,
            }
        };
        self.finish();
        self.fresh = Instant::now();
        self.version = Some(version);
        Ok(Outcome::Good)
    }

    /// Who asks why there is no list gets the reason at once, and not when all time for it is over.
    async fn page(&self, call: &Call) -> Result<Vec<u8>, ClusterError> {
        let is_told = AtomicBool::new(false);
        let tell = |error: &ClusterError| {
            self.store.wait_for(error);
            if !is_told.swap(true, Ordering::Relaxed) {
                self.observer.waits(error);
            }
        };
        let deadline = Instant::now() + PAGE_TIME;
        self.api.send_telling(call, deadline, &tell).await
    }

    fn finish(&self) {
        let objects = self.store.finish_list();
        self.observer.listed(&self.collection.name, objects);
    }

    /// Takes what changes after this version, until the watch ends. `heard` tells whether there was anything.
    async fn watch(&mut self, version: &str, heard: &mut bool) -> Result<Outcome, ClusterError> {
        let start = Instant::now();
        let seconds = jittered(WATCH_TIME, 25).as_secs();
        let call = Call::watch(self.collection, version, seconds);
        let effort = || Effort {
            attempts: 1,
            time: start.elapsed(),
        };
        let mut lines = match self.api.open(&call).await {
            Ok(lines) => lines,
            Err(error) => {
                return match error.failure() {
                    Some(Failure::Status(status)) if self.is_lost(status) => Ok(Outcome::Idle),
                    _ => Err(error),
                };
            }
        };
        self.store.begin_watch();
        loop {
            let line = match timeout(self.silence, lines.next()).await {
                Ok(Ok(Some(line))) => line,
                Ok(Ok(None)) if *heard => return Ok(Outcome::Good),
                Ok(Ok(None)) => return Ok(Outcome::Idle),
                Ok(Err(failure)) => return Err(self.api.error(&call, failure, effort())),
                Err(_) => {
                    // The server tells each minute how far it is. One that does not is not trusted to have told all.
                    self.version = None;
                    let failure = Failure::Silence(self.silence);
                    return Err(self.api.error(&call, failure, effort()));
                }
            };
            match self.take(&call, line)? {
                None => {
                    *heard = true;
                    self.fresh = Instant::now();
                }
                Some(status) if self.is_lost(&status) => return Ok(Outcome::Idle),
                Some(status) => {
                    return Err(self.api.error(&call, Failure::Status(status), effort()));
                }
            }
        }
    }

    /// Takes a line; returns what the server says where it cannot go on.
    fn take(&mut self, call: &Call, line: &[u8]) -> Result<Option<ApiStatus>, ClusterError> {
        let (change, identity) = Change::parse(line)
            .and_then(|change| Ok((change, object::<Identity<'_>>(line)?)))
            .map_err(|error| {
                // It would only come again.
                self.version = None;
                self.api.unreadable(call, &error)
            })?;
        match change {
            Change::Put => {
                let content = object::<V::Document>(line).ok();
                self.store.put(&identity, content.map(V::from));
            }
            Change::Removed => self.store.remove(&identity),
            Change::Bookmark => self.store.hear(),
            Change::Refused => return Ok(Some(ApiStatus::of_watch(line))),
            Change::Other => return Ok(None),
        }
        if !identity.version().is_empty() {
            self.version = Some(identity.version().to_owned());
        }
        Ok(None)
    }

    /// Whether the version is one that the server does not have (any more); then a list has to come first.
    fn is_lost(&mut self, status: &ApiStatus) -> bool {
        let is_lost = status.is_about_version();
        if is_lost {
            self.version = None;
        }
        is_lost
    }
}

/// It was not for want of a connection.
fn is_answered(error: &ClusterError) -> bool {
    !matches!(error.failure(), Some(Failure::Connection(_)))
}

fn is_too_long(error: &ClusterError) -> bool {
    matches!(error.failure(), Some(Failure::TooLong(_)))
}

/// The API does not know objects of this kind: it has no CRD for them.
fn is_unknown(error: &ClusterError) -> bool {
    error.code() == Some(StatusCode::NOT_FOUND)
}

#[cfg(test)]
mod tests;
