//! What a DEL had to leave, tried again until it is undone: the runtime was told that all is well, or does not ask any more.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cni::ContainerId;
use engine::{Container, Engine, EngineError};
use plan::NetConf;
use plugin::{Ground, LOG, Runs, Site};
use sys::lock::{ContainerLock, EndHolders, LockError, NodeLock};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::metrics::{Metrics, Operation};
use crate::node;

/// How often all ledgers are looked at: for a DEL that could not tell the daemon.
const LOOK: Duration = Duration::from_secs(60);
/// Between two attempts at one container: at first, and at most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// The first attempt at a container may last so long, each further one twice as long, up to a DEL's time. Nobody tries
/// for as long afterwards: an attempt holds the node's lock, which GC waits for as well.
const ATTEMPT: Duration = Duration::from_secs(4);
/// So many containers are kept in mind. Others stand in their ledgers, and are found by a look, which puts so many of them in
/// the place of such as failed.
const MOST: usize = 1024;
const TURNS: usize = 64;

/// Where it is told what is left.
#[derive(Debug, Clone)]
pub(crate) struct Retries {
    news: mpsc::Sender<News>,
    pending: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum News {
    /// Something is left of the container.
    HasRest(ContainerId),
    /// Nothing is.
    Gone(ContainerId),
}

impl Retries {
    /// Starts the task that tries again: one container at a time, with these settings.
    pub(crate) fn start(conf: NetConf, site: Site, metrics: Arc<Metrics>) -> Self {
        let (news, heard) = mpsc::channel(MOST);
        let pending = Arc::<AtomicUsize>::default();
        let hands = Arc::new(Hands::new(conf, site, Some(metrics)));
        tokio::spawn(work(hands, heard, Arc::clone(&pending)));
        Self { news, pending }
    }

    /// A container is detached, but for something that stands in its ledger. What is not heard is found by the next look.
    pub(crate) fn has_rest(&self, id: ContainerId) {
        let _full = self.news.try_send(News::HasRest(id));
    }

    /// A container is detached.
    pub(crate) fn gone(&self, id: ContainerId) {
        let _full = self.news.try_send(News::Gone(id));
    }

    /// Of how many containers something is left; of those that are not kept in mind, as the last look found it.
    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }
}

async fn work(hands: Arc<Hands>, mut heard: mpsc::Receiver<News>, pending: Arc<AtomicUsize>) {
    let mut agenda = Agenda::default();
    let (mut look, mut rested) = (Instant::now(), Instant::now());
    loop {
        let now = Instant::now();
        if now >= look {
            let hands = Arc::clone(&hands);
            // What could not be looked at is as it was.
            if let Ok(Some(found)) = spawn_blocking(move || hands.look()).await {
                agenda.found(found, now);
            }
            look = Instant::now() + LOOK;
        } else if now >= rested
            && let Some((id, attempts)) = agenda.due(now)
        {
            let (hands, again) = (Arc::clone(&hands), id.clone());
            let came_to = spawn_blocking(move || hands.again(&again, attempts)).await;
            rested = Instant::now() + now.elapsed();
            agenda.tried(&id, came_to.unwrap_or(CameTo::Busy), Instant::now());
        }
        pending.store(agenda.count(), Ordering::Relaxed);
        let next = agenda
            .next()
            .map_or(look, |next| next.max(rested).min(look));
        match timeout(next.saturating_duration_since(Instant::now()), heard.recv()).await {
            Ok(Some(News::HasRest(id))) => agenda.put(id, Instant::now()),
            Ok(Some(News::Gone(id))) => agenda.gone(&id),
            Ok(None) => return,
            Err(_) => {}
        }
    }
}

/// What is to be tried again, and when.
#[derive(Debug, Default)]
struct Agenda {
    all: BTreeMap<ContainerId, Due>,
    /// How many there are beside them.
    others: usize,
    /// The last one that a look put in another's place: the next look goes on after it.
    last: Option<ContainerId>,
    /// Whether the next turn is that of the one with the fewest attempts.
    is_newest_turn: bool,
}

