//! The engine's ports over this crate: ledgers in a directory, sandboxes of this host.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use cni::ContainerId;
use engine::{DeviceInfoFiles, LedgerStore, Netns, Pending};
use plan::RouteChange;

use crate::files::{DeviceInfoDirs, DirLedger};
use crate::netlink::{Family, Netlink};
use crate::netns::{NetnsState, in_netns, inode, same_as_current, state};

impl LedgerStore for DirLedger {
    fn read(&self, container: &ContainerId) -> io::Result<Option<Vec<u8>>> {
        Ok(Self::read(self, container.as_str())?)
    }

    fn write(&self, container: &ContainerId, bytes: &[u8]) -> io::Result<Pending> {
        let pending = Self::write(self, container.as_str(), bytes)?.sync_in_background()?;
        Ok(Box::new(move || Ok(pending.wait()?)))
    }

    fn rewrite(&self, container: &ContainerId, bytes: &[u8]) -> io::Result<()> {
        Self::write(self, container.as_str(), bytes)?;
        Ok(())
    }

    fn remove(&self, container: &ContainerId) -> io::Result<()> {
        Ok(Self::remove(self, container.as_str())?)
    }

    fn list(&self) -> io::Result<Vec<ContainerId>> {
        let names = Self::list(self)?;
        Ok(names
            .iter()
            .filter_map(|name| ContainerId::parse(name).ok())
            .collect())
    }
}

impl DeviceInfoFiles for DeviceInfoDirs {
    fn of_device(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(Self::of_device(self, name)?)
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(Self::read(self, name)?)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        Ok(Self::write(self, name, bytes)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(Self::remove(self, name)?)
    }
}

/// The network namespaces of this host, by path.
#[derive(Debug, Default)]
pub struct HostNetns {
    /// The inode of the one that was last seen to be alive. A DEL asks before each delegate, and to see that it is the same
    /// again takes nobody who enters it.
    seen: AtomicU64,
    own_counts: bool,
}

impl HostNetns {
    /// With `own_counts`, the namespace that this process is in may be a sandbox. Otherwise it is the host's, and never
    /// alive: a path in a ledger may lead there by now (`/proc/<pid>/ns/net` of a process that ended), and a plugin that
    /// detaches would take the host's own interface away.
    #[must_use]
    pub fn new(own_counts: bool) -> Self {
        Self {
            own_counts,
            ..Self::default()
        }
    }
}

impl Netns for HostNetns {
    fn is_live(&self, netns: &str) -> bool {
        if netns.is_empty() {
            return false;
        }
        let path = Path::new(netns);
        let inode = inode(path).unwrap_or_default();
        if inode != 0 && inode == self.seen.load(Ordering::Relaxed) {
            return true;
        }
        if !self.own_counts && same_as_current(path).unwrap_or(false) {
            return false;
        }
        match state(path) {
            Ok(NetnsState::Gone | NetnsState::NotANetns) => false,
            Ok(NetnsState::Live) => {
                self.seen.store(inode, Ordering::Relaxed);
                true
            }
            // What cannot be told counts as alive: a plugin then says what is wrong with it.
            Err(_) => true,
        }
    }

    fn existing(&self, netns: &str, ifnames: &[&str]) -> io::Result<Vec<String>> {
        let look = || crate::netns::existing(ifnames);
        in_netns(Path::new(netns), look)
            .map_err(io::Error::other)?
            .map_err(io::Error::other)
    }

    fn change_routes(&self, netns: &str, ifname: &str, change: &RouteChange) -> io::Result<()> {
        in_netns(Path::new(netns), || change_routes(ifname, change)).map_err(io::Error::other)?
    }
}

fn change_routes(ifname: &str, change: &RouteChange) -> io::Result<()> {
    let mut netlink = Netlink::open().map_err(io::Error::other)?;
    let Some(interface) = netlink.link(ifname).map_err(io::Error::other)? else {
        // A network whose plugin makes no interface of this name has no routes through it.
        return if change.add.is_empty() {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        };
    };
    for (family, remove) in [
        (Family::V4, change.remove_v4),
        (Family::V6, change.remove_v6),
    ] {
        if !remove {
            continue;
        }
        for route in netlink.default_routes(family).map_err(io::Error::other)? {
            if route.hops.iter().any(|hop| hop.interface == interface) {
                netlink.delete_route(&route).map_err(io::Error::other)?;
            }
        }
    }
    for gateway in &change.add {
        netlink
            .add_default_route(*gateway, interface)
            .map_err(io::Error::other)?;
    }
    Ok(())
}
