//! A whole Kubernetes node in a box: etcd, API server, controllers, scheduler, containerd and kubelet in one network and one mount
//! namespace, with the paths that a node has (`/etc/cni/net.d`, `/opt/cni/bin`, `/var/lib/kubelet`, `/run/containerd`, …).
//!
//! Nothing of the machine is touched: what is written to those paths lies in memory, pods are in a control group of the node's own,
//! and everything ends with the [`Node`], also when its process is killed. It takes ten seconds to start and 800 MB of memory.
//! Needs root.
//!
//! A further node joins the cluster of one that runs: namespaces, containerd and kubelet of its own, on the same wire.

mod files;
mod image;
mod left;
mod life;
mod program;

pub use image::{BUSYBOX, archive};
pub use left::left_on_machine;
use life::name;
pub use life::{NAME, Node, POD_RANGE, SECOND};
pub use program::{CONTAINERD, Program};

/// Debian packages that a node needs.
const PACKAGES: [&str; 5] = [
    "busybox-static",
    "conntrack",
    "iproute2",
    "nftables",
    "runc",
];