#[derive(Debug)]
struct Due {
    at: Instant,
    pause: Duration,
    attempts: u32,
}

/// What an attempt came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CameTo {
    /// Nothing is left.
    Done,
    /// Somebody else works on the container.
    Busy,
    /// Something is left.
    Left(String),
}

impl Agenda {
    fn count(&self) -> usize {
        self.all.len() + self.others
    }

    /// Where there are too many, one that failed and comes last gives way: its ledger keeps it.
    fn put(&mut self, id: ContainerId, now: Instant) {
        if self.all.contains_key(&id) {
            return;
        }
        if self.all.len() >= MOST {
            let failed = self.all.iter().filter(|(_, due)| due.attempts > 0);
            let Some(last) = failed.max_by_key(|(_, due)| due.at) else {
                return;
            };
            let last = last.0.clone();
            self.all.remove(&last);
        }
        let due = Due {
            at: now + FIRST,
            pause: FIRST,
            attempts: 0,
        };
        self.all.insert(id, due);
    }

    /// What a look found. Of those that there is no room for, some have their turn after each look, one after the other.
    fn found(&mut self, mut ids: Vec<ContainerId>, now: Instant) {
        ids.retain(|id| !self.all.contains_key(id));
        ids.sort_unstable();
        let count = self.all.len() + ids.len();
        let room = MOST.saturating_sub(self.all.len());
        if ids.len() > room {
            let next = ids.partition_point(|id| Some(id) <= self.last.as_ref());
            ids.rotate_left(next);
            let failed = self.all.values().filter(|due| due.attempts > 0);
            ids.truncate(room + failed.take(TURNS).count());
            self.last = ids.last().cloned();
        }
        for id in ids {
            self.put(id, now);
        }
        self.others = count - self.all.len();
    }

    fn gone(&mut self, id: &ContainerId) {
        self.all.remove(id);
    }

    /// When the next one is due.
    fn next(&self) -> Option<Instant> {
        self.all.values().map(|due| due.at).min()
    }

    /// The next one, and how often it was tried: by turns the one that has been due for longest, and the one with the fewest
    /// attempts, which does not have to wait for all that fail again and again.
    fn due(&mut self, now: Instant) -> Option<(ContainerId, u32)> {
        let is_newest_turn = self.is_newest_turn;
        let due = self.all.iter().filter(|(_, due)| due.at <= now);
        let next = due.min_by_key(|(_, due)| (is_newest_turn.then_some(due.attempts), due.at));
        let next = next.map(|(id, due)| (id.clone(), due.attempts))?;
        self.is_newest_turn = !is_newest_turn;
        Some(next)
    }

    /// After 1, 2, 4 … 300 s. What is told is told less and less often.
    fn tried(&mut self, id: &ContainerId, came_to: CameTo, now: Instant) {
        let Some(due) = self.all.get_mut(id) else {
            return;
        };
        match came_to {
            CameTo::Done => drop(self.all.remove(id)),
            CameTo::Busy => due.at = now + FIRST,
            CameTo::Left(text) => {
                due.attempts = due.attempts.saturating_add(1);
                due.pause = LONGEST.min(due.pause * 2);
                due.at = now + due.pause;
                if due.attempts.is_power_of_two() {
                    let (attempts, seconds) = (due.attempts, due.pause.as_secs());
                    LOG.warning(format_args!(
                        "container {id} is not detached after {attempts} more attempts, tried again in {seconds} s: {text}"
                    ));
                }
            }
        }
    }
}

/// Does it.
pub(crate) struct Hands {
    conf: NetConf,
    site: Site,
    /// Where plugins are looked for after `binDir` (B1.42).
    path: Vec<PathBuf>,
    metrics: Option<Arc<Metrics>>,
}

