//! The Linux edge: plugins as processes, network namespaces, rtnetlink, files that are never half written, and locks that
//! live as long as the work they guard.
//!
//! **Promises.** Every wait here has an end, every buffer a limit. A plugin is started by `vfork` semantics whatever the size
//! of this process, its whole process group is gone when its deadline has passed, and nothing that it writes can fill our
//! memory. A reader of a file written here sees the old bytes or the new ones. A lock on a container is held until the last
//! process that acts on that container let go, even if the process that took it was killed.
//!
//! **Never.** No namespace, root or directory of the calling thread is another one when a call returns (work under another root
//! runs on a thread that ends with it), no signal handler is installed, no shell is run, no `PATH` searched, nothing is printed but by
//! [`log`] and [`mod@say`]. Nothing here knows Kubernetes.

pub mod children;
pub mod environment;
pub mod exec;
pub mod files;
#[expect(unsafe_code, reason = "an allocator is made of addresses")]
pub mod heap;
pub mod limits;
pub mod lock;
pub mod log;
mod netlink;
pub mod netns;
mod ports;
pub mod say;
pub mod socket;
#[cfg(test)]
mod testing;
pub mod wait;
pub mod watch;

pub use ports::HostNetns;
