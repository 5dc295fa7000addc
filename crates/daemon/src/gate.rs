//! The queue of attachments (B2.85): first come, first served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// Lets in as many attachments at a time as the settings allow, in the order in which they came, and none once the daemon
/// ends.
#[derive(Debug)]
pub(crate) struct Gate {
    places: Arc<Semaphore>,
    all: usize,
    waiting: AtomicUsize,
    is_stopping: watch::Receiver<bool>,
}

/// An attachment's place; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

/// Why there is no place.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPlace {
    #[error("it is stopping")]
    Stopping,
    #[error("pods under way: {inside}, as many as connectionLimit allows, and {waiting} more wait")]
    Full { inside: usize, waiting: usize },
}

impl Gate {
    pub(crate) fn new(limit: Option<usize>, is_stopping: watch::Receiver<bool>) -> Self {
        let all = limit.map_or(Semaphore::MAX_PERMITS, |limit| {
            limit.min(Semaphore::MAX_PERMITS)
        });
        Self {
            places: Arc::new(Semaphore::new(all)),
            all,
            waiting: AtomicUsize::new(0),
            is_stopping,
        }
    }

    /// Waits for a place, so long at most.
    pub(crate) async fn enter(&self, patience: Duration) -> Result<Place, NoPlace> {
        let mut is_stopping = self.is_stopping.clone();
        let places = Arc::clone(&self.places);
        let _waits = Waiting::new(&self.waiting);
        tokio::select! {
            biased;
            _ = is_stopping.wait_for(|is_stopping| *is_stopping) => Err(NoPlace::Stopping),
            place = timeout(patience, places.acquire_owned()) => match place {
                Ok(place) => place.map(Place).map_err(|_| NoPlace::Stopping),
                Err(_) => Err(NoPlace::Full {
                    inside: self.inside(),
                    waiting: self.waiting().saturating_sub(1),
                }),
            },
        }
    }

    /// How many attachments are under way.
    pub(crate) fn inside(&self) -> usize {
        self.all.saturating_sub(self.places.available_permits())
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Tells when the daemon ends.
    pub(crate) fn is_stopping(&self) -> watch::Receiver<bool> {
        self.is_stopping.clone()
    }
}

/// One who waits, and may go away at any time.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(all: &'a AtomicUsize) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        Self(all)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tokio::runtime::Builder;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn wait<T>(work: impl Future<Output = T>) -> T {
        Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap()
            .block_on(work)
    }

    /// Whether it is done without waiting.
    async fn at_once<F: Future + Unpin>(work: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| {
            let poll = std::pin::Pin::new(&mut *work).poll(context);
            Poll::Ready(match poll {
                Poll::Ready(done) => Some(done),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[test]
    fn whoever_came_first_is_let_in_first_when_a_place_is_free() {
        // B2.85
        wait(async {
            let (_stop, is_stopping) = watch::channel(false);
            let gate = Gate::new(Some(1), is_stopping);
            let first = gate.enter(LONG).await.unwrap();
            let mut second = Box::pin(gate.enter(LONG));
            let mut third = Box::pin(gate.enter(LONG));
            assert!(at_once(&mut second).await.is_none());
            assert!(at_once(&mut third).await.is_none());
            assert_eq!((gate.inside(), gate.waiting()), (1, 2));

            drop(first);
            assert!(at_once(&mut third).await.is_none());
            let second = at_once(&mut second).await.unwrap();
            drop(second);
            assert!(third.await.is_ok());
            assert_eq!((gate.inside(), gate.waiting()), (0, 0));
        });
    }

    #[test]
    fn one_who_does_not_wait_any_more_keeps_nobody_waiting() {
        wait(async {
            let (_stop, is_stopping) = watch::channel(false);
            let gate = Gate::new(Some(1), is_stopping);
            let first = gate.enter(LONG).await.unwrap();
            let mut gone = Box::pin(gate.enter(LONG));
            let mut next = Box::pin(gate.enter(LONG));
            assert!(at_once(&mut gone).await.is_none());
            assert!(at_once(&mut next).await.is_none());
            drop(gone);
            drop(first);
            assert!(next.await.is_ok());
        });
    }

    #[test]
    fn nobody_is_let_in_when_the_daemon_ends_and_those_who_wait_are_told() {
        wait(async {
            let (stop, is_stopping) = watch::channel(false);
            let gate = Gate::new(Some(1), is_stopping);
            let first = gate.enter(LONG).await.unwrap();
            let mut waiting = Box::pin(gate.enter(LONG));
            assert!(at_once(&mut waiting).await.is_none());
            stop.send_replace(true);
            assert_eq!(waiting.await.unwrap_err(), NoPlace::Stopping);
            drop(first);
            assert!(gate.enter(LONG).await.is_err());
        });
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        wait(async {
            let (_stop, is_stopping) = watch::channel(false);
            let gate = Gate::new(None, is_stopping);
            let mut places = Vec::new();
            for _ in 0..1000 {
                places.push(gate.enter(LONG).await.unwrap());
            }
            assert_eq!(gate.inside(), 1000);
        });
    }
}