impl Hands {
    pub(crate) fn new(conf: NetConf, site: Site, metrics: Option<Arc<Metrics>>) -> Self {
        let path = sys::environment::get("CNI_PATH").unwrap_or_default();
        Self {
            conf,
            site,
            path: cni::exec::search_path(&path),
            metrics,
        }
    }

    fn engine<T>(&self, work: impl FnOnce(&Engine<'_>) -> T) -> T {
        let ground = Ground::new(&self.conf, &self.site, false);
        let runtime = ground.runtime(&self.conf.bin_dir, &self.path);
        let runs = Runs::default();
        let done = work(&ground.engine(&runtime, &runs));
        if let Some(metrics) = &self.metrics {
            metrics.ran(Operation::Del, &node::runs(&runs));
        }
        done
    }

    /// The containers whose ledgers say that something is left, where that can be seen.
    fn look(&self) -> Option<Vec<ContainerId>> {
        self.engine(|engine| engine.with_rest())
            .inspect_err(|error| {
                LOG.warning(format_args!(
                    "cannot look for what is to be detached: {error}"
                ));
            })
            .ok()
    }

    /// Tries once; never beside anybody else.
    fn again(&self, id: &ContainerId, attempts: u32) -> CameTo {
        let patience = may_last(attempts, self.conf.timeouts.del);
        self.alone(id, patience, |engine, deadline| {
            engine.del_rest(id, deadline)
        })
    }

    /// The same of a container whose sandbox is gone.
    pub(crate) fn gone(&self, id: &ContainerId, is_gone: impl Fn(&str) -> bool) -> CameTo {
        self.alone(id, self.conf.timeouts.del, |engine, deadline| {
            engine.del_gone(id, is_gone, deadline)
        })
    }

    fn alone(
        &self,
        id: &ContainerId,
        patience: Duration,
        work: impl FnOnce(&Engine<'_>, Instant) -> Result<Option<Container>, EngineError>,
    ) -> CameTo {
        let _locks = match self.locks(id) {
            Ok(locks) => locks,
            Err(LockError::Busy { .. }) => return CameTo::Busy,
            Err(error) => return CameTo::Left(error.to_string()),
        };
        let deadline = Instant::now() + patience;
        match self.engine(|engine| work(engine, deadline)) {
            Ok(detached) => {
                if let Some(container) = detached {
                    tell(&container);
                }
                CameTo::Done
            }
            // Nobody can undo what nobody knows: DEL, and GC, name the ledger.
            Err(EngineError::LedgerText(_)) => CameTo::Done,
            Err(error) => CameTo::Left(error.to_string()),
        }
    }

    fn locks(&self, id: &ContainerId) -> Result<(ContainerLock, NodeLock), LockError> {
        let (now, directory) = (Instant::now(), &self.conf.cni_dir);
        let node = NodeLock::shared(directory, now)?;
        let never = EndHolders::Never;
        let container = ContainerLock::acquire(directory, id.as_str(), false, now, never)?;
        Ok((container, node))
    }
}

fn may_last(attempts: u32, del: Duration) -> Duration {
    let doubled = 1u32.checked_shl(attempts).unwrap_or(u32::MAX);
    ATTEMPT.saturating_mul(doubled).min(del)
}

fn tell(container: &Container) {
    let label = container.pod.label();
    LOG.verbose(format_args!(
        "[{label}]: container {} is detached, what was left included",
        container.id
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn id(id: &str) -> ContainerId {
        ContainerId::parse(id).unwrap()
    }

    fn left() -> CameTo {
        CameTo::Left("why".to_owned())
    }

    #[test]
    fn a_container_is_tried_again_after_growing_pauses() {
        let (mut agenda, mut now) = (Agenda::default(), Instant::now());
        agenda.put(id("c"), now);
        agenda.put(id("c"), now + FIRST / 2);
        assert_eq!(agenda.due(now), None);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let next = now + Duration::from_secs(seconds);
            assert_eq!(agenda.next(), Some(next));
            now = next;
            assert_eq!(agenda.due(now).unwrap().0, id("c"));
            agenda.tried(&id("c"), left(), now);
        }
        agenda.tried(&id("c"), CameTo::Busy, now);
        assert_eq!(agenda.next(), Some(now + FIRST));
        agenda.tried(&id("c"), CameTo::Done, now);
        assert_eq!(agenda.next(), None);
    }

    #[test]
    fn whoever_waits_longest_comes_first_and_one_that_is_gone_not_at_all() {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        agenda.put(id("b"), now);
        agenda.put(id("a"), now + FIRST);
        let late = now + LONGEST;
        assert_eq!(agenda.due(late).unwrap().0, id("b"));
        agenda.gone(&id("b"));
        agenda.tried(&id("b"), left(), late);
        assert_eq!(agenda.due(late).unwrap().0, id("a"));
    }

    #[test]
    fn an_attempt_lasts_longer_the_more_there_were_and_never_longer_than_a_del() {
        let del = Duration::from_secs(50);
        for (attempts, seconds) in [(0, 4), (1, 8), (3, 32), (4, 50), (40, 50)] {
            assert_eq!(may_last(attempts, del), Duration::from_secs(seconds));
        }
        assert_eq!(may_last(0, FIRST), FIRST);
    }

    #[test]
    fn a_look_that_cannot_be_had_is_not_one_that_found_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::File::create(&file).unwrap();
        let look = |cni_dir: &std::path::Path| {
            let settings = format!(r#"{{"cniDir": {cni_dir:?}}}"#);
            let settings = Settings::parse(settings.as_bytes()).unwrap();
            Hands::new(settings.netconf.clone(), settings.site(), None).look()
        };
        assert_eq!(look(directory.path()), Some(Vec::new()));
        assert_eq!(look(&file), None);
    }

    #[test]
    fn so_many_are_kept_in_mind_and_no_more() {
        let (mut agenda, now) = (Agenda::default(), Instant::now());
        for number in 0..MOST + 10 {
            agenda.put(id(&format!("c{number}")), now);
        }
        assert_eq!(agenda.all.len(), MOST);
    }

    #[test]
    fn more_than_are_kept_in_mind_have_their_turns_all_the_same() {
        let (mut agenda, mut now) = (Agenda::default(), Instant::now());
        let all: Vec<_> = (0..MOST + 5 * TURNS)
            .map(|number| id(&format!("c{number}")))
            .collect();
        let mut tried = std::collections::BTreeSet::new();
        for _ in 0..=all.len() / TURNS {
            agenda.found(all.clone(), now);
            assert_eq!(agenda.all.len(), MOST);
            assert_eq!(agenda.count(), all.len());
            now += LOOK;
            while let Some((id, _)) = agenda.due(now) {
                agenda.tried(&id, left(), now);
                tried.insert(id);
            }
        }
        assert_eq!(tried.len(), all.len());
        // One that is told of at once does not wait for a look.
        agenda.put(id("news"), now);
        assert_eq!(
            (agenda.all.len(), agenda.due(now + FIRST).unwrap().0),
            (MOST, id("news"))
        );
    }

    #[test]
    fn one_that_is_new_does_not_wait_for_all_that_fail_again_and_again() {
        let (mut agenda, mut now) = (Agenda::default(), Instant::now());
        for number in 0..100 {
            agenda.put(id(&format!("c{number}")), now);
        }
        for _ in 0..100 {
            now += LONGEST;
            let (id, _) = agenda.due(now).unwrap();
            agenda.tried(&id, left(), now);
        }
        now += LONGEST;
        agenda.put(id("news"), now);
        now += LONGEST;
        let next = [agenda.due(now), agenda.due(now)].map(|due| due.unwrap().0);
        assert!(next.contains(&id("news")), "{next:?}");
    }
}
