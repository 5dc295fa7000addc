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

/// Prints the answer. A status other than 200 is a failure.
pub(crate) fn print(settings: &Settings, path: &str) -> ExitCode {
    match ask(&socket::path(&settings.socket_dir), path) {
        Ok(reply) => {
            let text = String::from_utf8_lossy(&reply.body);
            // Nobody may be there to read it.
            let _unread = writeln!(std::io::stdout(), "{} {}", reply.status, text.trim_end());
            match reply.status {
                200 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            sys::complain!("multus-daemon: {error}");
            ExitCode::FAILURE
        }
    }
}

fn ask(socket: &Path, path: &str) -> Result<Reply, IpcError> {
    let mut connection = Connection::over(sys::socket::reach(socket), socket)?;
    connection.post(path, b"", Instant::now() + PATIENCE)
}
