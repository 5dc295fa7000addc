//! What a plan needs to know from outside, and what is known so far.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cni::DirFile;
use npwg::Definition;

use crate::{Claim, DeviceMap, Pod, PodRef, PublishedDevice};

/// Where pods and definitions come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Catalog {
    /// Nowhere: only the inline `delegates` are attached (B2.142).
    None,
    /// The Kubernetes API. A pod that it does not know gets no network (B4.24).
    Api,
    /// A directory of manifests. A pod that it does not know gets the default network.
    Local,
}

/// Something that [`crate::plan`] has to be told before it can go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The pod.
    Pod {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// A NetworkAttachmentDefinition.
    Definition {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// What lies at a path of the host.
    Path(PathBuf),
    /// The devices that the kubelet gave to a pod. The UID is the kubelet's, which for a static pod is not the API's.
    Devices(PodRef),
    /// A ResourceClaim.
    Claim {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// The devices that a driver publishes for a node, or for all of them.
    Slices {
        /// The driver.
        driver: String,
        /// The node.
        node: Option<String>,
    },
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathFact {
    /// Nothing.
    Missing,
    /// A directory, with its CNI configuration files.
    Directory(Vec<DirFile>),
    /// A regular file.
    File(Vec<u8>),
    /// Something that cannot be read, and why.
    Unreadable(String),
}

/// The answer to a [`Need`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The pod, or that it does not exist.
    Pod(Option<Pod>),
    /// The definition, or that it does not exist.
    Definition(Option<Definition>),
    /// What lies at the path.
    Path(PathFact),
    /// The pod's devices.
    Devices(DeviceMap),
    /// The claim, or that it does not exist.
    Claim(Option<Claim>),
    /// The driver's devices.
    Slices(Vec<PublishedDevice>),
}

/// Everything known so far.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    known: BTreeMap<Need, Fact>,
}

impl Facts {
    /// Adds an answer.
    pub fn insert(&mut self, need: Need, fact: Fact) {
        self.known.insert(need, fact);
    }

    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Result<Option<&Pod>, Need> {
        let need = Need::Pod {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        match self.known.get(&need) {
            Some(Fact::Pod(pod)) => Ok(pod.as_ref()),
            _ => Err(need),
        }
    }

    pub(crate) fn definition(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<&Definition>, Need> {
        let need = Need::Definition {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        match self.known.get(&need) {
            Some(Fact::Definition(definition)) => Ok(definition.as_ref()),
            _ => Err(need),
        }
    }

    pub(crate) fn path(&self, path: &Path) -> Result<&PathFact, Need> {
        let need = Need::Path(path.to_owned());
        match self.known.get(&need) {
            Some(Fact::Path(fact)) => Ok(fact),
            _ => Err(need),
        }
    }

    pub(crate) fn devices(&self, pod: PodRef) -> Result<&DeviceMap, Need> {
        let need = Need::Devices(pod);
        match self.known.get(&need) {
            Some(Fact::Devices(devices)) => Ok(devices),
            _ => Err(need),
        }
    }

    pub(crate) fn claim(&self, namespace: &str, name: &str) -> Result<Option<&Claim>, Need> {
        let need = Need::Claim {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        };
        match self.known.get(&need) {
            Some(Fact::Claim(claim)) => Ok(claim.as_ref()),
            _ => Err(need),
        }
    }

    pub(crate) fn slices(
        &self,
        driver: &str,
        node: Option<&str>,
    ) -> Result<&[PublishedDevice], Need> {
        let need = Need::Slices {
            driver: driver.to_owned(),
            node: node.map(str::to_owned),
        };
        match self.known.get(&need) {
            Some(Fact::Slices(devices)) => Ok(devices),
            _ => Err(need),
        }
    }
}
