//! What the engine needs from the system.

use std::io;

use cni::ContainerId;
use plan::RouteChange;

/// Waits until what was written is on disk.
pub type Pending = Box<dyn FnOnce() -> io::Result<()>>;

/// Where ledgers are kept: one document for each container.
pub trait LedgerStore {
    /// The container's ledger, `None` where there is none.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where something lies in its place that is no ledger of ours, and what the file
    /// system says.
    fn read(&self, container: &ContainerId) -> io::Result<Option<Vec<u8>>>;

    /// Puts the container's ledger in place, whole, before it returns; makes it durable in the background.
    ///
    /// # Errors
    /// What the file system says; the former ledger is untouched then.
    fn write(&self, container: &ContainerId, bytes: &[u8]) -> io::Result<Pending>;

    /// Puts a ledger in place of one that is durable, whole, before it returns. Nobody waits for the disk: a power cut may
    /// bring the former one back, or leave an empty one.
    ///
    /// # Errors
    /// What the file system says; the former ledger is untouched then.
    fn rewrite(&self, container: &ContainerId, bytes: &[u8]) -> io::Result<()>;

    /// Removes the container's ledger; none is fine.
    ///
    /// # Errors
    /// What the file system says.
    fn remove(&self, container: &ContainerId) -> io::Result<()>;

    /// Every container that has a ledger.
    ///
    /// # Errors
    /// What the file system says.
    fn list(&self) -> io::Result<Vec<ContainerId>>;
}

/// Where device plugins and CNI plugins leave device information (DI-10 … DI-13): a directory of each, files by name.
pub trait DeviceInfoFiles {
    /// What a device plugin left about a device.
    ///
    /// # Errors
    /// What the file system says.
    fn of_device(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// What is known about an attachment.
    ///
    /// # Errors
    /// What the file system says.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Puts down what is known about an attachment, in place of what was there.
    ///
    /// # Errors
    /// What the file system says.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes what is known about an attachment; nothing is fine.
    ///
    /// # Errors
    /// What the file system says.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// The inside of a sandbox's network namespace.
pub trait Netns {
    /// Whether the path is a network namespace.
    fn is_live(&self, netns: &str) -> bool;

    /// Which of these interfaces exist in it.
    ///
    /// # Errors
    /// Why one cannot look.
    fn existing(&self, netns: &str, ifnames: &[&str]) -> io::Result<Vec<String>>;

    /// Removes and adds default routes through one interface.
    ///
    /// # Errors
    /// What the kernel says.
    fn change_routes(&self, netns: &str, ifname: &str, change: &RouteChange) -> io::Result<()>;
}
