//! Events on pods and on the node, posted behind: nobody waits for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cluster::{Event, EventType, Live, Subject};
use plan::PodRef;
use plugin::LOG;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

use crate::keeper::Report;
use crate::metrics::Metrics;
use crate::pace::{Lately, Pace};

/// Events that wait; those beyond are lost.
const MOST: usize = 1024;
/// One event in this time, on the long run.
const INTERVAL: Duration = Duration::from_millis(10);
/// So many at once.
const BURST: u32 = 200;
/// The same of what the keeper tells, for each reason by itself. What would have to wait stays in log and metrics alone.
const KEEPER_INTERVAL: Duration = Duration::from_secs(60);
/// So many at once.
const KEEPER_BURST: u32 = 10;

/// Where events are left.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    queue: mpsc::Sender<Message>,
    lost: Arc<AtomicU64>,
    /// Those that are left and neither posted nor given up.
    pending: Arc<AtomicUsize>,
    metrics: Arc<Metrics>,
    /// The node's name, where it is known.
    node: Option<Arc<str>>,
}

#[derive(Debug)]
enum Message {
    Post(Subject, Event),
    /// Everything before it is posted.
    Flush(oneshot::Sender<()>),
}

impl Events {
    /// Starts the task that posts them; each may take so long.
    pub(crate) fn start(
        live: Arc<Live>,
        each: Duration,
        metrics: Arc<Metrics>,
        node: Option<&str>,
    ) -> Self {
        let (queue, messages) = mpsc::channel(MOST);
        let pending = Arc::default();
        tokio::spawn(post(live, messages, each, Arc::clone(&pending)));
        Self {
            queue,
            lost: Arc::default(),
            pending,
            metrics,
            node: node.map(Arc::from),
        }
    }

    /// As intended.
    pub(crate) fn normal(&self, pod: &PodRef, reason: &str, text: String) {
        self.leave(Subject::Pod(pod.clone()), EventType::Normal, reason, text);
    }

    /// Somebody should know.
    pub(crate) fn warning(&self, pod: &PodRef, reason: &str, text: String) {
        self.leave(Subject::Pod(pod.clone()), EventType::Warning, reason, text);
    }

    /// What the keeper tells is told to the node, where its name is known.
    pub(crate) fn keeper(&self, report: &Report) {
        let Some(node) = &self.node else { return };
        let kind = match report.is_warning() {
            true => EventType::Warning,
            false => EventType::Normal,
        };
        let about = Subject::Node(node.to_string());
        self.leave(about, kind, report.reason(), report.to_string());
    }

    fn leave(&self, about: Subject, kind: EventType, reason: &str, message: String) {
        if about.name().is_empty() {
            return;
        }
        let event = Event {
            kind,
            reason: reason.to_owned(),
            message,
        };
        self.pending.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(Message::Post(about, event)).is_err() {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            self.metrics.lost_event();
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                LOG.warning(format_args!(
                    "{lost} events lost so far: more than the API takes"
                ));
            }
        }
    }

    /// How many are to be posted.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    /// Waits until those that were left so far are posted, so long at most.
    pub(crate) async fn flush(&self, patience: Duration) {
        let (done, is_done) = oneshot::channel();
        let _all_or_some = timeout(patience, async {
            if self.queue.send(Message::Flush(done)).await.is_ok() {
                let _posted = is_done.await;
            }
        })
        .await;
    }
}

async fn post(
    live: Arc<Live>,
    mut messages: mpsc::Receiver<Message>,
    each: Duration,
    pending: Arc<AtomicUsize>,
) {
    let mut lately = Lately::default();
    let mut node = OfNode::default();
    let mut pace = Pace::new(BURST, INTERVAL, Instant::now());
    while let Some(message) = messages.recv().await {
        match message {
            Message::Flush(done) => drop(done),
            Message::Post(about, event) => {
                let now = Instant::now();
                if is_news(&mut lately, &about, &event, now) && node.may_post(&about, &event, now) {
                    sleep_until(pace.next(Instant::now()).into()).await;
                    send(&live, &about, event, each).await;
                }
                pending.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }
}

async fn send(live: &Live, about: &Subject, event: Event, each: Duration) {
    let deadline = Instant::now() + each;
    if live.post_events(about, &[event], deadline).await == 0 {
        LOG.debug(format_args!(
            "an event about {} was not taken",
            about.name()
        ));
    }
}

/// What was posted about the node, by its reason: a program that goes on writing where we do would fill the API.
#[derive(Debug, Default)]
struct OfNode {
    paces: HashMap<String, Pace>,
}

impl OfNode {
    fn may_post(&mut self, about: &Subject, event: &Event, now: Instant) -> bool {
        if matches!(about, Subject::Pod(_)) {
            return true;
        }
        let new = || Pace::new(KEEPER_BURST, KEEPER_INTERVAL, now);
        let pace = self.paces.entry(event.reason.clone());
        pace.or_insert_with(new).is_open(now)
    }
}

/// Whether it is worth posting. What happens as intended is, each time.
fn is_news(lately: &mut Lately, about: &Subject, event: &Event, now: Instant) -> bool {
    let what = (about, &event.reason, &event.message);
    event.kind == EventType::Normal || lately.is_news(&what, now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::QUIET;

    fn event(kind: EventType, message: &str) -> Event {
        Event {
            kind,
            reason: "R".to_owned(),
            message: message.to_owned(),
        }
    }

    fn pod(uid: &str) -> Subject {
        Subject::Pod(PodRef {
            namespace: "ns".to_owned(),
            name: "web".to_owned(),
            uid: uid.to_owned(),
        })
    }

    #[test]
    fn a_warning_is_posted_once_a_minute_and_good_news_each_time() {
        let (mut lately, now) = (Lately::default(), Instant::now());
        let warning = event(EventType::Warning, "a");
        assert!(is_news(&mut lately, &pod("1"), &warning, now));
        assert!(!is_news(&mut lately, &pod("1"), &warning, now + QUIET / 2));
        assert!(is_news(&mut lately, &pod("2"), &warning, now));
        assert!(is_news(
            &mut lately,
            &pod("1"),
            &event(EventType::Warning, "b"),
            now
        ));
        assert!(is_news(&mut lately, &pod("1"), &warning, now + QUIET));
        let good = event(EventType::Normal, "a");
        assert!(is_news(&mut lately, &pod("1"), &good, now));
        assert!(is_news(&mut lately, &pod("1"), &good, now));
    }

    #[test]
    fn what_the_keeper_tells_again_and_again_is_posted_now_and_then_and_holds_back_no_other() {
        let (mut node, now) = (OfNode::default(), Instant::now());
        let about = Subject::Node("node".to_owned());
        let war = event(EventType::Warning, "again");
        for _ in 0..KEEPER_BURST {
            assert!(node.may_post(&about, &war, now));
        }
        for _ in 0..KEEPER_BURST {
            assert!(!node.may_post(&about, &war, now));
        }
        let other = Event {
            reason: "Other".to_owned(),
            ..event(EventType::Normal, "once")
        };
        assert!(node.may_post(&about, &other, now));
        assert!(node.may_post(&pod("1"), &war, now));
        let later = now + KEEPER_INTERVAL;
        assert!(node.may_post(&about, &war, later));
        assert!(!node.may_post(&about, &war, later));
    }
}
