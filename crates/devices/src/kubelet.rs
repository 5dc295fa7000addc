//! The kubelet of this node, by whichever of its two ways it tells about devices.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan::PodRef;

use crate::message::{self, Devices};
use crate::{CallError, DevicesError, call, checkpoint};

/// Where the kubelet serves pod resources (B5.81).
const SOCKET: &str = "/var/lib/kubelet/pod-resources/kubelet.sock";
/// Where its device manager keeps its allocations (B10.22).
const CHECKPOINT: &str = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
/// As much as every client of the service takes: a node's pods with all their devices.
const LARGEST: usize = 16 << 20;
/// How long the kubelet may take, whatever the caller's deadline.
const PATIENCE: Duration = Duration::from_secs(10);

/// The kubelet of this node.
#[derive(Debug, Clone)]
pub struct Kubelet {
    socket: PathBuf,
    checkpoint: PathBuf,
}

impl Default for Kubelet {
    fn default() -> Self {
        Self::at(SOCKET, CHECKPOINT)
    }
}

impl Kubelet {
    /// A kubelet with its socket and its checkpoint at these paths.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>, checkpoint: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            checkpoint: checkpoint.into(),
        }
    }

    /// Whether there is one to ask at all.
    #[must_use]
    pub fn is_there(&self) -> bool {
        exists(&self.socket) || exists(&self.checkpoint)
    }

    /// The device ids of a pod by resource name, each list sorted as text (B5.81, B5.83). The socket is asked by
    /// namespace and name; without a socket, the checkpoint is by UID: the kubelet's own, which for a static pod is not
    /// the API's (Q78).
    ///
    /// # Errors
    /// Neither could tell.
    pub fn devices(
        &self,
        pod: &PodRef,
        deadline: Instant,
    ) -> Result<BTreeMap<String, Vec<String>>, DevicesError> {
        if pod.namespace.is_empty() || pod.name.is_empty() {
            return Err(DevicesError::NoName);
        }
        let devices = if exists(&self.socket) {
            self.ask(pod, deadline)?
        } else {
            self.look_up(pod)?
        };
        let lists = devices.into_iter();
        Ok(lists
            .map(|(resource, ids)| (resource, ids.into_iter().collect()))
            .collect())
    }

    fn ask(&self, pod: &PodRef, deadline: Instant) -> Result<Devices, DevicesError> {
        let limit = PATIENCE.min(deadline.saturating_duration_since(Instant::now()));
        call::list(&self.socket, limit, LARGEST)
            .and_then(|answer| {
                message::devices_of(&answer, &pod.namespace, &pod.name).map_err(CallError::from)
            })
            .map_err(|source| DevicesError::Call {
                pod: label(pod),
                socket: self.socket.clone(),
                source,
            })
    }

    fn look_up(&self, pod: &PodRef) -> Result<Devices, DevicesError> {
        let path = || self.checkpoint.clone();
        if pod.uid.is_empty() && exists(&self.checkpoint) {
            return Err(DevicesError::NoUid {
                pod: label(pod),
                path: path(),
            });
        }
        match checkpoint::devices_of(&self.checkpoint, &pod.uid, LARGEST) {
            Ok(Some(devices)) => Ok(devices),
            Ok(None) => Err(DevicesError::NoKubelet {
                pod: label(pod),
                socket: self.socket.clone(),
                checkpoint: path(),
            }),
            Err(source) => Err(DevicesError::Checkpoint {
                pod: label(pod),
                path: path(),
                source,
            }),
        }
    }
}

fn label(pod: &PodRef) -> String {
    format!("{}/{}", pod.namespace, pod.name)
}

/// What cannot be looked at counts as there: asking it says what is wrong.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

#[cfg(test)]
mod tests;
