//! Connections: accepted, served, and let go at the end.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use plugin::LOG;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

use crate::crew::Crew;
use crate::service::{Guest, Service};
use crate::socket::Socket;

/// How long nothing may be asked over a connection, half a question is nothing. One with a plan ends with its plugin, which has
/// deadlines of its own.
const IDLE: Duration = Duration::from_secs(10);
/// The same when the daemon ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// The most connections whose plugins get a plan: each waiting one costs some kilobytes.
const MOST: usize = 4096;
/// Descriptors that are kept for everything else: the API, files, and those who ask for no plan.
const RESERVE: usize = 256;
/// How long attachments that are under way keep a daemon that ends.
const GRACE: Duration = Duration::from_secs(20);
/// Where the kernel has no connection to give, it is asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the socket is looked after: somebody may have removed it.
const LOOK: Duration = Duration::from_secs(5);
/// What is read of a connection at a time.
const BUFFER: usize = 64 << 10;

/// The server.
#[derive(Debug)]
pub(crate) struct Server {
    socket: Socket,
    listener: StdListener,
    service: Arc<Service>,
    most: usize,
}

/// Those who are still served.
#[derive(Debug)]
pub(crate) struct Guests(JoinSet<()>);

impl Server {
    pub(crate) fn new(socket: Socket, listener: StdListener, service: Arc<Service>) -> Self {
        Self {
            socket,
            listener,
            service,
            most: most(sys::limits::descriptors(MOST + RESERVE)),
        }
    }

    /// Serves until `end` comes, and hands over what that says, and the guests. Those who come then wait for the successor.
    pub(crate) async fn serve<T>(
        mut self,
        end: impl Future<Output = T>,
    ) -> io::Result<(T, Guests)> {
        let mut listener = listen(self.listener)?;
        let (mut guests, mut looks) = (JoinSet::new(), interval(LOOK));
        tokio::pin!(end);
        let complaints = &self.service.node.complaints;
        let end = loop {
            tokio::select! {
                biased;
                end = &mut end => break end,
                // First those who go: whoever has gone must not count among those who are too many.
                Some(_) = guests.join_next() => {}
                stream = admit(&listener, |reason| complaints.error(reason)) => {
                    let guest = Guest::new(guests.len() >= self.most);
                    guests.spawn(host(stream, guest, Arc::clone(&self.service)));
                }
                _ = looks.tick() => if let Some(again) = self.socket.look() {
                    listener = listen(again)?;
                }
            }
        };
        self.socket.remove();
        Ok((end, Guests(guests)))
    }
}

pub(crate) fn listen(listener: StdListener) -> io::Result<UnixListener> {
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// The next one who connects and is root. Where the kernel has no connection to give, `complain` is told each time.
pub(crate) async fn admit(listener: &UnixListener, complain: impl Fn(&str)) -> UnixStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_root(&stream) => return stream,
            Ok(_) => {}
            Err(error) => {
                complain(&format!("cannot accept a connection: {error}"));
                sleep(PAUSE).await;
            }
        }
    }
}

impl Guests {
    /// Waits until all have gone, and the crew has done what some of them did not wait for. Whoever has no attachment under
    /// way goes at once; a plugin that finds its connection closed asks the successor.
    pub(crate) async fn leave(mut self, crew: &Crew) {
        let all = async {
            while self.0.join_next().await.is_some() {}
            crew.done().await;
        };
        if timeout(GRACE, all).await.is_err() {
            LOG.warning(match self.0.len() {
                0 => "something is still under way that nobody waits for; its ledger tells what to undo".to_owned(),
                some => format!("{some} attachments are still under way; their plugins tell the successor"),
            });
        }
    }
}

/// How many connections may ask for plans.
fn most(descriptors: usize) -> usize {
    descriptors.saturating_sub(RESERVE).clamp(1, MOST)
}

/// Plugins run as root; the socket's mode is not the only thing between everybody else and the node's networks.
fn is_root(stream: &UnixStream) -> bool {
    let refusal = refusal(stream.peer_cred().map(|peer| peer.uid()));
    if let Some(reason) = &refusal {
        LOG.error(format_args!("refused a connection: {reason}"));
    }
    refusal.is_none()
}

fn refusal(user: io::Result<u32>) -> Option<String> {
    match user {
        Ok(0) => None,
        Ok(user) => Some(format!("user {user} is not root")),
        Err(error) => Some(format!("nobody can tell whose it is: {error}")),
    }
}

/// Serves one connection.
async fn host(stream: UnixStream, guest: Guest, service: Arc<Service>) {
    let guest = Arc::new(guest);
    let mut is_stopping = service.is_stopping();
    let who = Arc::clone(&guest);
    let answering = service_fn(move |request| {
        let (guest, service) = (Arc::clone(&who), Arc::clone(&service));
        async move { Ok::<_, Infallible>(service.answer(&guest, request).await) }
    });
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), answering);
    tokio::pin!(connection);
    let stopped = async {
        // Nobody stops it any more where the sender is gone.
        if is_stopping
            .wait_for(|is_stopping| *is_stopping)
            .await
            .is_err()
        {
            pending::<()>().await;
        }
    };
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = silence(&guest, IDLE) => return,
        () = stopped => {
            if !guest.is_planned() {
                connection.as_mut().graceful_shutdown();
            }
            tokio::select! {
                served = connection => served,
                // It asks for half of something, or does not read its answer.
                () = silence(&guest, FAREWELL) => return,
            }
        }
    };
    if let Err(error) = served {
        LOG.debug(format_args!("a connection broke: {error}"));
    }
}

/// Waits until nothing was under way and nothing was asked for so long.
async fn silence(guest: &Guest, time: Duration) {
    let mut before = guest.asked();
    loop {
        sleep(time).await;
        let asked = guest.asked();
        if guest.is_idle() && asked == before {
            return;
        }
        before = asked;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_get_plans_as_there_are_descriptors_for_and_not_more_than_there_is_memory_for() {
        for (descriptors, expected) in [(0, 1), (256, 1), (1024, 768), (1 << 20, MOST)] {
            assert_eq!(most(descriptors), expected);
        }
    }

    #[test]
    fn a_peer_that_is_not_root_or_that_nobody_knows_is_refused() {
        assert_eq!(refusal(Ok(0)), None);
        assert_eq!(refusal(Ok(7)).unwrap(), "user 7 is not root");
        let unknown = refusal(Err(io::ErrorKind::Other.into()));
        assert!(unknown.is_some());
    }
}
