//! Where plans' facts come from: the watches, what the kernel and the kubelet say, and the API for the rest.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Live, Watches};
use devices::{DevicesError, Kubelet};
use futures_util::stream::{self, StreamExt as _};
use plan::{DriveError, Fact, Facts, Inquiry, Need, PathFact, PlanError, Planned, PodRef};
use tokio::task::spawn_blocking;

use crate::complaints::Complaints;
use crate::keeper::Status;

/// So many things are fetched at a time for one plan.
const AT_ONCE: usize = 8;

/// Everything that tells something.
pub(crate) struct Sources {
    pub(crate) live: Arc<Live>,
    pub(crate) watches: Arc<Watches>,
    /// How the node's configuration stands.
    pub(crate) status: Arc<dyn Fn() -> Status + Send + Sync>,
    pub(crate) kubelet: Kubelet,
    pub(crate) complaints: Arc<Complaints>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// Why a fact is not to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactError {
    #[error(transparent)]
    Api(#[from] ClusterError),
    #[error(transparent)]
    Devices(#[from] DevicesError),
    #[error("the daemon stops")]
    Stopped,
}

/// How long facts may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// One of them: the time that the configuration gives to an object of the API.
    pub(crate) each: Duration,
    /// All of them: whoever asked has to have his answer by then, or he would not know the reason.
    pub(crate) until: Option<Instant>,
}

impl Patience {
    fn deadline(self, now: Instant) -> Instant {
        let deadline = now + self.each;
        self.until.map_or(deadline, |until| until.min(deadline))
    }
}

impl Sources {
    /// Asks until the answer is complete, fetching each thing that it needs once.
    pub(crate) async fn drive<T>(
        &self,
        pod: &PodRef,
        patience: Patience,
        ask: impl Fn(&Facts) -> Result<Planned<T>, PlanError>,
    ) -> Result<T, DriveError<FactError>> {
        let mut inquiry = Inquiry::default();
        loop {
            let needs = match inquiry.ask(&ask).map_err(DriveError::Plan)? {
                Planned::Ready(done) => return Ok(done),
                Planned::Needs(needs) => needs,
            };
            let fetching = needs.into_iter().map(async |need| {
                let fact = self.fetch(&need, pod, patience).await;
                fact.map(|fact| (need, fact))
            });
            let mut fetched = stream::iter(fetching).buffered(AT_ONCE);
            while let Some(fact) = fetched.next().await {
                let (need, fact) = fact.map_err(DriveError::Source)?;
                inquiry.tell(need, fact).map_err(DriveError::Plan)?;
            }
        }
    }

    async fn fetch(
        &self,
        need: &Need,
        asked: &PodRef,
        patience: Patience,
    ) -> Result<Fact, FactError> {
        let deadline = patience.deadline(Instant::now());
        Ok(match need {
            Need::Pod { namespace, name } => {
                let pod = self.watches.pod(namespace, name, &asked.uid, deadline);
                Fact::Pod(pod.await?.map(Arc::unwrap_or_clone))
            }
            Need::Definition { namespace, name } => {
                let found = self.watches.definition(namespace, name, deadline).await?;
                Fact::Definition(found.map(Arc::unwrap_or_clone))
            }
            Need::Path(path) => Fact::Path(self.look(path.clone()).await?),
            Need::Devices(pod) => {
                let (kubelet, pod) = (self.kubelet.clone(), pod.clone());
                let asked = spawn_blocking(move || kubelet.devices(&pod, deadline)).await;
                Fact::Devices(asked.map_err(|_| FactError::Stopped)??)
            }
            Need::Claim { namespace, name } => {
                Fact::Claim(self.live.resource_claim(namespace, name, deadline).await?)
            }
            Need::Slices { driver, node } => {
                let slices = self.live.resource_slices(driver, node.as_deref(), deadline);
                Fact::Slices(slices.await?)
            }
        })
    }

    /// What lies at a path of the host; of the primary's file, what it last was when it was whole.
    async fn look(&self, path: PathBuf) -> Result<PathFact, FactError> {
        if let Some(content) = (self.status)().content_at(&path) {
            return Ok(PathFact::File(content.to_vec()));
        }
        let complaints = Arc::clone(&self.complaints);
        let looked = spawn_blocking(move || {
            sys::files::look(&path, &|error| {
                complaints.warning(&format!("configuration file passed over: {error}"));
            })
        });
        looked.await.map_err(|_| FactError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_has_its_time_and_no_more_than_is_left_of_the_call() {
        let now = Instant::now();
        let [short, each, long] = [3, 20, 60].map(Duration::from_secs);
        for (until, expected) in [(None, each), (Some(short), short), (Some(long), each)] {
            let until = until.map(|left| now + left);
            assert_eq!(Patience { each, until }.deadline(now), now + expected);
        }
    }
}
