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
pub(crate) fn print(settings: &Settings, path: &str) -> ExitCode {
    match ask(&socket::path(&settings.socket_dir), path) {
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
