//! Threads for requests that wait for plugins: not those of the daemon's own work, which waits for one at a time at most, and
//! keeps no request waiting.

use std::sync::Arc;
use std::thread::Builder;

use cni::{CniError, code};
use plugin::LOG;
use plugin::messages::plain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// So many attach at a time, and so many do something else; others wait for them, in the order of arrival.
const HANDS: u32 = 64;

/// Where work is done.
#[derive(Debug)]
pub(crate) struct Crew {
    attaching: Arc<Semaphore>,
    other: Arc<Semaphore>,
}

/// Where the work's outcome goes. Closed where nobody waits for it any more.
pub(crate) type Asker<T> = oneshot::Sender<T>;

impl Default for Crew {
    fn default() -> Self {
        Self {
            attaching: Arc::new(Semaphore::new(HANDS as usize)),
            other: Arc::new(Semaphore::new(HANDS as usize)),
        }
    }
}

impl Crew {
    /// Does the work on a thread of its own, and hands over what it comes to. Work that has begun comes to its end, whether
    /// somebody waits for it or not. What attaches keeps nothing else waiting.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) async fn put<T: Send + 'static>(
        &self,
        attaches: bool,
        work: impl FnOnce(&Asker<T>) -> T + Send + 'static,
    ) -> Result<T, CniError> {
        let all = if attaches {
            &self.attaching
        } else {
            &self.other
        };
        let hand = Arc::clone(all).acquire_owned().await.ok();
        let (asker, outcome) = oneshot::channel();
        let thread = Builder::new()
            .name("plugins".to_owned())
            .spawn(move || run(work, asker, hand));
        if let Err(error) = thread {
            let text = format_args!("no thread to work on: {error}");
            return Err(plain(code::TRY_AGAIN_LATER, text));
        }
        // A fault in the work ends the daemon (B6.13), so that there always is one.
        outcome
            .await
            .map_err(|_| plain(code::INTERNAL, "internal fault"))
    }

    /// Waits until all work is done that has begun, or waits to begin. None begins afterwards.
    pub(crate) async fn done(&self) {
        for all in [&self.attaching, &self.other] {
            if let Ok(hands) = all.acquire_many(HANDS).await {
                hands.forget();
            }
        }
    }
}

fn run<T>(work: impl FnOnce(&Asker<T>) -> T, asker: Asker<T>, hand: Option<OwnedSemaphorePermit>) {
    let outcome = work(&asker);
    drop(hand);
    if asker.send(outcome).is_err() {
        LOG.verbose("somebody went away before what he asked for was done");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::runtime::Builder;
    use tokio::time::timeout;

    use super::*;

    fn wait<T>(work: impl Future<Output = T>) -> T {
        let runtime = Builder::new_current_thread().enable_time().build();
        runtime.unwrap().block_on(work)
    }

    #[test]
    fn what_attaches_keeps_nothing_else_waiting() {
        wait(async {
            let crew = Arc::new(Crew::default());
            let (go, gone) = mpsc::channel::<()>();
            let gone = Arc::new(std::sync::Mutex::new(gone));
            for _ in 0..HANDS {
                let (crew, gone) = (Arc::clone(&crew), Arc::clone(&gone));
                tokio::spawn(async move {
                    let work = move |_: &Asker<()>| {
                        let _gone = gone.lock().unwrap().recv();
                    };
                    crew.put(true, work).await
                });
            }
            while crew.attaching.available_permits() > 0 {
                tokio::task::yield_now().await;
            }
            let soon = Duration::from_millis(20);
            assert!(timeout(soon, crew.put(true, |_| 1)).await.is_err());
            assert_eq!(crew.put(false, |_| 2).await.unwrap(), 2);
            drop(go);
            assert_eq!(crew.put(true, |_| 3).await.unwrap(), 3);
        });
    }

    #[test]
    fn all_is_done_when_the_work_is_that_nobody_waits_for() {
        wait(async {
            let crew = Crew::default();
            let (go, gone) = mpsc::channel::<()>();
            let work = move |_: &Asker<()>| {
                let _gone = gone.recv();
            };
            let soon = Duration::from_millis(20);
            assert!(timeout(soon, crew.put(true, work)).await.is_err());
            assert!(timeout(soon, crew.done()).await.is_err());
            drop(go);
            crew.done().await;
        });
    }

    #[test]
    fn work_that_has_begun_is_done_and_knows_when_nobody_waits() {
        wait(async {
            let crew = Crew::default();
            let ((begin, begun), (go, gone)) = (mpsc::channel(), mpsc::channel::<()>());
            let (end, ended) = mpsc::channel();
            let work = move |asker: &Asker<()>| {
                begin.send(()).unwrap();
                let _gone = gone.recv();
                end.send(asker.is_closed()).unwrap();
            };
            let soon = Duration::from_millis(20);
            assert!(timeout(soon, crew.put(true, work)).await.is_err());
            begun.recv().unwrap();
            drop(go);
            assert!(ended.recv().unwrap());
        });
    }
}
