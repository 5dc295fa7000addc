//! What upstream's programs ask the daemon for: `/cni` by its plugin, `/delegate` by whoever attaches a pod that runs already
//! (B6.12–B6.45). The same engine as the plugin's does it, in this process.

mod host;
mod reply;
mod request;

use std::sync::Arc;

use bytes::Bytes;
use cni::{CniError, CniResult, Verb, code};
use http::{Method, Response};
use http_body_util::Full;
use ipc::upstream::{CNI, DELEGATE};
use plugin::Call;
use plugin::messages::plain;

use crate::arrivals::{Arrived, Lost};
use crate::crew::{Asker, Crew};
use crate::gate::Place;

pub(crate) use host::Host;
pub(crate) use reply::Reply;
use request::Wanted;

/// Whether this is upstream's, and not ours.
pub(crate) fn serves(endpoint: &str) -> bool {
    [CNI, DELEGATE].contains(&endpoint)
}

/// Serves it.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) host: Host,
    pub(crate) crew: Arc<Crew>,
}

impl Upstream {
    /// Answers a request of one of the two paths; attaches nothing where too many wait already.
    pub(crate) async fn answer(
        &self,
        is_full: bool,
        method: &Method,
        endpoint: &str,
        arrived: Result<Arrived<'_>, Lost>,
    ) -> Response<Full<Bytes>> {
        if method != Method::POST {
            return Reply::WrongMethod.into();
        }
        let reply = match arrived {
            Ok(arrived) => self.serve(is_full, endpoint, &arrived.body).await,
            Err(lost @ Lost::NoRoom) => self.host.refused(plain(code::TRY_AGAIN_LATER, lost)),
            Err(lost) => Reply::Bad(lost.to_string()),
        };
        reply.into()
    }

    async fn serve(&self, is_full: bool, endpoint: &str, body: &[u8]) -> Reply {
        let asked = match request::read(body, &self.host) {
            Ok(asked) => asked,
            Err(Reply::Refused(error)) => return self.host.refused(error),
            Err(reply) => return reply,
        };
        let attaches = asked.request.command == Verb::Add;
        let place = match attaches {
            true => match self.host.node.enter(is_full, None).await {
                Ok(place) => Some(place),
                Err(reason) => {
                    return self.host.refused(not_ready(code::TRY_AGAIN_LATER, &reason));
                }
            },
            false => None,
        };
        let (host, is_delegate) = (self.host.clone(), endpoint == DELEGATE);
        let work = move |asker: &Asker<Reply>| {
            let _place: Option<Place> = place;
            let done = carry_out(&host, &asked, is_delegate, asker);
            done.unwrap_or_else(|error| host.refused(error))
        };
        let done = self.crew.put(attaches, work).await;
        done.unwrap_or_else(|error| self.host.refused(error))
    }
}

fn carry_out(
    host: &Host,
    asked: &Wanted,
    is_delegate: bool,
    asker: &Asker<Reply>,
) -> Result<Reply, CniError> {
    let mut result = None;
    let mut give = |made: &CniResult, _: &Call<'_>| match asker.is_closed() {
        true => Err(plain(code::IO_FAILURE, "whoever asked has gone away")),
        false => reply::result(made).map(|made| result = Some(made)),
    };
    if is_delegate {
        host.run_one(asked, &mut give)?;
    } else {
        plugin::run(host, &host.overlaid(asked)?, &mut give)?;
    }
    Ok(result.map_or(Reply::Done, Reply::Result))
}

fn not_ready(code: u32, reason: &str) -> CniError {
    plain(code, format_args!("the daemon is not ready: {reason}"))
}
