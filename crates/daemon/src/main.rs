//! `multus-daemon`: plans for the plugins of its node, and keeps the node's CNI configuration.

use std::process::ExitCode;

fn main() -> ExitCode {
    daemon::main()
}
