//! The daemon did not do what it was asked.

use std::time::Duration;

use cni::{CniError, code};
use thiserror::Error;

use crate::{IpcError, Reply, upstream};

/// How the reason begins of a daemon that waits for its node's first certificate: it has nothing yet to plan with.
pub const WITHOUT_CERTIFICATE: &str = "the node's first certificate is waited for";

/// Why not.
#[derive(Debug, Error)]
pub enum Refusal {
    /// It could not be asked.
    #[error(transparent)]
    Unasked(#[from] IpcError),
    /// It is starting or stopping, or a part of it is not ready.
    #[error("the daemon is not ready: {0}")]
    NotReady(String),
    /// It does not know the question: a daemon of upstream's.
    #[error("the daemon does not know what it was asked")]
    Unknown,
    /// Its answer is none.
    #[error("the daemon's answer to {endpoint} cannot be read: {reason}")]
    Unreadable {
        /// What was asked.
        endpoint: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// It said no.
    #[error("{}", .0.msg)]
    Error(CniError),
}

/// A daemon was waited for, in vain.
#[derive(Debug, Error)]
#[error(
    "{refusal}; waited {:.1} s for the node's multus-daemon{}",
    waited.as_secs_f64(),
    without.as_ref().map(|why| format!(", without which the pod cannot start: {why}")).unwrap_or_default()
)]
pub struct Waited {
    /// What was said last.
    pub refusal: Refusal,
    /// How long.
    pub waited: Duration,
    /// Why the pod cannot be attached without it, where others can.
    pub without: Option<String>,
}

impl Refusal {
    /// Tells a refusal from an answer by its HTTP status.
    ///
    /// # Errors
    /// It is a refusal.
    pub fn unless_good(reply: Reply) -> Result<Vec<u8>, Self> {
        match reply.status {
            200 => Ok(reply.body),
            404 => Err(Self::Unknown),
            503 => Err(Self::NotReady(text(&reply.body))),
            status => Err(Self::Error(error(status, &reply.body))),
        }
    }

    /// Whether a daemon that starts or restarts would explain it.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unasked(error) => error.may_pass(),
            Self::NotReady(_) => true,
            Self::Unknown | Self::Unreadable { .. } | Self::Error(_) => false,
        }
    }

    /// Whether nobody was there to say anything, or only one who waits for the first certificate, which may never come.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        match self {
            Self::Unasked(error) => error.may_pass(),
            Self::NotReady(why) => why.starts_with(WITHOUT_CERTIFICATE),
            _ => false,
        }
    }

    /// Whether somebody is there who has not said anything yet.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unasked(IpcError::Silent { .. }))
    }

    /// The CNI error code.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Error(error) => error.code,
            Self::Unreadable { .. } => code::DECODING_FAILURE,
            Self::Unasked(_) | Self::NotReady(_) | Self::Unknown => code::TRY_AGAIN_LATER,
        }
    }
}

/// A CNI error, or text (B6.24, B6.27).
fn error(status: u16, body: &[u8]) -> CniError {
    match gojson::from_slice::<upstream::Error>(body) {
        Ok(error) if !error.msg.is_empty() => {
            // A runtime takes this code as "nothing to delete".
            let code = match error.code {
                code::UNKNOWN_CONTAINER => code::INTERNAL,
                code => code,
            };
            let told = CniError::new(code, cni::message(&error.msg));
            match error.details.is_empty() {
                true => told,
                false => told.with_details(cni::message(&error.details)),
            }
        }
        _ => {
            let text = text(cause(body));
            let message = format!("CNI request failed with status {status}: '{text}'");
            CniError::new(code::INTERNAL, message)
        }
    }
}

/// What went wrong, without what upstream's daemon puts before it, which the runtime has said itself (B6.24).
fn cause(body: &[u8]) -> &[u8] {
    const BEFORE: &[u8] = b" ERRORED: ";
    let at = body.windows(BEFORE.len()).position(|part| part == BEFORE);
    at.and_then(|at| body.get(at + BEFORE.len()..))
        .unwrap_or(body)
}

/// A line for people, as long as a plugin's own message may be: what happened stands at its end.
fn text(body: &[u8]) -> String {
    cni::message(String::from_utf8_lossy(body).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        let body = body.as_bytes().to_vec();
        Refusal::unless_good(Reply { status, body }).unwrap_err()
    }

    #[test]
    fn what_the_daemon_says_is_told_by_its_status() {
        // B6.24, B6.27
        for (status, body, code, text, may_pass) in [
            (503, "why\n", 11, "the daemon is not ready: why", true),
            (
                404,
                "",
                11,
                "the daemon does not know what it was asked",
                false,
            ),
            (500, r#"{"code":7,"msg":"no"}"#, 7, "no", false),
            (400, r#"{"code":3,"msg":"a\nb"}"#, 999, "a\\nb", false),
            (
                400,
                "oops\n",
                999,
                "CNI request failed with status 400: 'oops'",
                false,
            ),
            (
                400,
                "ContainerID:\"c\" Path:\"\" ERRORED: why\n",
                999,
                "CNI request failed with status 400: 'why'",
                false,
            ),
        ] {
            let refusal = refusal(status, body);
            assert_eq!(refusal.to_string(), text);
            assert_eq!(
                (refusal.code(), refusal.may_pass()),
                (code, may_pass),
                "{text}"
            );
        }
        let good = Reply {
            status: 200,
            body: vec![1],
        };
        assert_eq!(Refusal::unless_good(good).unwrap(), [1]);
    }

    #[test]
    fn a_daemon_without_its_first_certificate_is_none_and_one_that_is_not_ready_is_one() {
        let why = format!("{WITHOUT_CERTIFICATE}: csr-a is not approved yet\n");
        assert!(refusal(503, &why).is_absence());
        assert!(!refusal(503, "there is no primary network").is_absence());
        assert!(!refusal(404, WITHOUT_CERTIFICATE).is_absence());
    }
}
