//! Requests on their way in: how long each may be and take, and how much memory all of them have together.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Body;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The longest request: no configuration and no status comes near it.
const LONGEST: usize = 4 << 20;
/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(10);
/// A request that is no longer than this has its own memory; hardly an honest one is longer.
const SMALL: usize = 64 << 10;
/// What all others have together.
const ROOM: usize = 16 << 20;

/// The room that there is.
#[derive(Debug)]
pub(crate) struct Arrivals {
    room: Semaphore,
}

/// A request that has arrived. It has its room until this is dropped.
#[derive(Debug)]
pub(crate) struct Arrived<'a> {
    pub(crate) body: Bytes,
    #[expect(dead_code, reason = "held, not read")]
    room: Option<SemaphorePermit<'a>>,
}

/// Why a request did not arrive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    #[error("cannot read the request: {0}")]
    Broken(String),
    #[error("cannot read the request: it has more than {LONGEST} bytes")]
    TooLong,
    #[error("cannot read the request: it does not come to its end")]
    TooSlow,
    /// It may arrive another time.
    #[error("too many large requests arrive at a time")]
    NoRoom,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            room: Semaphore::new(ROOM),
        }
    }
}

impl Arrivals {
    /// The whole body, in time and within the limits.
    ///
    /// # Errors
    /// [`Lost`].
    pub(crate) async fn read<B>(&self, body: B) -> Result<Arrived<'_>, Lost>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let arriving = timeout(ARRIVAL, self.collect(body));
        arriving.await.map_err(|_| Lost::TooSlow)?
    }

    async fn collect<B>(&self, body: B) -> Result<Arrived<'_>, Lost>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
    {
        let mut body = std::pin::pin!(body);
        let (mut whole, mut room) = (Whole::default(), None);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Lost::Broken(error.into().to_string()))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let length = whole.len() + data.len();
            if length > LONGEST {
                return Err(Lost::TooLong);
            }
            if length > SMALL {
                self.take(&mut room, data.len())?;
            }
            whole.append(data);
        }
        let body = whole.end();
        Ok(Arrived { body, room })
    }

    fn take<'a>(
        &'a self,
        room: &mut Option<SemaphorePermit<'a>>,
        length: usize,
    ) -> Result<(), Lost> {
        let length = u32::try_from(length).map_err(|_| Lost::TooLong)?;
        let more = self.room.try_acquire_many(length);
        let more = more.map_err(|_| Lost::NoRoom)?;
        match room {
            Some(room) => room.merge(more),
            None => *room = Some(more),
        }
        Ok(())
    }
}

/// The pieces of a body. One that comes as a whole is not copied: many may wait with theirs.
#[derive(Debug, Default)]
struct Whole {
    first: Bytes,
    all: BytesMut,
}

impl Whole {
    fn len(&self) -> usize {
        self.first.len().max(self.all.len())
    }

    fn append(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&self.first);
        }
        self.all.extend_from_slice(&piece);
    }

    fn end(self) -> Bytes {
        match self.all.is_empty() {
            true => self.first,
            false => self.all.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::runtime::Builder;

    use super::*;

    fn read(arrivals: &Arrivals, length: usize) -> Result<Arrived<'_>, Lost> {
        let runtime = Builder::new_current_thread().enable_time().build();
        let body = Full::new(Bytes::from(vec![b' '; length]));
        runtime.unwrap().block_on(arrivals.read(body))
    }

    #[test]
    fn a_request_that_is_too_long_is_told_so() {
        let arrivals = Arrivals::default();
        assert_eq!(read(&arrivals, LONGEST).unwrap().body.len(), LONGEST);
        assert_eq!(read(&arrivals, LONGEST + 1).unwrap_err(), Lost::TooLong);
    }

    #[test]
    fn large_requests_share_their_room_and_small_ones_need_none() {
        let arrivals = Arrivals::default();
        let crowd: Vec<_> = (0..ROOM / LONGEST)
            .map(|_| read(&arrivals, LONGEST).unwrap())
            .collect();
        assert_eq!(read(&arrivals, SMALL + 1).unwrap_err(), Lost::NoRoom);
        assert_eq!(read(&arrivals, SMALL).unwrap().body.len(), SMALL);
        drop(crowd);
        assert!(read(&arrivals, LONGEST).is_ok());
    }
}
