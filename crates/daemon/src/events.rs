//! Events on pods and on the node, posted behind: nobody waits for them.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cluster::{Event, EventType, Live, Subject};
use plan::PodRef;
use plugin::LOG;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep_until, timeout};

use crate::keeper::Report;
use crate::metrics::Metrics;

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
/// A warning that was posted is not posted again for so long: a kubelet tries a pod every few seconds.
const QUIET: Duration = Duration::from_secs(60);
/// So many warnings are remembered.
const REMEMBERED: usize = 1024;

/// Where events are left.
#[derive(Debug, Clone)]
pub(crate) struct Events {
    queue: mpsc::Sender<Message>,
    lost: Arc<AtomicU64>,
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
        tokio::spawn(post(live, messages, each));
        Self {
            queue,
            lost: Arc::default(),
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
        if self.queue.try_send(Message::Post(about, event)).is_err() {
            self.metrics.lost_event();
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                LOG.warning(format_args!(
                    "{lost} events lost so far: more than the API takes"
                ));
            }
        }
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

async fn post(live: Arc<Live>, mut messages: mpsc::Receiver<Message>, each: Duration) {
    let mut told = Told::default();
    let mut node = OfNode::default();
    let mut pace = Pace::new(BURST, INTERVAL, Instant::now());
    while let Some(message) = messages.recv().await {
        match message {
            Message::Flush(done) => drop(done),
            Message::Post(about, event) => {
                let now = Instant::now();
                if !told.is_news(&about, &event, now) || !node.may_post(&about, &event, now) {
                    continue;
                }
                sleep_until(pace.next(Instant::now()).into()).await;
                let deadline = Instant::now() + each;
                if live.post_events(&about, &[event], deadline).await == 0 {
                    LOG.debug(format_args!(
                        "an event about {} was not taken",
                        about.name()
                    ));
                }
            }
        }
    }
}

/// When the next may be posted: regularly, and in bursts after quiet.
#[derive(Debug)]
struct Pace {
    burst: u32,
    interval: Duration,
    /// When everything that was let through would be posted at the regular pace.
    due: Instant,
}

impl Pace {
    fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        Self {
            burst,
            interval,
            due: now,
        }
    }

    fn next(&mut self, now: Instant) -> Instant {
        self.due = self.due.max(now) + self.interval;
        let ahead = self.interval * self.burst;
        self.due.checked_sub(ahead).unwrap_or(now)
    }

    /// Whether one may be posted at once. One that may not does not count.
    fn is_open(&mut self, now: Instant) -> bool {
        let before = self.due;
        let is_open = self.next(now) <= now;
        if !is_open {
            self.due = before;
        }
        is_open
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

/// The warnings that were posted lately.
#[derive(Debug, Default)]
struct Told {
    when: HashMap<u64, Instant>,
    hasher: RandomState,
}

impl Told {
    /// Whether it is worth posting. What happens as intended is, each time.
    fn is_news(&mut self, about: &Subject, event: &Event, now: Instant) -> bool {
        if event.kind == EventType::Normal {
            return true;
        }
        let key = self.hasher.hash_one((about, &event.reason, &event.message));
        let is_recent = |then: &Instant| now.saturating_duration_since(*then) < QUIET;
        if self.when.get(&key).is_some_and(is_recent) {
            return false;
        }
        if self.when.len() >= REMEMBERED {
            self.when.retain(|_, then| is_recent(then));
        }
        if self.when.len() < REMEMBERED {
            self.when.insert(key, now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (mut told, now) = (Told::default(), Instant::now());
        let warning = event(EventType::Warning, "a");
        assert!(told.is_news(&pod("1"), &warning, now));
        assert!(!told.is_news(&pod("1"), &warning, now + QUIET / 2));
        assert!(told.is_news(&pod("2"), &warning, now));
        assert!(told.is_news(&pod("1"), &event(EventType::Warning, "b"), now));
        assert!(told.is_news(&pod("1"), &warning, now + QUIET));
        let good = event(EventType::Normal, "a");
        assert!(told.is_news(&pod("1"), &good, now));
        assert!(told.is_news(&pod("1"), &good, now));
    }

    #[test]
    fn so_many_warnings_are_remembered_and_others_are_posted_all_the_same() {
        let (mut told, now) = (Told::default(), Instant::now());
        for number in 0..REMEMBERED + 10 {
            let warning = event(EventType::Warning, &number.to_string());
            assert!(told.is_news(&pod("1"), &warning, now));
        }
        assert_eq!(told.when.len(), REMEMBERED);
        let later = now + QUIET;
        assert!(told.is_news(&pod("1"), &event(EventType::Warning, "new"), later));
        assert_eq!(told.when.len(), 1);
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_at_its_pace() {
        let now = Instant::now();
        let mut pace = Pace::new(BURST, INTERVAL, now);
        for _ in 0..BURST {
            assert!(pace.next(now) <= now);
        }
        assert_eq!(pace.next(now), now + INTERVAL);
        assert_eq!(pace.next(now), now + INTERVAL * 2);
        let later = now + INTERVAL * BURST * 3;
        assert!(pace.next(later) <= later);
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
