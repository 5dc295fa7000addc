//! Plans by the daemon of this node, and tells it what became of the pod.

use std::cell::RefCell;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use cni::{CniError, code};
use engine::{Attached, EngineError, Unwritten};
use ipc::upstream::HEALTHZ;
use ipc::{
    Commit, Connection, Failed, IpcError, PlanReply, PlanRequest, PodWords, Refusal, Reply, Run,
    Waited, path,
};
use plan::{Outcome, Plan, PodRef};
use plugin::messages::{of_pod, plain};
use plugin::{Call, LOG, Planned, Planner};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{alone, upstream};

/// How long an ADD waits for a daemon that starts or restarts, or has other attachments to see to (B6.30).
const WAIT: Duration = Duration::from_secs(60);

/// How much of it is the daemon's to say why it came to nothing.
const REASON: Duration = Duration::from_secs(1);

/// How long nobody has to be there before a pod may be attached without a daemon.
const ALONE: Duration = Duration::from_secs(10);

/// How long a daemon that does not answer has to show that it lives.
const SIGN: Duration = Duration::from_secs(2);

/// How long the daemon has to take over a status that is owed: it stands in the ledger as well.
const HANDOVER: Duration = Duration::from_secs(2);

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// The daemon, as one call sees it.
pub(crate) struct Daemon {
    socket: PathBuf,
    /// Open from the plan to the commit: as long as it is, the attachment counts as in flight.
    connection: RefCell<Option<Connection>>,
}

/// Where the daemon listens (B2.130); everything else in the configuration is the engine's or the daemon's.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Place {
    daemon_socket_dir: String,
}

impl Place {
    fn socket(self) -> PathBuf {
        let directory = match self.daemon_socket_dir.as_str() {
            "" => "/run/multus/",
            given => given,
        };
        PathBuf::from(directory).join("multus.sock")
    }
}

impl Daemon {
    pub(crate) fn of(call: &Call<'_>) -> Result<Self, CniError> {
        let place: Place = gojson::from_slice(&call.request.config).map_err(|error| {
            let text = format_args!("error loading netconf: {error}");
            plain(code::DECODING_FAILURE, text)
        })?;
        Ok(Self {
            socket: place.socket(),
            connection: RefCell::new(None),
        })
    }

