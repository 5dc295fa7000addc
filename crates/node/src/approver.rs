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
    let mut open: HashMap<String, Open> = HashMap::new();
    loop {
        // What is tried again may have changed since. Of what is not taken one cannot say whether it is all.
        let (news, are_there_more) = match open.len() <= WAITING {
            true => requests.take(),
            false => (Vec::new(), true),
        };
        for request in news {
            let tries = open.remove(&request.uid).map_or(TRIES, |open| open.tries);
            if !request.is_decided {
                open.insert(request.uid.clone(), Open { request, tries });
            }
        }
        for (uid, mut asked) in std::mem::take(&mut open) {
            if let Err(error) = settle(live, &asked.request).await {
                sys::complain!("cert-approver: failed to {error}");
                asked.tries -= 1;
                if asked.tries > 0 {
                    open.insert(uid, asked);
                }
            }
        }
        match (open.is_empty(), are_there_more) {
            (false, _) => sleep(PAUSE).await,
            (true, true) => return,
            (true, false) => requests.changed().await,
        }
    }
}

/// A request that is to be decided on.
struct Open {
    request: Arc<SigningRequest>,
    /// So often still.
    tries: u32,
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
