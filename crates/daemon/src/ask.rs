//! What the daemon that serves says, for probes and people: the image has no other client.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ipc::{Connection, IpcError, Reply};

use crate::settings::Settings;
use crate::socket;

/// A probe that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(4);

/// Prints the answer, and nothing else where it is for programs: a status other than 200 is a failure, and told apart.
/// So is the answer of another container's daemon, where only our own is asked.
pub(crate) fn print(settings: &Settings, path: &str, own: bool) -> ExitCode {
    match ask(&socket::path(&settings.socket_dir), path, own) {
        Ok(reply) => {
            let text = String::from_utf8_lossy(&reply.body);
            let text = text.trim_end();
            if !text.is_empty() {
                // Nobody may be there to read it.
                let _unread = writeln!(std::io::stdout(), "{text}");
            }
            match reply.status {
                200 => ExitCode::SUCCESS,
                status => {
                    sys::complain!("multus-daemon: {path} is answered with status {status}");
                    ExitCode::FAILURE
                }
            }
        }
        Err(Failed::Other(process)) => {
            sys::complain!("multus-daemon: process {process} of another container serves {path}");
            ExitCode::FAILURE
        }
        Err(Failed::Unasked(error)) => {
            sys::complain!("multus-daemon: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no answer.
enum Failed {
    Unasked(IpcError),
    Other(i32),
}

fn ask(socket: &Path, path: &str, own: bool) -> Result<Reply, Failed> {
    let reached = sys::socket::reach(socket);
    let other = reached
        .as_ref()
        .ok()
        .and_then(sys::socket::of_another_container);
    if let Some(process) = other.filter(|_| own) {
        return Err(Failed::Other(process));
    }
    let deadline = Instant::now() + PATIENCE;
    Connection::over(reached, socket)
        .and_then(|mut connection| connection.post(path, b"", deadline))
        .map_err(Failed::Unasked)
}
