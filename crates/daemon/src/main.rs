//! `multus-daemon`: plans for the plugins of its node, and keeps the node's CNI configuration.

use std::process::ExitCode;

use dlmalloc::GlobalDlmalloc;

/// What is planned is gone a moment later: a heap that keeps its pages for the next one.
#[global_allocator]
static HEAP: GlobalDlmalloc = GlobalDlmalloc;

fn main() -> ExitCode {
    daemon::main()
}
