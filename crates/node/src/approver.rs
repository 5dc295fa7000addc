//! `cert-approver`: decides on requests for the nodes' own certificates (B1.110–B1.116).

mod verdict;

use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{
    ClusterError, Decision, Event, EventType, Limits, Live, Observer, SigningRequest,
    SigningRequests,
};
use sys::environment;
use tokio::runtime::{Builder, Handle};
use tokio::time::sleep;

use crate::flags::{Flags, Values};
use crate::signals::Signals;
use verdict::{SIGNER, Verdict, judge};

pub(crate) const FLAGS: Flags = &[];

/// Who speaks in events.
const COMPONENT: &str = "cert-approver";
/// For a decision, and for its event.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often a decision is tried that the API does not take (B1.110).
const TRIES: u32 = 6;
/// Between tries.
const PAUSE: Duration = Duration::from_secs(2);

/// While more requests than these wait to be tried again, no others are taken, for want of memory: the watch keeps a bounded
/// number of them meanwhile.
const WAITING: usize = 64;

/// Why the program cannot begin.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0} is not set: this program runs in a pod")]
    NoService(&'static str),
    #[error("error getting k8s client: {0}")]
    Api(#[from] ClusterError),
    #[error("failed to begin: {0}")]
    Start(#[from] std::io::Error),
}

pub(crate) fn run(_: &Values) -> ExitCode {
    let runtime = Builder::new_current_thread().enable_all().build();
    let done = runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(approve()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            sys::complain!("cert-approver: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Until a signal comes.
async fn approve() -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let set = |name| environment::get(name).filter(|value| !value.is_empty());
    let must = |name| set(name).ok_or(Failure::NoService(name));
    let host = must("KUBERNETES_SERVICE_HOST")?;
    let port = must("KUBERNETES_SERVICE_PORT")?;
    let live = Live::in_cluster(&host, &port, Limits::default(), &Handle::current())?;
    let live = Arc::new(live);
    let observer: Arc<dyn Observer> = Arc::new(Journal);
    let follow = async {
        // More than is kept at a time came at once: a list tells of the rest.
        loop {
            follow(&live, SigningRequests::start(&live, SIGNER, &observer)?).await;
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        ended = follow => ended,
        () = signals.next() => Ok(()),
    }
}

/// Decides on each request once; on those that the API did not take, again. Until there are more than were told of.
async fn follow(live: &Live, mut requests: SigningRequests) {
    let mut desk = Desk::default();
    loop {
        let are_there_more = desk.take(|| requests.take());
        for open in desk.clear() {
            if let Err(error) = settle(live, &open.request).await {
                sys::complain!("cert-approver: failed to {error}");
                desk.put_back(open);
            }
        }
        match (desk.0.is_empty(), are_there_more) {
            (false, _) => sleep(PAUSE).await,
            (true, true) => return,
            (true, false) => requests.changed().await,
        }
    }
}

/// What is to be decided on, by UID.
#[derive(Default)]
struct Desk(HashMap<String, Open>);

/// A request that is to be decided on.
struct Open {
    request: Arc<SigningRequest>,
    /// So often still.
    tries: u32,
}

impl Desk {
    /// Takes what has come, where there is room for it. Tells whether there may be more.
    fn take(&mut self, come: impl FnOnce() -> (Vec<Arc<SigningRequest>>, bool)) -> bool {
        if self.0.len() > WAITING {
            // Of what is not taken one cannot say whether it is all.
            return true;
        }
        let (news, are_there_more) = come();
        for request in news {
            // What is tried again may have changed since.
            let before = self.0.remove(&request.uid);
            let tries = before.map_or(TRIES, |open| open.tries);
            if !request.is_decided {
                let open = Open { request, tries };
                self.0.insert(open.request.uid.clone(), open);
            }
        }
        are_there_more
    }

    /// Everything: each is decided on, or put back.
    fn clear(&mut self) -> Vec<Open> {
        self.0.drain().map(|(_, open)| open).collect()
    }

    /// The API did not take a decision. It is tried again, but not for ever.
    fn put_back(&mut self, mut open: Open) {
        open.tries = open.tries.saturating_sub(1);
        if open.tries > 0 {
            self.0.insert(open.request.uid.clone(), open);
        }
    }
}

async fn settle(live: &Live, request: &SigningRequest) -> Result<(), ClusterError> {
    let name = &request.name;
    let (is_approved, cause) = match judge(request) {
        Verdict::NotOurs => return Ok(()),
        Verdict::Undecided(reason) => {
            sys::complain!("cert-approver: {name} is left to others: {reason}");
            return Ok(());
        }
        Verdict::Approved => (true, None),
        Verdict::Denied(cause) => (false, Some(cause)),
    };
    let decision = Decision {
        is_approved,
        reason: if is_approved {
            "AutoApproved"
        } else {
            "CSRDenied"
        }
        .to_owned(),
        message: cause
            .clone()
            .unwrap_or_else(|| format!("Auto-approved CSR {name:?}")),
    };
    live.decide(request, &decision, Instant::now() + PATIENCE)
        .await?;
    let event = match cause {
        None => Event {
            kind: EventType::Normal,
            reason: "CSRApproved".to_owned(),
            message: format!("CSR {name:?} has been approved by csr-approver"),
        },
        Some(cause) => Event {
            kind: EventType::Warning,
            reason: "CSRDenied".to_owned(),
            message: format!("The CSR {name:?} has been denied by csr-approver: {cause}"),
        },
    };
    sys::say!("{}", event.message);
    let posted = live.post_event_of_request(request, &event, COMPONENT, Instant::now() + PATIENCE);
    // It is decided all the same.
    if let Err(error) = posted.await {
        sys::complain!("cert-approver: failed to {error}");
    }
    Ok(())
}

/// What the watch tells.
struct Journal;

impl Observer for Journal {
    fn listed(&self, what: &str, _: usize) {
        sys::say!("all {what} listed");
    }

    fn failed(&self, error: &ClusterError, pause: Duration) {
        sys::complain!(
            "cert-approver: failed to {error}; tried again in {:.1} s",
            pause.as_secs_f64()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uid: usize) -> Arc<SigningRequest> {
        let mut request = SigningRequest::default();
        request.uid = uid.to_string();
        Arc::new(request)
    }

    /// A round in which the API takes nothing.
    fn fail(desk: &mut Desk) {
        for open in desk.clear() {
            desk.put_back(open);
        }
    }

    #[test]
    fn while_too_many_wait_to_be_tried_again_no_others_are_taken() {
        let mut desk = Desk::default();
        let come = |from, to| move || ((from..to).map(request).collect(), false);
        assert!(!desk.take(come(0, WAITING)));
        fail(&mut desk);
        // There is room for one more look, whatever that brings.
        assert!(!desk.take(come(WAITING, 2 * WAITING)));
        for _ in 1..TRIES {
            assert_eq!(desk.0.len(), 2 * WAITING);
            assert!(desk.take(|| panic!("there is no room")));
            fail(&mut desk);
        }
        // The first ones are given up.
        assert_eq!(desk.0.len(), WAITING);
        assert!(!desk.take(come(2 * WAITING, 2 * WAITING + 1)));
        assert_eq!(desk.0.len(), WAITING + 1);
        fail(&mut desk);
        assert_eq!(desk.0.len(), 1);
    }

    #[test]
    fn one_that_changes_while_it_waits_is_tried_no_more_often_and_one_that_is_decided_not_at_all() {
        let mut desk = Desk::default();
        let come = |request: Arc<SigningRequest>| move || (vec![request], false);
        for _ in 0..TRIES {
            desk.take(come(request(1)));
            assert_eq!(desk.0.len(), 1);
            fail(&mut desk);
        }
        assert_eq!(desk.0.len(), 0);
        desk.take(come(request(1)));
        let mut decided = SigningRequest::default();
        decided.uid = "1".to_owned();
        decided.is_decided = true;
        desk.take(come(Arc::new(decided)));
        assert_eq!(desk.0.len(), 0);
    }
}
