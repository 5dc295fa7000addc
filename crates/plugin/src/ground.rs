//! What the engine stands on.

use std::path::{Path, PathBuf};

use cni::Runtime;
use engine::Engine;
use npwg::device_info::{CNI_DIR, DEVICE_PLUGIN_DIR};
use plan::NetConf;
use sys::HostNetns;
use sys::exec::HostExec;
use sys::files::{DeviceInfoDirs, DirCache, DirLedger};

use crate::Runs;

/// Whose process carries a verb out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Site {
    /// One that the runtime started for this verb: the log goes where the configuration says, and delegates inherit the
    /// container's lock.
    #[default]
    Plugin,
    /// A daemon's, beside others: the log is its own, delegates run in its `chrootDir`, and the lock stays with it.
    Daemon {
        /// The delegates' root directory, where that is not its own.
        root: Option<PathBuf>,
    },
}

/// Processes, directories and namespaces of this host, for one configuration.
#[derive(Debug)]
pub struct Ground {
    exec: HostExec,
    cache: DirCache,
    ledgers: DirLedger,
    device_info: DeviceInfoDirs,
    netns: HostNetns,
}

impl Ground {
    /// `netns_override`: the host's own network namespace is fine (B1.29).
    #[must_use]
    pub fn new(conf: &NetConf, site: &Site, netns_override: bool) -> Self {
        let exec = HostExec::default();
        Self {
            exec: match site {
                Site::Daemon { root: Some(root) } if root != Path::new("/") => {
                    exec.in_root(root.clone())
                }
                Site::Daemon { .. } | Site::Plugin => exec,
            },
            cache: DirCache::below(&conf.cni_dir),
            ledgers: DirLedger::new(&conf.cni_dir),
            device_info: DeviceInfoDirs::new(DEVICE_PLUGIN_DIR.as_ref(), CNI_DIR.as_ref()),
            netns: HostNetns::new(netns_override),
        }
    }

    /// Looks for plugins in `first`, and then in `others` (B4.120).
    #[must_use]
    pub fn runtime(&self, first: &Path, others: &[PathBuf]) -> Runtime<'_> {
        let mut path = vec![first.to_owned()];
        path.extend(
            others
                .iter()
                .filter(|directory| *directory != first)
                .cloned(),
        );
        Runtime::new(&self.exec, &self.cache, path)
    }

    /// The engine, whose lines go to the log, and what its delegates do to `runs`.
    #[must_use]
    pub fn engine<'a>(&'a self, runtime: &'a Runtime<'a>, runs: &'a Runs) -> Engine<'a> {
        Engine {
            runtime,
            ledgers: &self.ledgers,
            device_info: &self.device_info,
            netns: &self.netns,
            observer: runs,
        }
    }
}