    /// Asks once. An empty answer is none.
    pub(crate) fn ask<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        words: &impl Serialize,
        deadline: Instant,
    ) -> Result<Option<T>, Refusal> {
        self.ask_beside(endpoint, words, deadline, &mut || ())
    }

    /// The same, and does something while the daemon sees to it.
    fn ask_beside<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        words: &impl Serialize,
        deadline: Instant,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Option<T>, Refusal> {
        let body = gojson::to_vec(words)
            .map_err(|error| Refusal::Error(CniError::new(code::INTERNAL, error.to_string())))?;
        Self::read(endpoint, self.post(endpoint, &body, deadline, meanwhile)?)
    }

    fn read<T: DeserializeOwned>(endpoint: &str, reply: Reply) -> Result<Option<T>, Refusal> {
        let answer = Refusal::unless_good(reply)?;
        if answer.is_empty() {
            return Ok(None);
        }
        ipc::decode(&answer)
            .map(Some)
            .map_err(|error| Refusal::Unreadable {
                endpoint: endpoint.to_owned(),
                reason: error.to_string(),
            })
    }

    /// It answered nothing where it should have.
    pub(crate) fn empty(endpoint: &str) -> Refusal {
        Refusal::Unreadable {
            endpoint: endpoint.to_owned(),
            reason: "it is empty".to_owned(),
        }
    }

    /// Asks until the daemon is there and ready, or the time is over, with words that may tell how much of it is left.
    pub(crate) fn ask_until<W: Serialize, T: DeserializeOwned>(
        &self,
        endpoint: &str,
        words: impl Fn() -> W,
        until: Instant,
        deadline: Instant,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Option<T>, Refusal> {
        let (mut pause, mut is_told) = (Duration::from_millis(10), false);
        loop {
            let refusal = match self.ask_beside(endpoint, &words(), deadline, meanwhile) {
                Err(refusal) if refusal.may_pass() && Instant::now() + pause < until => refusal,
                done => return done,
            };
            if !is_told {
                LOG.verbose(format_args!("waiting for the daemon: {refusal}"));
                is_told = true;
            }
            thread::sleep(pause);
            pause = PAUSE.min(pause * 2);
            // The sleep may have been longer than it should. What was said last is the reason.
            if Instant::now() >= until.min(deadline) {
                return Err(refusal);
            }
        }
    }

    /// The plan of a pod that needs no daemon, where there is none. `None` where the node is not to have that, or a daemon lives.
    ///
    /// # Errors
    /// Why this pod needs one.
    fn plan_without(
        &self,
        call: &Call<'_>,
        refusal: &Refusal,
        until: Instant,
    ) -> Result<Option<Plan>, String> {
        let found = alone::plan(call);
        if matches!(found, Ok(None)) || !self.is_absent(refusal, until) {
            return Ok(None);
        }
        let plan = found?;
        let label = call.args.pod.label();
        LOG.warning(format_args!(
            "[{label}]: attached as the node's record says: {refusal}"
        ));
        Ok(plan)
    }

    /// Asks for a plan once more. Whoever has asked and has no answer yet keeps his place.
    fn ask_on(
        &self,
        words: impl Fn() -> PlanRequest,
        until: Instant,
    ) -> Result<Option<PlanReply>, Refusal> {
        if self.is_asked() {
            match self.hear(path::PLAN, until) {
                Err(refusal) if refusal.may_pass() => {}
                heard => return heard,
            }
        }
        self.ask_until(path::PLAN, words, until, until, &mut || ())
    }

    /// Whether there is no daemon, or one that does nothing at all. One that is there says so at once, however many wait.
    fn is_absent(&self, refusal: &Refusal, until: Instant) -> bool {
        let is_dead = || {
            let deadline = until.min(Instant::now() + SIGN);
            let reached = Connection::over(sys::socket::reach(&self.socket), &self.socket);
            let asked = reached.and_then(|mut other| other.post(HEALTHZ, b"", deadline));
            asked.is_err()
        };
        refusal.is_absence() || (refusal.is_silence() && is_dead())
    }

    /// Whether something was asked that is not answered yet.
    fn is_asked(&self) -> bool {
        let open = self.connection.borrow();
        open.as_ref().is_some_and(Connection::is_asked)
    }

    /// Waits on for what was asked and is not answered yet.
    fn hear<T: DeserializeOwned>(
        &self,
        endpoint: &str,
        deadline: Instant,
    ) -> Result<Option<T>, Refusal> {
        let Some(mut open) = self.connection.take() else {
            return Err(Self::empty(endpoint));
        };
        let heard = open.wait(endpoint, deadline);
        self.connection.replace(Some(open));
        Self::read(endpoint, heard?)
    }

    /// Posts over the connection that is open, or over a new one where that is gone: a daemon that ended meanwhile has a
    /// successor, and nothing that is told to both does harm.
    fn post(
        &self,
        endpoint: &str,
        body: &[u8],
        deadline: Instant,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Reply, IpcError> {
        let open = self.connection.take().filter(Connection::is_open);
        if let Some(mut connection) = open {
            match connection.post_beside(endpoint, body, deadline, meanwhile) {
                Err(error) if error.may_pass() => {}
                reply => {
                    self.connection.replace(Some(connection));
                    return reply;
                }
            }
        }
        let mut connection = Connection::over(sys::socket::reach(&self.socket), &self.socket)?;
        let reply = connection.post_beside(endpoint, body, deadline, meanwhile);
        // One that is silent may answer yet.
        self.connection.replace(Some(connection));
        reply
    }
}

impl Planner for Daemon {
    fn plan(&self, call: &Call<'_>) -> Result<Planned, CniError> {
        let begin = Instant::now();
        let until = begin + wait(call.deadline.saturating_duration_since(begin));
        let alone = begin + ALONE;
        let words = || question(call, begin, until);
        let first = until.min(alone);
        let (answer, without) = match self.ask_until(path::PLAN, words, first, first, &mut || ()) {
            Err(refusal) if alone < until && (refusal.may_pass() || refusal.is_silence()) => {
                match self.plan_without(call, &refusal, until) {
                    Ok(Some(plan)) => return Ok(Planned::Outcome(Outcome::Attach(plan))),
                    without => (self.ask_on(words, until), without.err()),
                }
            }
            answer => (answer, None),
        };
        let answer = answer.and_then(|reply| reply.ok_or_else(|| Self::empty(path::PLAN)));
        let reply: PlanReply = match answer {
            Ok(reply) => reply,
            Err(Refusal::Unknown) => return upstream::add(self, call, until),
            // The daemon words it as the thin plugin would.
            Err(Refusal::Error(error)) => return Err(error),
            Err(refusal @ Refusal::Unreadable { .. }) => {
                return Err(of_pod(refusal.code(), &call.args.pod, refusal));
            }
            Err(refusal) => {
                let code = refusal.code();
                let waited = Waited {
                    refusal,
                    waited: begin.elapsed(),
                    without,
                };
                return Err(of_pod(code, &call.args.pod, waited));
            }
        };
        let (outcome, warnings) = reply
            .outcome()
            .map_err(|error| of_pod(code::INTERNAL, &call.args.pod, error))?;
        for line in warnings {
            LOG.warning(format_args!("[{}]: {line}", call.args.pod.label()));
        }
        Ok(Planned::Outcome(outcome))
    }

    fn commit(
        &self,
        call: &Call<'_>,
        pod: &PodRef,
        attached: &Attached,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<(), Unwritten> {
        let failed = attached.failed.0.iter().map(ToString::to_string).collect();
        let (statuses, interfaces) = (&attached.statuses, &attached.interfaces);
        let words = Commit::of(pod, call.container_id(), statuses, interfaces, failed)
            .map_err(|error| Unwritten::new(&error, code::INTERNAL))?;
        let words = Commit {
            runs: runs(call),
            is_status_owed: attached.is_status_owed,
            patience: Some(milliseconds(call.conf.timeouts.api)),
            ..words
        };
        let words = || {
            let left = call.deadline.saturating_duration_since(Instant::now());
            Commit {
                time_left: Some(milliseconds(left)),
                ..words.clone()
            }
        };
        // The daemon may have been restarted meanwhile, or hang. It or its successor looks for what is owed: nobody waits
        // for it then.
        let now = Instant::now();
        let (until, deadline) = match attached.is_status_owed {
            true => (now, call.deadline.min(now + HANDOVER)),
            false => (call.deadline, call.deadline),
        };
        let told: Result<Option<()>, _> =
            self.ask_until(path::COMMIT, words, until, deadline, meanwhile);
        let may_be_left =
            |refusal: &Refusal| refusal.may_pass() || matches!(refusal, Refusal::Unasked(_));
        match told {
            Err(refusal) if attached.is_status_owed && may_be_left(&refusal) => {
                let label = pod.label();
                LOG.verbose(format_args!(
                    "[{label}]: the status is left to the next daemon: {refusal}"
                ));
                Ok(())
            }
            Err(refusal) => Err(Unwritten::new(&refusal, refusal.code())),
            Ok(_) => Ok(()),
        }
    }

    fn take_back(&self, call: &Call<'_>) {
        upstream::take_back(self, call);
    }

    fn failed(&self, call: &Call<'_>, pod: &PodRef, error: &EngineError) {
        let words = Failed {
            pod: PodWords::from(pod),
            container_id: call.container_id(),
            reason: error.to_string(),
            runs: runs(call),
        };
        let deadline = Instant::now() + call.conf.timeouts.events;
        let told: Result<Option<()>, _> = self.ask(path::FAILED, &words, deadline);
        if let Err(refusal) = told {
            LOG.verbose(format_args!(
                "[{}]: the pod is not told: {refusal}",
                pod.label()
            ));
        }
    }

    /// The daemon posts the events of what was committed.
    fn attached(&self, _: &Call<'_>, _: &PodRef, _: &Plan, _: &Attached) {}
}

/// What the daemon is asked for a plan now, in a call that began so and waits so long.
fn question(call: &Call<'_>, begin: Instant, until: Instant) -> PlanRequest {
    let reason = REASON.min(until.saturating_duration_since(begin) / 4);
    let left = until.saturating_duration_since(Instant::now());
    PlanRequest {
        container_id: call.container_id(),
        ifname: call.ifname(),
        netns: call.request.netns.clone(),
        args: call.request.args.clone(),
        config: String::from_utf8_lossy(&call.request.config).into_owned(),
        patience: Some(milliseconds(left.saturating_sub(reason))),
    }
}

/// How long an ADD that has so much time waits for its plan: some of it is its plugins'.
fn wait(left: Duration) -> Duration {
    WAIT.min(left - left / 4)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What plugins did, and nobody was told yet.
pub(crate) fn runs(call: &Call<'_>) -> Vec<Run> {
    let words =
        |run: plugin::Run| Run::new(run.verb, run.network, run.plugin, run.time, run.failed);
    call.runs.take().into_iter().map(words).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_daemon_is_waited_for_as_long_as_plugins_have_time_afterwards() {
        for (add, waits) in [(110, 60), (60, 45), (4, 3), (0, 0)] {
            let [add, waits] = [add, waits].map(Duration::from_secs);
            assert_eq!(wait(add), waits);
        }
    }

    #[test]
    fn a_socket_directory_that_is_empty_is_the_default_one() {
        // B2.130
        for (config, socket) in [
            ("{}", "/run/multus/multus.sock"),
            (r#"{"daemonSocketDir": ""}"#, "/run/multus/multus.sock"),
            (r#"{"daemonSocketDir": "/s"}"#, "/s/multus.sock"),
        ] {
            let place: Place = gojson::from_slice(config.as_bytes()).unwrap();
            assert_eq!(place.socket(), Path::new(socket), "{config}");
        }
    }
}
